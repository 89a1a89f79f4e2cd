"""One run of one task, from its start line to the run that is recorded."""

from __future__ import annotations

import os
import resource
import time
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from taskrunner.current import CURRENT
from taskrunner.endings import GiveUp, RetryLater, UnknownUserError
from taskrunner.failure import delay_of_attempt, next_fail_delay
from taskrunner.records import Run
from taskrunner.runner import lines
from taskrunner.runner.context import Context
from taskrunner.runner.ended import Ended
from taskrunner.runner.interruption import Interrupted
from taskrunner.runner.log_file import storable
from taskrunner.runner.time_limit import OutOfTime, time_limit
from taskrunner.runner.title import set_title
from taskrunner.runner.users import acting_as
from taskrunner.trace import describe_error, format_traceback

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import tzinfo

    from taskrunner.runner.interruption import Interruption
    from taskrunner.runner.job import Job
    from taskrunner.runner.output import Output, Stretch
    from taskrunner.runner.presence import Identity
    from taskrunner.site import Site
    from taskrunner.task import Task

LONGEST_MESSAGE = 8192


@dataclass(frozen=True, slots=True)
class Ending:
    """How the task's own code ended."""

    outcome: str
    message: str | None = None
    backtrace: str = ""
    retry_in: float = 0.0
    gives_up: bool = False


@dataclass(frozen=True, slots=True)
class Executor:
    """Runs claimed tasks, one after the other, in this process."""

    site: Site
    output: Output
    interruption: Interruption
    clock: Callable[[], float]
    zone: tzinfo
    identity: Identity

    def run(self, job: Job, make_task: Callable[[], Task]) -> Ended:
        """Run a task and return what came of it. What the task, or making it, raises ends here."""
        self._say(
            lines.start_lines(
                job, started=lines.clock_time(job.started_at, self.zone), memory=lines.size(current_memory())
            )
        )
        context = Context(job, self.identity.id, self.site.config)
        cpu, clock = time.process_time(), time.perf_counter()
        self._set_title(job)
        with self.output.captured() as stretch:
            ending = self._call(make_task, context)
        self._set_title(None)
        self.interruption.listen()
        seconds, cpu = time.perf_counter() - clock, time.process_time() - cpu
        self._say(self._closing_lines(job, ending, queries=context.reads + context.writes, seconds=seconds))
        run = self._record(job, ending, context, stretch, cpu_seconds=cpu)
        return Ended(run, job.fail_delay, job.attempts_left, ending.retry_in, ending.gives_up)

    def report_failure(self, label: str, ended: Ended) -> None:
        """Tell stdout of a failed run, where it hears of nothing else: enough for cron's mail."""
        if self.output.shown == "failures":
            next_try = None if ended.is_exhausted else ended.run.ended_at + next_fail_delay(ended.fail_delay)
            told = "Given up." if next_try is None else f"Next try: {lines.rfc2822(next_try, self.zone)}"
            self.output.tell(lines.failure_report(label, ended.run, told))

    def _call(self, make_task: Callable[[], Task], context: Context) -> Ending:
        CURRENT.run = context
        try:
            ending = self._execute(make_task, context)
        finally:
            CURRENT.run = None
        return _leave(context, ending)

    def _execute(self, make_task: Callable[[], Task], context: Context) -> Ending:
        try:
            with self.interruption.may_end_task(), time_limit(self._seconds(context.job), log=self._log):
                task = make_task()
                task._context = context
                with acting_as(self.site.config.users.resolver, context.user):
                    task.execute()
        except Interrupted:
            return Ending("interrupted", "asked to stop")
        except RetryLater as error:
            return Ending("delayed", storable(describe_error(error)), retry_in=_wait(error, context.job))
        except UnknownUserError as error:
            return Ending("cancelled", storable(describe_error(error)))
        except GiveUp as error:
            return replace(_failed(describe_error(error), error), gives_up=True)
        except OutOfTime as error:
            return _failed(f"ended after its timeout of {self._seconds(context.job):g} s", error, "timeout")
        except SystemExit as error:
            return _failed(f"the task called sys.exit({error.code!r})", error)
        except BaseException as error:
            return _failed(describe_error(error), error)
        return Ending("ok")

    def _set_title(self, job: Job | None) -> None:
        set_title(self.identity.command, job, datetime.fromtimestamp(self.clock(), self.zone))

    def _seconds(self, job: Job) -> float:
        """Return how long a task may take: what the config says, else its class; 0 for ever."""
        configured = self.site.config.override_for(job.name).timeout
        declared = self.site.registry.get(job.name).timeout
        return configured if configured is not None else declared or 0.0

    @property
    def _log(self) -> int:
        return self.output.log.descriptor

    def _closing_lines(self, job: Job, ending: Ending, *, queries: int, seconds: float) -> list[str]:
        usage = lines.usage_lines(queries=queries, seconds=seconds, peak=lines.size(peak_memory()))
        if ending.outcome == "ok":
            return [*usage, lines.complete_line(job)]
        if ending.outcome == "cancelled":
            return [*usage, lines.user_not_found(job)]
        if ending.outcome == "delayed":
            next_try = lines.rfc2822(self.clock() + ending.retry_in, self.zone)
            return [*usage, lines.delayed(job, ending.message or "", next_try)]
        return [*usage, *lines.failed_lines(job, ending.message or "", ending.backtrace)]

    def _record(
        self, job: Job, ending: Ending, context: Context, stretch: Stretch, *, cpu_seconds: float
    ) -> Run:
        log = self.output.log
        return Run(
            run_id=job.run_id,
            type=job.type,
            name=job.name,
            plugin=job.plugin,
            adhoc_id=job.adhoc_id,
            user=job.user,
            due_at=job.due_at,
            started_at=job.started_at,
            ended_at=self.clock(),
            outcome=ending.outcome,
            message=ending.message,
            output=log.read(stretch.start, stretch.end) + ending.backtrace,
            log_file=str(log.path),
            db_reads=context.reads,
            db_writes=context.writes,
            cpu_seconds=cpu_seconds,
            max_rss=peak_memory(),
            attempt=job.attempt,
            hostname=self.identity.hostname,
            pid=os.getpid(),
        )

    def _say(self, texts: list[str]) -> None:
        for text in texts:
            self.output.say(text)


def _wait(error: RetryLater, job: Job) -> float:
    """Return how long a task waits that asked to: as it says, else a minute, doubled with each attempt."""
    return error.seconds if error.seconds is not None else float(delay_of_attempt(job.attempt))


def current_memory() -> int:
    """Return the resident memory of this process in bytes; 0 where the system does not tell."""
    try:
        with open("/proc/self/statm", "rb") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def peak_memory() -> int:
    """Return the largest resident memory this process has had, in bytes."""
    return max(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, current_memory())


def _failed(message: str, error: BaseException, outcome: str = "failed") -> Ending:
    return Ending(outcome, storable(message[:LONGEST_MESSAGE]), storable(format_traceback(error)))


def _leave(context: Context, ending: Ending) -> Ending:
    """Close what the task opened; a transaction left open makes a failure of a success."""
    try:
        left_open = context.leave()
    except Exception as error:
        return _failed(f"closing the task's database connection: {describe_error(error)}", error)
    return Ending("failed", "Task left transaction open") if left_open and ending.outcome == "ok" else ending
