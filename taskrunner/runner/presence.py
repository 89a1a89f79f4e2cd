"""A process that is known to run tasks: its lock tells life from death, its row tells who it is."""

from __future__ import annotations

import contextlib
import json
import os
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

from taskrunner.errors import StoreError
from taskrunner.files import make_folder, open_file
from taskrunner.formatting import new_id
from taskrunner.records import Run, Stamp
from taskrunner.runner.job import Ended
from taskrunner.runner.log_file import Held, moved, read_output

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from taskrunner.installation import Site
    from taskrunner.records import RunningRow
    from taskrunner.runner.output import Stretch


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a runner is."""

    id: str
    hostname: str
    pid: int
    started_at: float
    command: str

    def stamp(self, now: float) -> Stamp:
        """Return the stamp of a new run."""
        return Stamp(self.id, new_id(now), now, self.hostname, self.pid)


LOCK_PREFIX = "runner-"


def lock_name(runner_id: str) -> str:
    """Return the name of the lock whose holder is a runner, alive."""
    return f"{LOCK_PREFIX}{runner_id}"


def new_identity(command: str, now: float) -> Identity:
    """Return the identity of this process."""
    return Identity(new_id(now), os.uname().nodename, os.getpid(), now, command)


@contextmanager
def present(site: Site, identity: Identity, notes: Notes, *, log_file: str) -> Iterator[None]:
    """Be known as a runner inside the block.

    When the database fails, the row stays: the next cron finds it without its lock, and makes up the books.
    """
    name = lock_name(identity.id)
    lock = site.locks.acquire(name)
    if lock is None:
        raise StoreError(f"the lock of the new runner {identity.id} is taken: its id is not its own")
    try:
        site.store.runners.add(
            identity.id,
            hostname=identity.hostname,
            pid=identity.pid,
            started_at=identity.started_at,
            command=identity.command,
            log_file=log_file,
        )
        yield
        site.store.runners.remove(identity.id)
        site.locks.forget(name)
        notes.forget()
    finally:
        lock.release()


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
            self._opened = moved(open_file(path, os.O_WRONLY | os.O_CREAT))
        return self._opened.number


def noted_end(state_dir: Path, running: RunningRow) -> Ended | None:
    """Return how a run had ended, with its output; None: it had not, or nobody could note it."""
    try:
        with open(open_file(_path(state_dir, running.runner_id), os.O_RDONLY), "rb") as file:
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
        descriptor = open_file(log_file or "", os.O_RDONLY)
    except OSError as error:
        return f"(its log file {log_file} cannot be read: {error.strerror})\n"
    try:
        return read_output(descriptor, start, end)
    finally:
        os.close(descriptor)
