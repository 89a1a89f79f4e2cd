"""What a cron would write, tried: the state directory and all in it, today's log folder, the database."""

from __future__ import annotations

import errno
import os
import shlex
import stat
from typing import TYPE_CHECKING

from taskrunner.db import error_of_writing
from taskrunner.files import UNTRICKED
from taskrunner.finding import Finding
from taskrunner.ownership import permission_advice

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from taskrunner.config import Config

MOST = 3
"""Findings that say enough: what one `sudo` left behind are many files."""


def access_findings(config: Config) -> list[Finding]:
    """Return what keeps a cron from working, each critical and with what to type; nothing stays."""
    found: list[Finding] = []
    written = {path: key for key, path in _written(config)}
    for path, key in written.items():
        message, hint = _denied(path)
        if message:
            found.append(Finding("files", "critical", f"{key}: {message}", hint))
        if len(found) == MOST:
            break
    return found or _database(config)


def log_finding(config: Config, *, now: float) -> Finding | None:
    """Return why the log of a cron that started now would be kept elsewhere, or None if it would not."""
    from taskrunner.runner.log_file import log_name  # late: only for a name

    message, hint = _denied((config.log_dir / log_name(config, started_at=now)).parent)
    if not message:
        return None
    cause = f"log_dir: {message}: logs go to the state directory"
    return Finding("log directory", "critical", cause, hint)


def _denied(path: Path) -> tuple[str, str]:
    """Return what is wrong with writing a path, and what to type, or two empty texts if it can be written."""
    error = _error_of_writing(path)
    if error is None:
        return "", ""
    about, hint = permission_advice(path, error)
    return f"cannot write {path}: {error.strerror}{about}", hint or f"ls -ld {shlex.quote(str(path))}"


def _written(config: Config) -> Iterator[tuple[str, Path]]:
    """Yield what a cron writes: folders, and the files that are there already."""
    yield "state_dir", config.state_dir
    for folder, _, names in os.walk(config.state_dir):
        above = config.state_dir / folder
        if above != config.state_dir:
            yield "state_dir", above
        yield from (("state_dir", above / name) for name in names)
    if config.database.startswith("sqlite:"):
        database = config.state_dir / config.database.removeprefix("sqlite:")
        yield "database", database.parent
        for end in ("", "-journal", "-wal", "-shm", ".id"):
            if os.path.lexists(file := database.with_name(database.name + end)):
                yield "database", file


def _error_of_writing(path: Path) -> OSError | None:
    """Return what is wrong with writing a file, or into a folder that is there or would be made."""
    there = path
    try:
        while not os.path.lexists(there):
            there = there.parent
        if there.is_dir():
            _try_folder(there)
        elif there != path:
            raise NotADirectoryError(errno.ENOTDIR, f"{there} is not a folder")
        elif stat.S_ISREG(there.lstat().st_mode) and not os.access(there, os.R_OK | os.W_OK):
            os.close(os.open(there, os.O_RDWR | UNTRICKED))  # a database that is open here is never closed
    except FileNotFoundError:  # it is gone meanwhile
        return None
    except OSError as error:
        return error
    return None


def _try_folder(folder: Path) -> None:
    draft = folder / f".taskrun-check.{os.getpid()}"
    os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | UNTRICKED, 0o600))
    draft.unlink()


def _database(config: Config) -> list[Finding]:
    error = error_of_writing(config.database)
    return [] if error is None else [Finding("database", "critical", str(error), error.hint or "")]
