"""Batches of short adhoc tasks: claimed at once, run one after the other, settled at once.

A commit costs more than a short task. So while one class alone is due, and its runs are short, some of its
tasks are claimed together. Each start is noted in the run journal first; what has not started can be given
back at any time, by this process or, when one of them hangs, by the helper process.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from taskrunner.runner.batch_helper import BatchHelper
from taskrunner.runner.job import FinishedRun

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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
