"""Batches of short adhoc tasks: claimed at once, run one after the other, settled at once.

A commit costs more than a short task. So while one class alone is due, and its runs are short, some of its
tasks are claimed together. Each start is noted in the run journal first; what has not started can be given
back at any time, by this process or, when one of them hangs, by the helper process.

The helper is not a thread: it works also while the task holds the interpreter for itself, in C code say. It
decides nothing by a clock: a line in the run journal does, and the order of its lines (see `journal`).
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from taskrunner.child_process import is_ready
from taskrunner.files import open_file
from taskrunner.runner.job import FinishedRun
from taskrunner.runner.journal import give_back, read_journal
from taskrunner.runner.log_file import KEPT_FROM_CHILDREN, moved
from taskrunner.runner.settle import settle
from taskrunner.store import open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from taskrunner.installation import Site
    from taskrunner.runner.execute import Executor, Skip, Unloadable
    from taskrunner.runner.job import Job
    from taskrunner.runner.journal import RunJournal

LONGEST = 0.25
"""Seconds that a batch may be expected to take, and after which it is ended."""

FEWEST = 4
"""Short runs in a row from which on they are batched: for fewer a helper process costs more than it saves."""

MOST = 64
LARGEST_OUTPUT = 1024 * 1024
"""Characters that the tasks of a batch may print before it is ended: they are kept in memory until then."""


class Batch(NamedTuple):
    """Tasks that were claimed together, in the order in which they run; most often one."""

    jobs: Sequence[Job]


@dataclass(slots=True)
class Ran:
    """What came of the tasks of a batch that were run or passed over; whether others are to be given back."""

    results: list[tuple[Job, FinishedRun | Skip | Unloadable]] = field(default_factory=list)
    has_left: bool = False

    @property
    def finished(self) -> list[FinishedRun]:
        """The finished runs."""
        return [result for _, result in self.results if isinstance(result, FinishedRun)]


@dataclass(slots=True)
class Pace:
    """How short the runs of a class have been lately."""

    name: str = ""
    _short: int = 0
    _seconds: float = 0.0

    def size(self, name: str) -> int:
        """Return how many tasks of a class may be claimed at once: as many as were short in a row.

        >>> pace = Pace()
        >>> [(pace.size("a"), pace.note("a", count, 0.01)) for count in (1, 1, 2, 4, 8)]
        [(1, None), (1, None), (1, None), (4, None), (8, None)]
        >>> pace.size("a"), pace.size("b"), pace.note("a", 1, 9.0), pace.size("a")
        (16, 1, None, 1)
        """
        if name != self.name or self._short < FEWEST:
            return 1
        return max(1, min(MOST, self._short, int(LONGEST / max(self._seconds, 0.0001))))

    def note(self, name: str, count: int, seconds: float) -> None:
        """Note that so many tasks of a class took so long."""
        if name != self.name:
            self.name, self._short = name, 0
        self._seconds = seconds / count
        self._short = self._short + count if self._seconds * 2 <= LONGEST and seconds <= 2 * LONGEST else 0

    def forget(self) -> None:
        """Begin again with one task at a time."""
        self._short = 0


@dataclass(slots=True)
class BatchExecutor:
    """Executes the tasks of batches, and says how many may be claimed at once.

    `has_room`: whether the log file can be written. `must_leave`: whether nothing more is to be started.
    """

    site: Site
    executor: Executor
    journal: RunJournal
    clock: Callable[[], float]
    has_room: Callable[[], bool]
    must_leave: Callable[[], bool] = bool
    pace: Pace = field(default_factory=Pace)
    helper: BatchHelper | None = None

    def execute(self, batch: Batch, *, until: float) -> Ran:
        """Run the tasks of a batch until one does not end well, or nothing more is to be started."""
        if len(batch.jobs) == 1:
            self._tidy_up()
        ran, began_at, printed = Ran(), time.perf_counter(), 0
        for number, job in enumerate(batch.jobs):
            left = len(batch.jobs) - number - 1
            if number:
                is_late = time.perf_counter() - began_at > LONGEST or self.clock() > until
                if is_late or printed > LARGEST_OUTPUT or self.must_leave():
                    break
                job = job._replace(started_at=self.clock())
            if not self.journal.start(job.run_id, job.started_at, left=left) and number:
                break
            result = self.executor.execute(job)
            ran.results.append((job, result))
            if not isinstance(result, FinishedRun) or result.run.outcome != "ok":
                break
            printed += len(result.run.output)
        ran.has_left = len(ran.results) < len(batch.jobs)
        self._note(ran, batch.jobs[0], time.perf_counter() - began_at)
        return ran

    def size(self, name: str) -> int:
        """Return how many tasks of an adhoc class may be claimed at once, now."""
        is_watched = self.helper is not None and self.helper.is_alive()
        if not is_watched or self.journal.is_disturbed or self.journal.is_long or not self.has_room():
            return 1
        declaration = self.site.registry.tasks.get(name)
        if declaration is None or self.site.planner.isolation(declaration) != "none":
            return 1
        return self.pace.size(name)

    def close(self) -> None:
        """Let the helper process leave."""
        if self.helper is not None:
            self.helper.leave()
            self.helper = None

    def _note(self, ran: Ran, job: Job, seconds: float) -> None:
        if job.type != "adhoc":
            return
        self.pace.note(job.name, len(ran.results), seconds)
        if ran.has_left or any(run.run.outcome != "ok" for run in ran.finished):
            self.pace.forget()
        elif self.helper is None and self.pace.size(job.name) > 1 and not self.journal.is_disturbed:
            self.journal.keep()
            with suppress(OSError):  # no process or descriptor is left: one task at a time
                self.helper = BatchHelper(self.site, self.journal)

    def _tidy_up(self) -> None:
        """Let a helper go that has done its work, or died; nothing is claimed that it could give back."""
        has_news = self.journal.is_disturbed or self.journal.is_long
        if self.helper is not None and (has_news or not self.helper.is_alive()):
            if not self.helper.leave():
                return  # it is still at it
            self.helper = None
        if has_news and self.helper is None:
            self.journal.begin_anew()


INTERVAL = 0.2
"""Seconds between two looks at the journal."""

STANDSTILL = 0.8
"""Seconds in which nothing moved, after which the helper acts: with its interval, a second at most."""

PATIENCE = 0.5
"""Seconds for which its end is waited for."""

IDLE = 10.0
"""Seconds without any news after which it leaves: a long task may follow the short ones."""

LONGEST_ACT = 60
"""Seconds after which the kernel ends it, whatever it waits for."""


class BatchHelper:
    """A process beside that of a runner; it leaves when it has done its work, or when the runner is gone.

    It is nobody's child, so that no task which waits for its own children waits for it.
    """

    def __init__(self, site: Site, journal: RunJournal) -> None:
        leaving, ours = os.pipe()
        alive, its = os.pipe()
        self._ours, self._alive = moved(ours), moved(alive)
        KEPT_FROM_CHILDREN.update((self._ours, self._alive))
        child = os.fork()
        if child == 0:
            _live(site, journal, leaving, its)
        os.close(leaving)
        os.close(its)
        with suppress(ChildProcessError):
            os.waitpid(child, 0)

    def is_alive(self) -> bool:
        """Return whether it is there; also not if a task has closed the pipes that tell."""
        return self._ours.is_intact() and self._alive.is_intact() and not is_ready(self._alive.number)

    def leave(self) -> bool:
        """Let it leave; return whether it has."""
        KEPT_FROM_CHILDREN.discard(self._ours)
        self._ours.close()
        if self._alive.is_intact() and not is_ready(self._alive.number, seconds=PATIENCE):
            return False
        KEPT_FROM_CHILDREN.discard(self._alive)
        self._alive.close()
        return True


def _live(site: Site, journal: RunJournal, leaving: int, its: int) -> NoReturn:
    """Be the helper, which no signal to the group is meant for, and nobody's child."""
    try:
        nothing = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):  # whoever reads what the runner prints is not to wait for the helper
            os.dup2(nothing, number)
        for signal_number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(signal_number, signal.SIG_IGN)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        if os.fork() == 0:
            watch(leaving, site, journal)
    finally:
        os._exit(0)


def watch(leaving: int, site: Site, journal: RunJournal) -> None:
    """Look at the journal until nothing moves while tasks wait; then give those back."""
    size, moved_at = -1, 0.0
    while not is_ready(leaving, seconds=INTERVAL):
        try:
            now, size_now = time.monotonic(), os.stat(journal.path).st_size
        except OSError:  # the runner has left
            return
        if size_now != size:
            size, moved_at = size_now, now
        elif now - moved_at >= IDLE:
            return
        elif now - moved_at >= STANDSTILL and _has_waiting(journal.path):
            signal.alarm(LONGEST_ACT)
            give_back(journal.path)
            store = open_store(site.config.database, lock_database=site.config.lock_database)
            settle_waiting(site._replace(store=store), journal)
            return


TAIL = 64 * 1024


def _has_waiting(path: Path) -> bool:
    """Return whether tasks wait behind the last one that has started."""
    descriptor = open_file(path, os.O_RDONLY)
    try:
        tail = os.pread(descriptor, TAIL, max(0, os.fstat(descriptor).st_size - TAIL))
    finally:
        os.close(descriptor)
    starts = [line for line in tail.split(b"\n") if line.startswith(b"S ")]
    return bool(starts) and not starts[-1].endswith(b" 0")


def settle_waiting(site: Site, journal: RunJournal) -> None:
    """Settle what has ended well, and give back what has not started, of the batch whose task hangs.

    Called once the journal says so; the runner starts nothing of it from then on. What it settles itself
    later is not its own any more.
    """
    noted = read_journal(journal.state_dir, journal.runner_id)
    with site.store.transaction():
        waiting = []
        for row in site.store.runners.claimed(journal.runner_id):
            if row.run_id in noted.ended:
                if noted.ended[row.run_id].outcome == "ok" and (finished := noted.finished_run(row)):
                    settle(site, finished).get()
            elif not noted.has_started(row):
                waiting.append(row.run_id)
            elif row.behind:
                site.store.adhoc.note_start(row.run_id, noted.started[row.run_id])
        site.store.adhoc.give_back(waiting, interrupted=False)
