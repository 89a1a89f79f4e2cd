"""One claimed task's turn: asked whether it wants to, run or passed over, settled."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from taskrunner.errors import StoreBusyError, StoreError, TaskrunnerError
from taskrunner.records import Run
from taskrunner.runner import messages as lines
from taskrunner.runner.execute import Executor, Preparer, Ready, Skip, Unloadable
from taskrunner.runner.job import Ended, no_search
from taskrunner.runner.notify import event_of, notify

if TYPE_CHECKING:
    from collections.abc import Callable

    from taskrunner.installation import Site
    from taskrunner.records import ScheduledRow
    from taskrunner.runner.disk_reserve import Reserve
    from taskrunner.runner.job import Job, Search
    from taskrunner.runner.notify import Event
    from taskrunner.runner.settle import Settler

PATIENCE = (0.05, 0.2, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds between the tries to tell the database of a run."""

PARKED = 60.0
"""Seconds after which a task that could not be loaded is looked at again."""


@dataclass(frozen=True, slots=True)
class Turn:
    """Takes claimed tasks through their turn."""

    site: Site
    preparer: Preparer
    executor: Executor
    settler: Settler
    reserve: Reserve
    clock: Callable[[], float]
    wait: Callable[[float], None]

    def take(
        self, job: Job, *, asking: bool = True, then: Search = no_search
    ) -> tuple[Run | None, Job | None]:
        """Run a claimed task and settle it; return its run (None: it was passed over) and the next job.

        `asking`: let the task refuse. `then` claims the next job in the transaction that settles this one, or
        after the administrator's command was told: nothing is claimed to wait for that.
        """
        with self.site.store.released():
            outcome = self._outcome(job, asking=asking)
        if not isinstance(outcome, Ended):
            return None, self.reserve.write(partial(self._pass_over_and_claim, job, outcome, then))
        claims_now = then is no_search or self._event(outcome) is None
        settled, next_job = self._settle(outcome, then if claims_now else no_search)
        self._report(job, outcome, settled=settled)
        return outcome.run, next_job if claims_now else self.claim(then)

    def claim(self, search: Search) -> Job | None:
        """Claim a job in a transaction of its own. Raises StoreError, and then tries to hold nothing."""
        try:
            with self.site.store.transaction():
                claimed = search()()
        except StoreBusyError:
            raise
        except StoreError:  # of which the claim may have been committed all the same
            with suppress(StoreError):
                self.give_back()
            raise
        return claimed()

    def give_back(self) -> None:
        """Start nothing of what was claimed: others may."""
        with self.site.store.transaction():
            self._release_claims()

    def _release_claims(self) -> None:
        self.site.store.adhoc.release_claims(self.executor.identity.id)
        self.site.store.scheduled.release_claims(self.executor.identity.id)

    def _pass_over_and_claim(self, job: Job, outcome: Skip | Unloadable, then: Search) -> Job | None:
        with self.site.store.transaction():
            self._pass_over(job, outcome)
            claimed = then()()
        return claimed()

    def _settle(self, ended: Ended, then: Search) -> tuple[bool, Job | None]:
        """Settle a run and claim the next job in one transaction, or one after the other when that fails."""
        try:
            return self.reserve.write(partial(self._settle_and_claim, ended, then))
        except StoreError as error:
            self._settle_late(ended, error)
            return True, self.claim(then)

    def _settle_and_claim(self, ended: Ended, then: Search) -> tuple[bool, Job | None]:
        with self.site.store.transaction():
            settled = self.settler.settle_later(ended)
            claimed = then()()
        return settled(), claimed()

    def _settle_late(self, ended: Ended, error: StoreError) -> None:
        """Try again for a while; what came of the run is noted beside the database, for the next cron.

        The transaction that failed may have been committed all the same: then nothing is left to settle, and
        what it claimed is not known to anybody.
        """
        self.executor.notes.secure()
        for seconds in PATIENCE:
            self.wait(seconds)
            try:
                with self.site.store.transaction():
                    self.settler.settle(ended)
                    self._release_claims()
            except StoreError as another:
                error = another
            else:
                return
        raise error

    def tell(self, ended: Ended) -> None:
        """Notify the administrator's command, if there is one, of what a settled run changed."""
        event = self._event(ended)
        if event is not None:
            notify(self.site.config.notify.command, event, say=self.executor.output.say)

    def take_unqueued(self, job: Job) -> Run:
        """Run an adhoc task that has no row, and record it. Raises PluginError: it cannot be loaded."""
        with self.site.store.released():
            outcome = self._outcome(job, asking=False)
        if not isinstance(outcome, Ended):
            raise outcome.error if isinstance(outcome, Unloadable) else TaskrunnerError(outcome.reason)
        with self.site.store.transaction():
            self.settler.record(outcome.run)
        return outcome.run

    def skip_misfire(self, job: Job, row: ScheduledRow) -> bool:
        """Pass over a slot that a task without late runs has missed, and log that; in a transaction."""
        declaration = self.site.registry.get(job.name)
        late = job.started_at - row.next_run_at
        if declaration.misfire != "skip" or late <= declaration.misfire_grace or row.fail_delay:
            return False
        reason = f"missed its slot by {late:.0f} s, more than its grace of {declaration.misfire_grace} s"
        self.settler.record(self._skipped_run(job, reason))
        self._write_skip(job, Skip(reason, off=False))
        return True

    def _event(self, ended: Ended) -> Event | None:
        return event_of(ended) if self.site.config.notify.command else None

    def _outcome(self, job: Job, *, asking: bool) -> Ended | Skip | Unloadable:
        prepared = self.preparer.prepare(job, asking=asking)
        return self.executor.run(job, prepared.make) if isinstance(prepared, Ready) else prepared

    def _pass_over(self, job: Job, outcome: Skip | Unloadable) -> None:
        if isinstance(outcome, Skip):
            self._write_skip(job, outcome)
        else:
            self._park(job, str(outcome.error))

    def _report(self, job: Job, ended: Ended, *, settled: bool) -> None:
        if not settled:
            self.executor.output.say(lines.superseded(job))
        if ended.run.failed:
            self.executor.report_failure(job.label, ended)
        if settled:
            self.tell(ended)

    def _park(self, job: Job, reason: str) -> None:
        """Let an adhoc task wait that cannot be loaded, until its plugin or its custom data is mended."""
        self.executor.output.say(lines.parked(job, reason))
        self.site.store.adhoc.release(job.run_id, message=reason, next_run_at=self.clock() + PARKED)

    def _write_skip(self, job: Job, skip: Skip) -> None:
        row = self.site.store.scheduled.find_for_change(job.name)
        now = self.clock()
        if row is not None:
            self.site.store.scheduled.skip(
                job.run_id,
                now=now,
                reason=skip.reason,
                off_reason=skip.reason if skip.off else None,
                next_run_at=self.site.planner.next_slot(row, now),
            )

    def _skipped_run(self, job: Job, reason: str) -> Run:
        return Run(
            run_id=job.run_id,
            type=job.type,
            name=job.name,
            plugin=job.plugin,
            adhoc_id=None,
            user=None,
            due_at=job.due_at,
            started_at=job.started_at,
            ended_at=job.started_at,
            outcome="skipped",
            message=reason,
            output="",
            log_file=None,
            db_reads=0,
            db_writes=0,
            cpu_seconds=0.0,
            max_rss=0,
            attempt=job.attempt,
            hostname=self.executor.identity.hostname,
            pid=os.getpid(),
        )
