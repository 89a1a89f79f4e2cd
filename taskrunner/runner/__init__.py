"""The main loop: what one `taskrun cron` does, from its first look at the tables to its goodbye.

Read `Runner.work`, then `Runner.run_phase`. A task's way: `claim` hands it out, `execute` runs it (`call`
calls its code while `output` captures what it prints), `settle` writes what came of it and claims the next
one. `presence` tells that a runner is alive, and recovers the runs of those that died.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from taskrunner.errors import RunnerError, TaskrunnerError
from taskrunner.installation import problems
from taskrunner.liveness import dead_runners
from taskrunner.records import Reply
from taskrunner.runner import messages as lines
from taskrunner.runner.claim import BELIEVED_FOR
from taskrunner.runner.presence import Renewal, present, recover
from taskrunner.runner.process_state import peak_memory, set_title
from taskrunner.store.settings import CACHES_CLEARED_AT, DECLARED, PROBLEMS, STOP_REQUESTED_AT, of_host
from taskrunner.task import describe_error, format_traceback

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import tzinfo

    from taskrunner.installation import Site
    from taskrunner.locks import Locks
    from taskrunner.runner.batch import Batch, BatchExecutor
    from taskrunner.runner.claim import AdhocClaims, Claims, ScheduledClaims
    from taskrunner.runner.execute import Executor
    from taskrunner.runner.journal import RunJournal
    from taskrunner.runner.output import Output
    from taskrunner.runner.presence import RunnerIdentity
    from taskrunner.runner.settle import DiskReserve, Settler
    from taskrunner.runner.signals import Interruption

LOOK_INTERVAL = 1.0
"""Seconds between two looks for work while a process is kept alive."""


GIVEN_BACK_WITHIN = 2.0
"""Seconds within which tasks start, or are given back, that wait behind another one of their batch."""

WAITING_INTERVAL = 0.1
"""Seconds between two looks for work while there are such tasks."""


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
    identity: RunnerIdentity
    journal: RunJournal
    disk_reserve: DiskReserve
    output: Output
    interruption: Interruption
    stop_requests: StopRequests
    scheduled: ScheduledClaims
    adhoc: AdhocClaims
    executor: Executor
    batches: BatchExecutor
    settler: Settler
    zone: tzinfo
    clock: Callable[[], float]
    wait: Callable[[float], None]
    keep_alive: float = 0.0
    may_renew: bool = False
    """Whether to start anew where this process must leave while work is due."""
    renewed: Renewal | None = None
    """What the process knows that was renewed into this one."""
    renewal: Renewal | None = None
    """What the process is to know that this one is renewed into."""
    summary: Summary = field(default_factory=Summary)
    renewed_phase: Renewal | None = None
    """The same, until its phase continues."""
    _phase: tuple[str, float] = ("", 0.0)
    _in_phase: int = 0
    _ran: int = 0
    _summed_up: bool = False
    _said: set[str] = field(default_factory=set)

    def work(self, *, only_adhoc: bool = False) -> Summary:
        """Do what is due, as long as this process is to live; return what was done. Raises StoreError."""
        with self.crash_noted(), self.interruption.handled():
            self._begin()
            if self._has_work() or self._waits_for_work():
                with present(self):
                    self.disk_reserve.keep()
                    recover(self, now=self.clock())
                    has_work = True
                    while has_work:
                        if not (only_adhoc or (self.renewed_phase and self.renewed_phase.phase == "adhoc")):
                            self._scheduled_phase()
                        if not self._is_to_renew():
                            self._adhoc_phase()
                        has_work = self._waits_for_work()
                    self.batches.close()
                    if self._is_to_renew():
                        self.renewal = self._next_renewal()
                        if self.renewal is None:
                            self._sum_up()
            if self.renewal is None:
                self.say_goodbye()
        if self.renewal is None:
            self.output.close()
        return self.summary

    @contextmanager
    def crash_noted(self) -> Iterator[None]:
        """Write into the log why this process dies inside the block: the next cron records its run with it.

        Raises RunnerError instead of what nobody expects: a task may have left the process in any state.
        """
        try:
            yield
        except (TaskrunnerError, OSError) as error:
            self.output.say(lines.runner_died(error))
            raise
        except Exception as error:
            self.output.say(format_traceback(error) + lines.runner_died(error))
            message = f"this process could not go on: {describe_error(error)}"
            hint = f"a task has spoilt it, or it is a fault of taskrunner's: {self.output.log_path} says more"
            raise RunnerError(message, hint=hint) from error
        finally:
            self.executor.caller.vital_functions.free_reserve()

    def run_phase(self, claims: Claims, max_runtime: float) -> int:
        """Run what `claims` hands out until nothing is due or the time is up; return how many tasks ran."""
        count, deadline = 0, self._phase[1] + max_runtime
        claim = partial(self.claim_next, claims, deadline)
        batch = self.settler.claim(claim)  # one task, or short ones of a class
        while batch is not None:
            ran = self.batches.execute(batch, until=deadline)
            batch = self.settler.settle_and_claim(ran, claim)  # one transaction
            count += len(ran.finished)  # without those that were passed over
            self._ran += len(ran.finished)
            self.summary.failed += sum(run.run.failed for run in ran.finished)
        if count:
            set_title(self.identity.command, None, self.clock(), self.zone)
        if self.clock() > deadline:
            self.output.say(lines.out_of_time(claims.kind))
        return count

    def claim_next(self, claims: Claims, deadline: float) -> Reply[Batch | None]:
        """Claim the next task in a transaction, unless the time is up or this process is to leave."""
        if self.must_leave() or self.clock() > deadline:
            return Reply(None)
        stop = self.stop_requests.ask(believed_for=BELIEVED_FOR)  # no task is to wait for each answer
        return Reply(read=self._batch_unless_stopped, arguments=(claims.next(), stop))

    def must_leave(self) -> bool:
        """Return whether to start nothing more for what this process knows without asking."""
        is_spoilt = self.executor.process_state.must_leave or self.disk_reserve.spent
        return self.interruption.asked_to_stop or bool(is_spoilt) or not self.site.locks.are_intact()

    def _batch_unless_stopped(self, claimed: Reply[Batch | None], stop: Reply[bool]) -> Batch | None:
        if stop.get():
            self.settler.give_back()
            return None
        return claimed.get()

    def _scheduled_phase(self) -> None:
        config = self.site.config.cron
        if self.scheduled.has_due(self.clock()):
            with slot(self.site.locks, "scheduled", config.scheduled_concurrency_limit) as is_free:
                if is_free:
                    self._begin_phase("scheduled")
                    self.scheduled.begin_phase(self._phase[1])
                    self.summary.scheduled += self.run_phase(self.scheduled, config.scheduled_max_runtime)
                else:
                    self._say_once(lines.no_slot("scheduled"))

    def _adhoc_phase(self) -> None:
        config = self.site.config.cron
        longest = config.adhoc_max_runtime
        count = self._begin_phase("adhoc")
        self.adhoc.begin_phase()
        if not self._is_stopping() and self.adhoc.has_due(self.clock()):
            with self._adhoc_slot(config.adhoc_concurrency_limit) as is_free:
                if is_free:
                    ran = self.run_phase(self.adhoc, longest)
                    while self._gets_more() and (more := self.run_phase(self.adhoc, longest)):
                        ran += more
                    self.summary.adhoc += ran
                    count += ran
                else:
                    self._say_once(lines.no_slot("adhoc"))
        self._in_phase = count
        if not self._is_to_renew():  # else the phase continues in the new process
            self._sum_up()

    def _gets_more(self) -> bool:
        """Return whether there is work by now that others, who had claimed it behind other work, give back.

        Else what waits in a batch behind a task that hangs would wait for the next cron.
        """
        until = self.clock() + GIVEN_BACK_WITHIN
        while self.adhoc.others_wait and self.clock() < until and not self._is_stopping():
            self.wait(WAITING_INTERVAL)
            if self.adhoc.has_due(self.clock()):
                return True
        return False

    def _sum_up(self) -> None:
        """Say how the adhoc phase ended; of phases without any task only the first is worth a line."""
        kind, began_at = self._phase
        if self._in_phase or not self._summed_up:
            found_at = lines.rfc2822(began_at if kind == "adhoc" else self.clock(), self.zone)
            self.output.note(lines.adhoc_summary(self._in_phase, found_at))
        self._summed_up = True

    def _adhoc_slot(self, limit: int) -> AbstractContextManager[bool]:
        ignored = self.adhoc.selection.ignore_limits
        return nullcontext(True) if ignored else slot(self.site.locks, "adhoc", limit)

    def _has_work(self) -> bool:
        now = self.clock()
        return self.scheduled.has_due(now) or self.adhoc.has_due(now) or bool(dead_runners(self.site, now))

    def _waits_for_work(self) -> bool:
        """Wait until there is work; return whether there is, False when the time is up."""
        leave_at = self.identity.began_at + self.keep_alive
        while self.clock() < leave_at and not self._is_stopping():
            interval = WAITING_INTERVAL if self.adhoc.others_wait else LOOK_INTERVAL
            self.wait(min(interval, leave_at - self.clock()))
            if self._has_work() and not self._is_stopping():
                return True
        return False

    def _begin_phase(self, kind: str) -> int:
        """Begin a phase, or go on with the one in which this process was renewed; return what ran in that."""
        before, self.renewed_phase = self.renewed_phase, None
        if before is None or before.phase != kind:
            self._phase = (kind, self.clock())
            return 0
        self._phase = (kind, before.phase_started_at)
        return before.in_phase

    def _is_to_renew(self) -> bool:
        """Return whether what makes this process leave is gone in a new one; at most once per task."""
        wants = self.executor.process_state.can_be_renewed or self.stop_requests.is_outdated
        is_hindered = (
            self.interruption.asked_to_stop or self.disk_reserve.spent or self.stop_requests.is_asked
        )
        return self.may_renew and self._ran > 0 and wants and not is_hindered

    def _next_renewal(self) -> Renewal | None:
        """Return what this process is renewed with, or None if it is to stop, or no work is due."""
        now = self.clock()
        if not self.site.locks.are_intact():
            return None
        self.stop_requests.ask().get()
        if not self._is_to_renew() or self.site.store.settings.pause(self.clock()) or not self._has_work():
            return None
        return Renewal(
            started_at=self.identity.began_at,
            phase=self._phase[0],
            phase_started_at=self._phase[1],
            stop_since=now,
            scheduled=self.summary.scheduled,
            adhoc=self.summary.adhoc,
            failed=self.summary.failed,
            in_phase=self._in_phase,
            log_file=str(self.output.log_path),
        )

    def _is_stopping(self) -> bool:
        return self.must_leave() or self.stop_requests.ask().get()

    def _begin(self) -> None:
        """Begin the log; tell what is wrong with plugins and config, once per change of them."""
        if self.renewed is not None:
            self.output.begin()  # the file is there already
        else:
            self.output.note(f"Server Time: {lines.rfc2822(self.identity.started_at, self.zone)}\n")
        settings, name = self.site.store.settings, of_host(PROBLEMS, self.site.hostname)
        if settings.list().get(name) != self.site.fingerprint:
            for problem in problems(self.site):
                self.output.say(problem)
            settings.set(name, self.site.fingerprint)
        if self.settler.notifier is not None:
            self.settler.notifier.tell_digests(self.clock())

    def _say_once(self, line: str) -> None:
        """Say it now and not again in this process, however long it is kept alive."""
        if line not in self._said:
            self._said.add(line)
            self.output.say(line)

    def say_goodbye(self) -> None:
        """Say how this process ends."""
        now = self.clock()
        for line in lines.completed(
            at=lines.clock_time(now, self.zone),
            seconds=now - self.identity.began_at,
            memory=lines.size(peak_memory()),
        ):
            self.output.note(line)
        self.output.show_idle()


@contextmanager
def slot(locks: Locks, kind: str, limit: int) -> Iterator[bool]:
    """Hold the first free of `limit` slots of a kind inside the block; what is given is whether one was."""
    taken = (locks.acquire(f"{kind}-{number}") for number in range(limit))
    lock = next((lock for lock in taken if lock is not None), None)
    try:
        yield lock is not None
    finally:
        if lock is not None:
            lock.release()


@dataclass(slots=True)
class StopRequests:
    """Asks the database whether this process is to stop: `taskrun stop`, cleared caches, changed plugins."""

    site: Site
    identity: RunnerIdentity
    clock: Callable[[], float]
    since: float
    """A stop that was asked for after this moment is obeyed."""
    is_asked: bool = False
    """Whether a stop was asked for."""
    is_outdated: bool = False
    """Whether caches were cleared, or plugins have changed, since this process started."""
    _asked_at: float = 0.0

    def ask(self, *, believed_for: float = 0.0) -> Reply[bool]:
        """Ask whether every runner that started before a moment is to leave, or this one has old plugins.

        A "no" is taken to hold for some seconds.
        """
        now = self.clock()
        if self._asked_at <= now < self._asked_at + believed_for:
            return Reply(False)
        self._asked_at = now
        declared = of_host(DECLARED, self.site.hostname)
        settings = self.site.store.settings.get_three(STOP_REQUESTED_AT, CACHES_CLEARED_AT, declared)
        return settings.then(self._is_stop)

    def _is_stop(self, settings: dict[str, str]) -> bool:
        now = self.clock()
        self.is_asked = self.since < float(settings.get(STOP_REQUESTED_AT, 0)) <= now
        are_cleared = self.identity.started_at < float(settings.get(CACHES_CLEARED_AT, 0)) <= now
        declared = settings.get(of_host(DECLARED, self.site.hostname))
        self.is_outdated = are_cleared or declared != self.site.fingerprint
        return self.is_asked or self.is_outdated
