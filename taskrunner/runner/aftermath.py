"""How a run had ended whose process died before that was written to the database.

Each runner notes the end of a run in a file of its own the moment it knows it: one short write, which
outlives the process. What a task prints can look like anything; the note is not made of it.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

from taskrunner.folders import make_folder
from taskrunner.records import Run
from taskrunner.runner.ended import Ended
from taskrunner.runner.output.held import Held, moved
from taskrunner.runner.output.log_file import open_for_reading, read_output

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from taskrunner.records import RunningRow
    from taskrunner.runner.output import Stretch

FOLDER = "ended"
LARGEST = 1024 * 1024
LONGEST_BACKTRACE = 64 * 1024
ENDED = tuple(field.name for field in fields(Ended))
RUN = tuple(field.name for field in fields(Run))


@dataclass(slots=True)
class Notes:
    """The file of one runner. It holds the end of its last run."""

    state_dir: Path
    runner_id: str
    _opened: Held | None = None

    def write(self, ended: Ended, stretch: Stretch, backtrace: str) -> None:
        """Note that a run has ended, its output a stretch of its log file and the backtrace.

        Where that cannot be written, on a full disk say, a run whose process dies now counts as crashed.
        """
        said = {name: getattr(ended, name) for name in ENDED}
        said["run"] = {name: getattr(ended.run, name) for name in RUN} | {"output": ""}
        said |= {"output": [stretch.start, stretch.end], "backtrace": backtrace[:LONGEST_BACKTRACE]}
        with contextlib.suppress(OSError):
            os.pwrite(self._descriptor(), json.dumps(said).encode("ascii") + b"\n", 0)

    def secure(self) -> None:
        """Let the note outlive the machine's power as well."""
        with contextlib.suppress(OSError):
            os.fsync(self._descriptor())

    def forget(self) -> None:
        """Remove the file: the books of this runner are written, and it runs nothing more."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None
        forget_note(self.state_dir, self.runner_id)

    def _descriptor(self) -> int:
        if self._opened is None or not self._opened.is_intact():
            path = _path(self.state_dir, self.runner_id)
            make_folder(path.parent)
            flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            self._opened = moved(os.open(path, flags, 0o600))
        return self._opened.number


def noted_end(state_dir: Path, running: RunningRow) -> Ended | None:
    """Return how a run had ended, with its output; None: it had not, or nobody could note it."""
    try:
        with open(open_for_reading(_path(state_dir, running.runner_id)), "rb") as file:
            said = json.loads(file.read(LARGEST).partition(b"\n")[0])
        run = Run(**said.pop("run"))
        (start, end), backtrace = said.pop("output"), said.pop("backtrace")
        ended = Ended(run, **said)
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None
    if run.run_id != running.run_id:
        return None
    return replace(ended, run=replace(run, output=_output(run.log_file, start, end) + backtrace))


def forget_note(state_dir: Path, runner_id: str) -> None:
    """Remove the file of a runner whose books are written."""
    with contextlib.suppress(OSError):
        os.unlink(_path(state_dir, runner_id))


def sweep_notes(state_dir: Path, known: Collection[str], *, before: float) -> None:
    """Remove the old notes of runners that are not known any more: they were killed while they left."""
    for path in (state_dir / FOLDER).glob("*.json"):
        with contextlib.suppress(OSError):
            if path.stem not in known and path.lstat().st_mtime < before:
                path.unlink()


def _path(state_dir: Path, runner_id: str) -> Path:
    return state_dir / FOLDER / f"{runner_id}.json"


def _output(log_file: str | None, start: int, end: int) -> str:
    try:
        descriptor = open_for_reading(log_file or "")
    except OSError as error:
        return f"(its log file {log_file} cannot be read: {error.strerror})\n"
    try:
        return read_output(descriptor, start, end)
    finally:
        os.close(descriptor)
