"""The main loop: what one `taskrun cron` does, from its first look at the tables to its goodbye.

Read `Runner.work` first. A task's way: `overdue` (scheduled) or `picking` (adhoc) chooses and claims it,
`turn` takes it through its turn, `execution` runs it, `calling` calls its code while `output` captures what
it prints, `settling` writes what came of it. `recovery` does the books of the dead.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from taskrunner.installation import problems
from taskrunner.runner import messages as lines
from taskrunner.runner.claim import HOLDS
from taskrunner.runner.job import nothing
from taskrunner.runner.presence import present
from taskrunner.runner.process_state import peak_memory
from taskrunner.runner.recovery import dead_runners, recover
from taskrunner.store.settings import DECLARED, STOP_REQUESTED_AT, TOLD, of_host

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import tzinfo

    from taskrunner.installation import Site
    from taskrunner.locks import Locks
    from taskrunner.records import Run
    from taskrunner.runner.claim import Overdue, Picker
    from taskrunner.runner.job import Claim, Claimed, Job, Search
    from taskrunner.runner.output import Output
    from taskrunner.runner.presence import Identity
    from taskrunner.runner.signals import Interruption
    from taskrunner.runner.turn import Turn


@contextmanager
def slot(locks: Locks, kind: str, limit: int) -> Iterator[bool]:
    """Hold the first free of `limit` slots of a kind inside the block; False: none is free."""
    taken = (locks.acquire(f"{kind}-{number}") for number in range(limit))
    lock = next((lock for lock in taken if lock is not None), None)
    try:
        yield lock is not None
    finally:
        if lock is not None:
            lock.release()


LOOK_INTERVAL = 1.0
"""Seconds between two looks for work while a process is kept alive."""


@dataclass(slots=True)
class Summary:
    """What one process did."""

    scheduled: int = 0
    adhoc: int = 0
    failed: int = 0


@dataclass(slots=True)
class Runner:
    """One `taskrun cron`. `clock` gives epoch seconds, `wait` sleeps so many; `keep_alive` is in seconds."""

    site: Site
    identity: Identity
    turn: Turn
    overdue: Overdue
    picker: Picker
    output: Output
    interruption: Interruption
    orders: Orders
    zone: tzinfo
    clock: Callable[[], float]
    wait: Callable[[float], None]
    keep_alive: float = 0.0
    summary: Summary = field(default_factory=Summary)
    _summed_up: bool = False
    _said: set[str] = field(default_factory=set)

    def work(self) -> Summary:
        """Do what is due, as long as this process is to live, and say what was done. Raises StoreError."""
        return self._work(self._do_work)

    def work_off_queue(self) -> Summary:
        """Do the same with adhoc tasks alone."""
        return self._work(self._adhoc_phase)

    def _work(self, do: Callable[[], None]) -> Summary:
        self.output.note(f"Server Time: {lines.rfc2822(self.identity.started_at, self.zone)}\n")
        with self.interruption.handled():
            self._tell_problems()
            if self._finds_work() or self._waits_for_work():
                notes = self.turn.executor.notes
                with present(self.site, self.identity, notes, log_file=str(self.output.log_path)):
                    self.turn.reserve.keep()
                    recover(self.site, self.turn, now=self.clock())
                    do()
                    while self._waits_for_work():
                        do()
            self._say_goodbye()
        self.output.close()
        return self.summary

    def _tell_problems(self) -> None:
        """Tell what is wrong with plugins and config, once per change of them."""
        settings, name = self.site.store.settings, of_host(TOLD, self.site.hostname)
        if settings.list().get(name) != self.site.fingerprint:
            for problem in problems(self.site):
                self.output.say(problem)
            settings.set(name, self.site.fingerprint)

    def _do_work(self) -> None:
        self._scheduled_phase()
        self._adhoc_phase()

    def _scheduled_phase(self) -> None:
        config = self.site.config.cron
        if self.overdue.has_due(self.clock()):
            with slot(self.site.locks, "scheduled", config.scheduled_concurrency_limit) as is_free:
                if is_free:
                    self.summary.scheduled += self._run_one_by_one(
                        partial(self.overdue.search, self.clock()),
                        "scheduled",
                        config.scheduled_max_runtime,
                    )
                else:
                    self._say_once(lines.no_slot("scheduled"))

    def _adhoc_phase(self) -> None:
        config = self.site.config.cron
        found_at = self.clock()
        self.picker.new_phase()
        count = 0
        if not self._stopping() and self._finds_adhoc():
            with self._adhoc_slot(config.adhoc_concurrency_limit) as is_free:
                if is_free:
                    count = self._run_one_by_one(self._search_adhoc, "adhoc", config.adhoc_max_runtime)
                else:
                    self._say_once(lines.no_slot("adhoc"))
        self._sum_up(count, found_at)

    def _sum_up(self, count: int, found_at: float) -> None:
        """Say how many adhoc tasks a phase ran; of phases without any only the first is worth a line."""
        self.summary.adhoc += count
        if count or not self._summed_up:
            self.output.note(lines.adhoc_summary(count, lines.rfc2822(found_at, self.zone)))
        self._summed_up = True

    def _adhoc_slot(self, limit: int) -> AbstractContextManager[bool]:
        ignored = self.picker.selection.ignore_limits
        return nullcontext(True) if ignored else slot(self.site.locks, "adhoc", limit)

    def _run_one_by_one(self, search: Search, kind: str, max_runtime: float) -> int:
        """Run what `search` hands out until there is no more, or the time is up; return how many ran."""
        started_at, count = self.clock(), 0

        def search_next() -> Claim:
            is_told_to_leave, claim = self.orders.ask_now_and_then(), search()

            def claim_next() -> Claimed:
                if self._must_leave() or self.clock() - started_at > max_runtime:
                    return nothing
                claimed = claim()
                return lambda: self.turn.give_back() if is_told_to_leave() else claimed()

            return claim_next

        job = self.turn.claim(search_next)
        while job is not None:
            run, job = self._take_turn(job, search_next)
            count += run is not None
        if count:
            self.turn.executor.rest()
        if self.clock() - started_at > max_runtime:
            self.output.say(lines.out_of_time(kind))
        return count

    def _search_adhoc(self) -> Claim:
        return self.picker.search(self.identity.stamp(self.clock()))

    def _take_turn(self, job: Job, then: Search) -> tuple[Run | None, Job | None]:
        """Run one claimed task; return its run, None when it was passed over, and the next job."""
        run, next_job = self.turn.take(job, then=then)
        self.summary.failed += run is not None and run.failed
        return run, next_job

    def _finds_work(self) -> bool:
        now = self.clock()
        return self.overdue.has_due(now) or self._finds_adhoc() or bool(dead_runners(self.site, now))

    def _finds_adhoc(self) -> bool:
        limit = self.site.config.cron.adhoc_concurrency_limit
        return (limit > 0 or self.picker.selection.ignore_limits) and self.picker.has_due(self.clock())

    def _waits_for_work(self) -> bool:
        """Wait until there is work, and say whether there is; at once without when the time is up."""
        leave_at = self.identity.started_at + self.keep_alive
        while self.clock() < leave_at and not self._stopping():
            self.wait(min(LOOK_INTERVAL, leave_at - self.clock()))
            if self._finds_work() and not self._stopping():
                return True
        return False

    def _stopping(self) -> bool:
        """Say whether to start nothing more: asked to, not known as alive, spoilt, full, or other plugins."""
        return self._must_leave() or self.orders.ask()()

    def _must_leave(self) -> bool:
        spoilt = self.turn.executor.tidier.must_leave or self.turn.reserve.spent
        return self.interruption.asked_to_stop or bool(spoilt) or not self.site.locks.are_intact()

    def _say_once(self, line: str) -> None:
        """Say it now and not again in this process, however long it is kept alive."""
        if line not in self._said:
            self._said.add(line)
            self.output.say(line)

    def _say_goodbye(self) -> None:
        now = self.clock()
        for line in lines.completed(
            at=lines.clock_time(now, self.zone),
            seconds=now - self.identity.started_at,
            memory=lines.size(peak_memory()),
        ):
            self.output.note(line)
        self.output.show_idle()


@dataclass(slots=True)
class Orders:
    """Asks the database; what `ask` returns gives the answer when it is needed."""

    site: Site
    identity: Identity
    clock: Callable[[], float]
    _asked_at: float = 0.0

    def ask_now_and_then(self) -> Callable[[], bool]:
        """Ask unless that was done a moment ago: no task of a long queue is to wait for the answer."""
        if self._asked_at <= self.clock() < self._asked_at + HOLDS:
            return lambda: False
        return self.ask()

    def ask(self) -> Callable[[], bool]:
        """Ask whether every runner that started before a moment is to leave, or this one has old plugins."""
        self._asked_at = self.clock()
        declared = of_host(DECLARED, self.site.hostname)
        settings = self.site.store.settings.two_later(STOP_REQUESTED_AT, declared)
        return lambda: self._say_leave(settings(), declared)

    def _say_leave(self, settings: dict[str, str], declared: str) -> bool:
        stop_requested_at = float(settings.get(STOP_REQUESTED_AT, 0))
        is_asked = self.identity.started_at < stop_requested_at <= self.clock()
        return is_asked or settings.get(declared) != self.site.fingerprint
