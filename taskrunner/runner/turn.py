"""One claimed task's turn: asked whether it wants to, run or passed over, settled."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from taskrunner.records import Run
from taskrunner.runner import lines
from taskrunner.runner.capture import printing_to
from taskrunner.runner.execution import Executor, instantiate, reason_to_skip
from taskrunner.runner.notification import event_of, notify

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from taskrunner.records import ScheduledRow
    from taskrunner.runner.job import Job
    from taskrunner.runner.settling import Settler
    from taskrunner.site import Site
    from taskrunner.task import Task


@dataclass(frozen=True, slots=True)
class Skip:
    """Why a claimed task is not run now; `off` when it is not to run at all as things are."""

    reason: str
    off: bool


@dataclass(frozen=True, slots=True)
class Turn:
    """Takes claimed tasks through their turn."""

    site: Site
    executor: Executor
    settler: Settler
    clock: Callable[[], float]

    def take(self, job: Job, *, asking: bool = True) -> Run | None:
        """Run a claimed task and settle it; None: it was passed over. `asking`: let the task refuse."""
        with self.site.store.released():
            make_task, refusal = self._prepared(job, asking=asking)
            outcome = refusal or self.executor.run(job, make_task)
        if isinstance(outcome, Skip):
            self._pass_over(job, outcome)
            return None
        with self.site.store.transaction():
            settled = self.settler.settle(outcome, fail_delay=job.fail_delay)
        if not settled:
            self.executor.output.say(lines.superseded(job))
        if outcome.failed:
            self.executor.report_failure(job, outcome)
        self.tell(outcome, fail_delay=job.fail_delay, attempts_left=job.attempts_left)
        return outcome

    def tell(self, run: Run, *, fail_delay: int, attempts_left: int | None) -> None:
        """Notify the administrator's command, if there is one, of what a settled run changed."""
        command = self.site.config.notify.command
        event = event_of(run, fail_delay=fail_delay, attempts_left=attempts_left) if command else None
        if event is not None:
            notify(command, event, say=self.executor.output.say)

    def take_unqueued(self, job: Job) -> Run:
        """Run an adhoc task that has no row, and record it."""
        with self.site.store.released():
            make_task, _ = self._prepared(job, asking=False)
            run = self.executor.run(job, make_task)
        with self.site.store.transaction():
            self.settler.record(run)
        return run

    def skip_misfire(self, job: Job, row: ScheduledRow) -> bool:
        """Pass over a slot that a task which does not want late runs has missed, and log that."""
        declaration = self.site.registry.get(job.name)
        late = job.started_at - row.next_run_at
        if declaration.misfire != "skip" or late <= declaration.misfire_grace or row.fail_delay:
            return False
        reason = f"missed its slot by {late:.0f} s, more than its grace of {declaration.misfire_grace} s"
        with self.site.store.transaction():
            self.site.store.log.add(self._skipped_run(job, reason))
            self._write_skip(job, Skip(reason, off=False))
        return True

    def _prepared(self, job: Job, *, asking: bool) -> tuple[Callable[[], Task], Skip | None]:
        """Load the task and ask it; what goes wrong here is raised again in the run, where it is recorded."""
        try:
            with self._aside():
                task = instantiate(self.site.registry.load(job.name), job)
                refusal = reason_to_skip(task) if asking else None
        except Exception as error:
            return _raising(error), None
        return lambda: task, Skip(*refusal) if refusal else None

    @contextmanager
    def _aside(self) -> Iterator[None]:
        """Keep what loading a plugin prints, and put it into the log only if there is any."""
        with tempfile.TemporaryFile() as aside:
            try:
                with printing_to(aside.fileno()):
                    yield
            finally:
                size = os.fstat(aside.fileno()).st_size
                if size:
                    printed = os.pread(aside.fileno(), size, 0).decode("utf-8", "replace")
                    self.executor.output.say(printed.rstrip("\n"))

    def _pass_over(self, job: Job, skip: Skip) -> None:
        with self.site.store.transaction():
            self._write_skip(job, skip)

    def _write_skip(self, job: Job, skip: Skip) -> None:
        row = self.site.store.scheduled.find(job.name)
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
            hostname=self.executor.hostname,
            pid=os.getpid(),
        )


def _raising(error: Exception) -> Callable[[], Task]:
    def make_task() -> Task:
        raise error

    return make_task
