"""What came of a run that the database could not be told: kept beside its log file until the next cron."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from typing import TYPE_CHECKING

from taskrunner.records import Run
from taskrunner.runner.ended import Ended

if TYPE_CHECKING:
    from typing import Any

LARGEST = 8 * 1024 * 1024
"""Bytes: more than a run with the longest kept output takes."""


def keep(ended: Ended) -> None:
    """Write it down so that it survives this process and the machine's power. Raises OSError."""
    path = _path(ended.run.log_file, ended.run.run_id)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(f"{path}.draft", flags, 0o640)
    try:
        data = json.dumps(asdict(ended)).encode()
        while data:
            data = data[os.write(descriptor, data) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.replace(f"{path}.draft", path)


def find(log_file: str | None, run_id: str) -> Ended | None:
    """Return what came of a run; None: nothing was written down, or not here, or it cannot be understood."""
    if log_file is None:
        return None
    try:
        descriptor = os.open(_path(log_file, run_id), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        kept = json.loads(os.read(descriptor, LARGEST))
        ended = Ended(**kept | {"run": Run(**kept["run"])})
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None
    finally:
        os.close(descriptor)
    return ended if ended.run.run_id == run_id else None


def drop(log_file: str | None, run_id: str) -> None:
    """Forget it: the database knows."""
    if log_file is not None:
        remove_if_there(_path(log_file, run_id))


def remove_if_there(path: str) -> None:
    """Remove a file; nothing happens where there is none, or where it cannot be removed."""
    try:
        os.unlink(path)
    except OSError:
        return


def _path(log_file: str | Any, run_id: str) -> str:
    return f"{log_file}.{run_id}.outcome"
