"""Choosing and claiming the next adhoc task."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from taskrunner.runner import lines
from taskrunner.runner.job import adhoc_job, nothing
from taskrunner.runner.limits import is_full, order, rank

if TYPE_CHECKING:
    from collections.abc import Callable

    from taskrunner.records import AdhocRow, Outlook, WaitingClass
    from taskrunner.runner.job import Claim, Claimed, Job
    from taskrunner.site import Site
    from taskrunner.store.claim import Stamp


@dataclass(frozen=True, slots=True)
class Selection:
    """Which adhoc tasks a process is to run: all, unless somebody asked for some by hand."""

    name: str | None = None
    ignore_limits: bool = False
    limit: int | None = None


EVERYTHING = Selection()


@dataclass(frozen=True, slots=True)
class Look:
    """A question how the queue stands, as it is at a moment; `is_alone`: nobody else counts until its end."""

    now: float
    outlook: Callable[[], Outlook]
    is_alone: bool


@dataclass(slots=True)
class Picker:
    """Hands out adhoc tasks. Call `pick` inside a transaction, so that limits hold across processes."""

    site: Site
    selection: Selection
    say: Callable[[str], None]
    _skipped: set[str] = field(default_factory=set)
    _claimed: int = 0
    _had_limits: bool = False

    def new_phase(self) -> None:
        """Forget which full classes were named: each is named once in a phase."""
        self._skipped.clear()

    def has_due(self, now: float) -> bool:
        """Say whether a task waits that can be run, limits aside."""
        return bool(self._runnable(self.site.store.adhoc.waiting_classes(now)))

    def pick(self, stamp: Stamp) -> Job | None:
        """Claim the task to run next; None: there is none that may, or as many as wanted were claimed."""
        for waiting in self._choose(self._look(stamp.now)):
            row = self.site.store.adhoc.claim(waiting.name, stamp)
            if row is not None:
                return self._taken(row)
        return None

    def search(self, stamp: Stamp) -> Claim:
        """Do what `pick` does, in the steps of a search."""
        look = self._look(stamp.now)

        def claim() -> Claimed:
            chosen = self._choose(look)
            if not chosen:
                return nothing
            row = self.site.store.adhoc.claim_later(chosen[0].name, stamp)
            return lambda: self._taken(found) if (found := row()) else self._pick_again(stamp)

        return claim

    def _pick_again(self, stamp: Stamp) -> Job | None:
        """Look at the next best too: others have, or are about to have, what seemed to be there."""
        with self.site.store.transaction():
            return self.pick(stamp)

    def _taken(self, row: AdhocRow) -> Job:
        self._claimed += 1
        return adhoc_job(row)

    def _look(self, now: float) -> Look:
        """Ask how the queue stands; where limits were in force the last time nobody else counts meanwhile."""
        is_alone = self._had_limits and self.site.store.is_shared
        if is_alone:
            self.site.store.settings.alone("limits")
        return Look(now, self.site.store.adhoc.outlook_later(now), is_alone)

    def _choose(self, look: Look) -> list[WaitingClass]:
        """Return the classes to claim from, the best first."""
        if self._claimed == self.selection.limit:
            return []
        outlook = look.outlook()
        due = self._runnable(outlook.due)
        if self.selection.ignore_limits:
            return self._wanted(sorted(due, key=rank))
        limits = self._limits(due)
        self._had_limits = bool(limits)
        if limits and self.site.store.is_shared and not look.is_alone:
            return self._choose(self._look(look.now))
        self._name_full_classes(due, limits)
        chosen = order(
            due,
            running_classes=len(outlook.running.keys() - {waiting.name for waiting in due}),
            running=sum(count for count, _ in outlook.running.values()),
            limit=self.site.config.cron.adhoc_concurrency_limit,
            limits=limits,
        )
        return self._wanted(chosen)

    def _wanted(self, classes: list[WaitingClass]) -> list[WaitingClass]:
        return [waiting for waiting in classes if self.selection.name in (None, waiting.name)]

    def _runnable(self, waiting: list[WaitingClass]) -> list[WaitingClass]:
        """Return the classes that can be run."""
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
