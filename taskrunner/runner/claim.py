"""Claiming the next task: the longest overdue scheduled one, or the adhoc one whose turn it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

from taskrunner.formatting import new_id
from taskrunner.records import Reply
from taskrunner.runner import messages as lines
from taskrunner.runner.batch import Batch
from taskrunner.runner.job import adhoc_job, scheduled_job
from taskrunner.runner.settle import skip_misfire

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from taskrunner.installation import Site
    from taskrunner.records import AdhocRow, ClaimInfo, DueClass
    from taskrunner.runner.presence import RunnerIdentity


def _as_list(row: AdhocRow | None) -> list[AdhocRow]:
    return [] if row is None else [row]


BELIEVED_FOR = 0.1
"""Seconds for which an answer about the queue, or about stop requests, is taken to hold."""


class Claims(Protocol):
    """Hands out the tasks of one kind, one after the other."""

    kind: str

    def next(self) -> Reply[Batch | None]:
        """Claim the next task, or short ones together; the reply is None if there is none that may run.

        Call it inside a transaction, and `get` the reply after it.
        """


@dataclass(slots=True)
class ScheduledClaims:
    """Hands out scheduled tasks, the longest overdue first."""

    site: Site
    identity: RunnerIdentity
    clock: Callable[[], float]
    kind: str = "scheduled"
    _phase_started_at: float = 0.0
    _unknown: set[str] = field(default_factory=set)
    _paused: set[str] = field(default_factory=set)

    def begin_phase(self, started_at: float) -> None:
        """Hand out, from now on, no task that ends after a moment."""
        self._phase_started_at = started_at

    def has_due(self, now: float) -> bool:
        """Return whether a task is due; a limit of 0 leaves them to other hosts."""
        if not self.site.config.cron.scheduled_concurrency_limit or not self.site.store.scheduled.is_due(now):
            return False
        return not self.site.pauses or any(
            row.next_run_at <= now and not row.disabled and row.blocked is None and row.run_id is None
            for row in self.site.store.scheduled.list()
            if self.site.pause_of(row.name, now) is None
        )

    def next(self) -> Reply[Batch | None]:
        """Claim the longest overdue task whose slot is not to be skipped.

        One that only another host's plugins declare, while a new version is handed out, is left to that host;
        one whose plugin could not be read just now is left to the next cron.
        """
        store, now = self.site.store, self.clock
        if self.site.pauses:
            names = self.site.registry.tasks
            self._paused = {name for name in names if self.site.pause_of(name, now()) is not None}
        while row := store.scheduled.claim(
            self.identity.claim_info(now()),
            phase_started_at=self._phase_started_at,
            unknown=self._unknown | self._paused,
        ):
            job = scheduled_job(row)
            if job.name not in self.site.registry.tasks or job.name in self.site.registry.unread:
                self._unknown.add(job.name)
                store.scheduled.release_claims(self.identity.id)
            elif not skip_misfire(self.site, job, now()):
                return Reply(Batch([job]))
        return Reply(None)


def rank(due: DueClass) -> tuple[int, float, float, int]:
    """Return what puts a class before others: few running, a late start of its oldest run, a long wait."""
    count, oldest_started_at = due.running
    return count, -oldest_started_at, due.next_run_at, due.first_id


def share(limit: int, classes: int) -> int:
    """Return how many tasks of one class may run before the others have theirs; room is kept for a new class.

    The rule is that of Moodle's queue (since 4.1).

    >>> [share(limit, classes) for limit, classes in ((20, 5), (4, 8), (10, 1), (0, 1))]
    [3, 1, 5, 1]
    """
    return max(1, limit // (classes + 1))


def classes_by_turn(
    due: Sequence[DueClass],
    *,
    running_classes: int,
    running: int,
    limit: int,
    limits: Mapping[str, int],
) -> list[DueClass]:
    """Return the classes to try, the one to go next first; [] when all have what they may.

    Classes below their share come first; only when none is, the rest is filled up to `limit` tasks in all.
    `limits` has how many tasks of a class may run at once, for those that have such a limit; it holds
    always. `running_classes` are those that run but have nothing waiting: they count for the share.
    """
    open_classes = [task for task in due if not is_full(task, limits)]
    fair = share(limit, len(due) + running_classes)
    below = [task for task in open_classes if task.running[0] < fair]
    fill = open_classes if running < limit else []
    return sorted(below or fill, key=rank)


def is_full(due: DueClass, limits: Mapping[str, int]) -> bool:
    """Return whether as many tasks of a class run as its own limit allows."""
    return due.name in limits and due.running[0] >= limits[due.name]


class Selection(NamedTuple):
    """Which adhoc tasks a process is to run: all, unless somebody asked for some by hand."""

    name: str | None = None
    ignore_limits: bool = False
    limit: int | None = None


EVERYTHING = Selection()


def _one(_: str) -> int:
    return 1


@dataclass(slots=True)
class AdhocClaims:
    """Hands out adhoc tasks by the rules of the queue; limits hold across processes."""

    site: Site
    identity: RunnerIdentity
    clock: Callable[[], float]
    selection: Selection
    say: Callable[[str], None]
    kind: str = "adhoc"
    batch_size: Callable[[str], int] = _one
    """How many tasks of a class may be claimed at once."""
    others_wait: bool = False
    """Whether other processes had, at the last look, tasks that wait behind others in their batch."""
    _named_as_full: set[str] = field(default_factory=set)
    _claimed: int = 0
    _one_by_one_until: float = 0.0
    _had_limits: bool = False
    _only: tuple[str, float] | None = None

    def begin_phase(self) -> None:
        """Forget what was seen, and which full classes were named: each is named once in a phase."""
        self._only = None
        self._named_as_full.clear()

    def has_due(self, now: float) -> bool:
        """Return whether a task is due that can be run, limits of classes aside."""
        if not (self.selection.ignore_limits or self.site.config.cron.adhoc_concurrency_limit > 0):
            return False
        state = self.site.store.adhoc.queue_state(now).get()
        self.others_wait = state.behind > 0
        return bool(self._runnable(state.due, now))

    def next(self) -> Reply[Batch | None]:
        """Claim the task to run next, if there is one that may, and not as many as wanted were claimed.

        While one class alone is due, as in a long queue, its tasks are claimed without looking at others,
        and several at once while they are short.
        """
        claim = self.identity.claim_info(self.clock())
        name = self._only_class(claim.now)
        if name is None:
            chosen = self._choose(claim.now)
            if not chosen:
                return Reply(None)
            name = chosen[0].name
        is_alone = self._only and self.selection.limit is None and claim.now >= self._one_by_one_until
        size = self.batch_size(name) if is_alone else 1
        if size == 1:
            claimed = self.site.store.adhoc.claim(name, claim).then(_as_list)
        else:
            run_ids = sorted([claim.run_id, *(new_id(claim.now) for _ in range(size - 1))])
            claimed = self.site.store.adhoc.claim_batch(name, claim, run_ids)
        return Reply(read=self._batch, arguments=(claimed, claim))

    def _batch(self, claimed: Reply[list[AdhocRow]], claim: ClaimInfo) -> Batch | None:
        """Return what was claimed, or a task of the next best class where others had it before."""
        rows = claimed.get()
        if not rows:
            self._one_by_one_until = claim.now + BELIEVED_FOR  # there may be some of another priority
            with self.site.store.transaction():
                rows = _as_list(self._claim_best(claim))
        self._claimed += len(rows)
        return Batch([adhoc_job(row) for row in rows]) if rows else None

    def _claim_best(self, claim: ClaimInfo) -> AdhocRow | None:
        for due in self._choose(claim.now):
            if row := self.site.store.adhoc.claim(due.name, claim).get():
                return row
        return None

    def _choose(self, now: float) -> list[DueClass]:
        """Return the classes to claim from, the best first."""
        store = self.site.store
        if self._claimed == self.selection.limit:
            return []
        is_alone = self._had_limits and store.is_shared
        if is_alone:
            store.settings.alone("limits")
        state = store.adhoc.queue_state(now).get()
        self.others_wait = state.behind > 0
        due = self._runnable(state.due, now)
        if self.selection.ignore_limits:
            return self._wanted(sorted(due, key=rank))
        limits = self._limits(due)
        self._had_limits = bool(limits)
        if limits and store.is_shared and not is_alone:
            return self._choose(now)  # once more, while nobody else counts
        self._name_full_classes(due, limits)
        chosen = classes_by_turn(
            due,
            running_classes=len(state.running.keys() - {task.name for task in due}),
            running=sum(count for count, _ in state.running.values()),
            limit=self.site.config.cron.adhoc_concurrency_limit,
            limits=limits,
        )
        wanted = self._wanted(chosen)
        is_only = len(due) == len(wanted) == 1 and not limits
        self._only = (wanted[0].name, now) if is_only else None
        return wanted

    def _only_class(self, now: float) -> str | None:
        """Return the class that was the only one due a moment ago, if so, and no limit holds it."""
        if self._only is None or self._claimed == self.selection.limit:
            return None
        name, seen_at = self._only
        return name if seen_at <= now < seen_at + BELIEVED_FOR else None

    def _wanted(self, classes: list[DueClass]) -> list[DueClass]:
        return [due for due in classes if self.selection.name in (None, due.name)]

    def _runnable(self, due: list[DueClass], now: float) -> list[DueClass]:
        """Return the classes that can be run, and are not paused."""
        site = self.site
        runnable = [task for task in due if site.why_not_run(task.name) is None]
        return [task for task in runnable if not site.pauses or site.pause_of(task.name, now) is None]

    def _limits(self, due: list[DueClass]) -> dict[str, int]:
        """Return how many of each class may run at once, for those that have such a limit."""
        declared = (self.site.registry.get(task.name) for task in due)
        limits = {task.name: self.site.planner.concurrency_limit(task) for task in declared}
        return {name: limit for name, limit in limits.items() if limit}

    def _name_full_classes(self, due: list[DueClass], limits: dict[str, int]) -> None:
        for task in due:
            if is_full(task, limits) and task.name not in self._named_as_full:
                self._named_as_full.add(task.name)
                self.say(lines.class_is_full(task.name, limits[task.name]))
