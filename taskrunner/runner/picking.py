"""Choosing and claiming the next adhoc task."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from taskrunner.runner import lines
from taskrunner.runner.job import adhoc_job
from taskrunner.runner.limits import is_full, order, rank

if TYPE_CHECKING:
    from collections.abc import Callable

    from taskrunner.records import WaitingClass
    from taskrunner.runner.job import Job
    from taskrunner.site import Site
    from taskrunner.store.claim import Stamp


@dataclass(frozen=True, slots=True)
class Selection:
    """Which adhoc tasks a process is to run: all, unless somebody asked for some by hand."""

    name: str | None = None
    ignore_limits: bool = False
    limit: int | None = None


EVERYTHING = Selection()


@dataclass(slots=True)
class Picker:
    """Hands out adhoc tasks. Call `pick` inside a transaction, so that limits hold across processes."""

    site: Site
    selection: Selection
    say: Callable[[str], None]
    _skipped: set[str] = field(default_factory=set)
    _claimed: int = 0

    def new_phase(self) -> None:
        """Forget which full classes were named: each is named once in a phase."""
        self._skipped.clear()

    def has_due(self, now: float) -> bool:
        """Say whether a task waits that can be run, limits aside."""
        return bool(self._due(now))

    def pick(self, stamp: Stamp) -> Job | None:
        """Claim the task to run next; None: there is none that may, or as many as wanted were claimed."""
        if self._claimed == self.selection.limit:
            return None
        due = self._due(stamp.now)
        limits = {} if self.selection.ignore_limits else self._limits(due)
        if limits and self.site.store.is_shared:
            self.site.store.settings.alone("limits")
            due = self._due(stamp.now)  # as it is now that nobody else counts
        for waiting in self._ordered(due, limits):
            row = self.site.store.adhoc.claim(waiting.name, stamp)
            if row is not None:
                self._claimed += 1
                return adhoc_job(row)
        return None

    def _ordered(self, due: list[WaitingClass], limits: dict[str, int]) -> list[WaitingClass]:
        if self.selection.ignore_limits:
            chosen = sorted(due, key=rank)
        else:
            self._name_full_classes(due, limits)
            running = self.site.store.adhoc.running_classes()
            chosen = order(
                due,
                running_classes=len(running.keys() - {waiting.name for waiting in due}),
                running=sum(count for count, _ in running.values()),
                limit=self.site.config.cron.adhoc_concurrency_limit,
                limits=limits,
            )
        return [waiting for waiting in chosen if self.selection.name in (None, waiting.name)]

    def _due(self, now: float) -> list[WaitingClass]:
        """Return the classes that have a due task and can be run."""
        waiting = self.site.store.adhoc.waiting_classes(now)
        return [task for task in waiting if self.site.why_not_run(task.name) is None]

    def _limits(self, due: list[WaitingClass]) -> dict[str, int]:
        """Return how many of each class may run at once, for those that have such a limit."""
        declared = (self.site.registry.get(waiting.name) for waiting in due)
        limits = {task.name: self.site.planner.concurrency_limit(task) for task in declared}
        return {name: limit for name, limit in limits.items() if limit}

    def _name_full_classes(self, due: list[WaitingClass], limits: dict[str, int]) -> None:
        for waiting in due:
            if is_full(waiting, limits) and waiting.name not in self._skipped:
                self._skipped.add(waiting.name)
                self.say(lines.class_is_full(waiting.name, limits[waiting.name]))
