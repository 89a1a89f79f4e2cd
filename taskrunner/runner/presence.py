"""The presence of a runner: its identity, its lock, its row, and its run journal beside the database."""

from __future__ import annotations

import contextlib
import json
import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from taskrunner.cron_count import note
from taskrunner.errors import StoreError
from taskrunner.files import make_folder, open_file
from taskrunner.formatting import new_id
from taskrunner.liveness import lock_name
from taskrunner.records import ClaimInfo, Run
from taskrunner.runner.job import FinishedRun
from taskrunner.runner.log_file import OwnedDescriptor, moved, read_output

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from taskrunner.installation import Site
    from taskrunner.records import RunningRow
    from taskrunner.runner.output import OutputRange


class RunnerIdentity(NamedTuple):
    """Who a runner is."""

    id: str
    hostname: str
    pid: int
    started_at: float
    command: str
    renewed_from: float | None = None

    @property
    def began_at(self) -> float:
        """When its process started, which may have been renewed since."""
        return self.started_at if self.renewed_from is None else self.renewed_from

    def claim_info(self, now: float) -> ClaimInfo:
        """Return what the claim of a new run writes down."""
        return ClaimInfo(self.id, new_id(now), now, self.hostname, self.pid)


@contextmanager
def present(site: Site, identity: RunnerIdentity, journal: RunJournal, *, log_file: str) -> Iterator[None]:
    """Be known as a runner inside the block.

    When the database fails, the row stays: the next cron finds it without its lock, and recovers its run.
    """
    name = lock_name(identity.id)
    lock = site.locks.acquire(name)
    if lock is None:
        raise StoreError(f"the lock of the new runner {identity.id} is held by another process")
    try:
        with site.store.transaction():
            crons = (
                None if site.store.is_shared else site.store.hosts.beat(site.hostname, identity.started_at)
            )
            site.store.runners.add(
                identity.id,
                hostname=identity.hostname,
                pid=identity.pid,
                started_at=identity.started_at,
                command=identity.command,
                log_file=log_file,
            )
        if crons is not None:
            note(site, crons)
        yield
        site.store.runners.remove(identity.id)
        site.locks.forget(name)
        journal.forget()
    finally:
        lock.release()


FOLDER = "ended"  # as in the state directories of earlier versions
LARGEST = 1024 * 1024
LONGEST_BACKTRACE = 64 * 1024


@dataclass(slots=True)
class RunJournal:
    """The file of one runner, in which the end of its last run is noted before the database is told."""

    state_dir: Path
    runner_id: str
    _opened: OwnedDescriptor | None = None

    def write(self, finished: FinishedRun, printed: OutputRange, backtrace: str) -> None:
        """Note that a run has ended, its output a range of its log file and the backtrace.

        Where that cannot be written, on a full disk say, a run whose process dies now counts as crashed.
        """
        noted = finished._asdict()
        noted["run"] = finished.run._asdict() | {"output": ""}
        noted |= {"output": [printed.start, printed.end], "backtrace": backtrace[:LONGEST_BACKTRACE]}
        with contextlib.suppress(OSError):
            os.pwrite(self._descriptor(), json.dumps(noted).encode("ascii") + b"\n", 0)

    def open(self) -> None:
        """Open the file before a task runs, which may leave no descriptor free."""
        with contextlib.suppress(OSError):
            self._descriptor()

    def secure(self) -> None:
        """Let the note survive a loss of power as well."""
        with contextlib.suppress(OSError):
            os.fsync(self._descriptor())

    def forget(self) -> None:
        """Remove the file: all runs of this runner are settled, and it runs nothing more."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None
        remove_journal(self.state_dir, self.runner_id)

    def _descriptor(self) -> int:
        if self._opened is None or not self._opened.is_intact():
            path = _path(self.state_dir, self.runner_id)
            make_folder(path.parent)
            self._opened = moved(open_file(path, os.O_WRONLY | os.O_CREAT))
        return self._opened.number


def find_finished_run(state_dir: Path, running: RunningRow) -> FinishedRun | None:
    """Return a run as its journal has it, with its output, or None if it had not ended or was not noted."""
    try:
        with open(open_file(_path(state_dir, running.runner_id), os.O_RDONLY), "rb") as file:
            noted = json.loads(file.read(LARGEST).partition(b"\n")[0])
        run = Run(**noted.pop("run"))
        (start, end), backtrace = noted.pop("output"), noted.pop("backtrace")
        finished = FinishedRun(run, **noted)
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None
    if run.run_id != running.run_id:
        return None
    return finished._replace(run=run._replace(output=_output(run.log_file, start, end) + backtrace))


def remove_journal(state_dir: Path, runner_id: str) -> None:
    """Remove the journal of a runner whose runs are all settled."""
    with contextlib.suppress(OSError):
        os.unlink(_path(state_dir, runner_id))


REFUSED = ".refused"


def set_journal_aside(state_dir: Path, runner_id: str) -> None:
    """Keep the journal of a run whose end the database has refused, under a name that no cron reads."""
    with contextlib.suppress(OSError):
        path = _path(state_dir, runner_id)
        os.replace(path, path.with_suffix(REFUSED))


def journals_set_aside(state_dir: Path) -> list[Path]:
    """Return the journals that were kept because the database has refused what they say."""
    return sorted((state_dir / FOLDER).glob(f"*{REFUSED}"))


def remove_old_journals(state_dir: Path, known: Collection[str], *, before: float) -> None:
    """Remove the old journals of runners that are not known any more: they were killed while they left."""
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
