"""Choosing and claiming the next scheduled task."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from taskrunner.runner import messages as lines
from taskrunner.runner.job import adhoc_job, nothing, scheduled_job

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from taskrunner.installation import Site
    from taskrunner.records import AdhocRow, Outlook, Stamp, WaitingClass
    from taskrunner.runner.job import Claim, Claimed, Job
    from taskrunner.runner.presence import Identity
    from taskrunner.runner.turn import Turn


@dataclass(slots=True)
class Overdue:
    """Hands out scheduled tasks, the longest overdue first."""

    site: Site
    identity: Identity
    turn: Turn
    clock: Callable[[], float]
    _unknown: set[str] = field(default_factory=set)

    def has_due(self, now: float) -> bool:
        """Say whether a task is due; a limit of 0 leaves them to other hosts."""
        return self.site.config.cron.scheduled_concurrency_limit > 0 and self.site.store.scheduled.is_due(now)

    def search(self, phase_started_at: float) -> Claim:
        """Look for a task that did not end since the phase started; nothing has to be asked before."""

        def claim() -> Claimed:
            job = self._claim(phase_started_at)
            return lambda: job

        return claim

    def _claim(self, phase_started_at: float) -> Job | None:
        """Return the longest overdue task whose slot is not to be skipped.

        One that only another host's plugins declare, while a new version is handed out, is left to that host.
        """
        while True:
            stamp = self.identity.stamp(self.clock())
            row = self.site.store.scheduled.claim(
                stamp, phase_started_at=phase_started_at, unknown=self._unknown
            )
            if row is None:
                return None
            job = scheduled_job(row)
            if job.name not in self.site.registry.tasks:
                self._unknown.add(job.name)
                self.site.store.scheduled.release_claims(self.identity.id)
            elif not self.turn.skip_misfire(job, row):
                return job


def rank(waiting: WaitingClass) -> tuple[int, float, float, int]:
    """Return what puts a class before others: few running, a late start of its oldest run, a long wait."""
    count, oldest_started_at = waiting.running
    return count, -oldest_started_at, waiting.next_run_at, waiting.first_id


def share(limit: int, classes: int) -> int:
    """Return how many tasks of one class may run before the others have theirs; room is kept for a new class.

    The rule is that of Moodle's queue (since 4.1).

    >>> [share(limit, classes) for limit, classes in ((20, 5), (4, 8), (10, 1), (0, 1))]
    [3, 1, 5, 1]
    """
    return max(1, limit // (classes + 1))


def order(
    waiting: Sequence[WaitingClass],
    *,
    running_classes: int,
    running: int,
    limit: int,
    limits: Mapping[str, int],
) -> list[WaitingClass]:
    """Return the classes to try, the one to go next first; [] when all have what they may.

    Classes below their share come first; only when none is, the rest is filled up to `limit` tasks in all.
    `limits` has how many tasks of a class may run at once, for those that have such a limit; it holds
    always. `running_classes` are those that run but have nothing waiting: they count for the share.
    """
    open_classes = [task for task in waiting if not is_full(task, limits)]
    fair = share(limit, len(waiting) + running_classes)
    below = [task for task in open_classes if task.running[0] < fair]
    fill = open_classes if running < limit else []
    return sorted(below or fill, key=rank)


def is_full(waiting: WaitingClass, limits: Mapping[str, int]) -> bool:
    """Say whether as many tasks of a class run as its own limit allows."""
    return waiting.name in limits and waiting.running[0] >= limits[waiting.name]


HOLDS = 0.1
"""Seconds for which what was seen of the queue, and of the wish that this process leave, is taken to hold."""


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
    _only: tuple[str, float] | None = None

    def new_phase(self) -> None:
        """Forget what was seen, and which full classes were named: each is named once in a phase."""
        self._only = None
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
        """Do what `pick` does, in the steps of a search.

        While one class alone is due, as in a long queue, its tasks are claimed without looking at others.
        """
        if (only := self._only_class(stamp.now)) is not None:
            return lambda: self._claim(only, stamp)
        look = self._look(stamp.now)

        def claim() -> Claimed:
            chosen = self._choose(look)
            if not chosen:
                return nothing
            return self._claim(chosen[0].name, stamp)

        return claim

    def _claim(self, name: str, stamp: Stamp) -> Claimed:
        row = self.site.store.adhoc.claim_later(name, stamp)
        return lambda: self._taken(found) if (found := row()) else self._pick_again(stamp)

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
        wanted = self._wanted(chosen)
        is_only = len(due) == len(wanted) == 1 and not limits
        self._only = (wanted[0].name, look.now) if is_only else None
        return wanted

    def _only_class(self, now: float) -> str | None:
        """Return the class that was the only one due a moment ago, if so, and no limit holds it."""
        if self._only is None or self._claimed == self.selection.limit:
            return None
        name, seen_at = self._only
        return name if seen_at <= now < seen_at + HOLDS else None

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
