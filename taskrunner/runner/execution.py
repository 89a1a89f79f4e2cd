"""One run of one task, from its start line to the run that is recorded."""

from __future__ import annotations

import json
import os
import resource
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from taskrunner.current import CURRENT
from taskrunner.failure import next_fail_delay
from taskrunner.records import Run
from taskrunner.runner import lines
from taskrunner.runner.context import Context
from taskrunner.runner.interruption import Interrupted
from taskrunner.runner.time_limit import OutOfTime, time_limit
from taskrunner.task import AdhocTask, ScheduledTask
from taskrunner.trace import describe_error, format_traceback

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import tzinfo

    from taskrunner.runner.interruption import Interruption
    from taskrunner.runner.job import Job
    from taskrunner.runner.output import Output, Stretch
    from taskrunner.site import Site
    from taskrunner.task import Task

LONGEST_MESSAGE = 8192


@dataclass(frozen=True, slots=True)
class Ending:
    """How the task's own code ended."""

    outcome: str
    message: str | None = None
    backtrace: str = ""


@dataclass(frozen=True, slots=True)
class Executor:
    """Runs claimed tasks, one after the other, in this process."""

    site: Site
    output: Output
    interruption: Interruption
    clock: Callable[[], float]
    zone: tzinfo
    runner_id: str
    hostname: str

    def run(self, job: Job, make_task: Callable[[], Task]) -> Run:
        """Run a task and return what came of it. What the task, or making it, raises ends here."""
        self._say(
            lines.start_lines(
                job, started=lines.clock_time(job.started_at, self.zone), memory=lines.size(current_memory())
            )
        )
        context = Context(job, self.runner_id, self.site.config)
        cpu, clock = time.process_time(), time.perf_counter()
        with self.output.captured() as stretch:
            ending = self._call(make_task, context)
        seconds, cpu = time.perf_counter() - clock, time.process_time() - cpu
        self._say(self._closing_lines(job, ending, queries=context.reads + context.writes, seconds=seconds))
        return self._record(job, ending, context, stretch, cpu_seconds=cpu)

    def report_failure(self, job: Job, run: Run) -> None:
        """Tell stdout of a failed run, where it hears of nothing else: enough for cron's mail."""
        if self.output.shown == "failures":
            next_try = lines.rfc2822(run.ended_at + next_fail_delay(job.fail_delay), self.zone)
            self.output.tell(lines.failure_report(job, run, next_try=next_try))

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
                task.execute()
        except Interrupted:
            return Ending("interrupted", "asked to stop")
        except OutOfTime as error:
            return _failed(f"ended after its timeout of {self._seconds(context.job):g} s", error, "timeout")
        except SystemExit as error:
            return _failed(f"the task called sys.exit({error.code!r})", error)
        except BaseException as error:
            return _failed(describe_error(error), error)
        return Ending("ok")

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
            hostname=self.hostname,
            pid=os.getpid(),
        )

    def _say(self, texts: list[str]) -> None:
        for text in texts:
            self.output.say(text)


def instantiate(task_class: type[Task], job: Job) -> Task:
    """Return the object to execute.

    The custom data is all that a queued task carries: its `__init__` was called where it was queued, perhaps
    with other arguments, and is not called again. Raises ValueError where the custom data is no JSON.
    """
    if not issubclass(task_class, AdhocTask):
        return task_class()
    task = task_class.__new__(task_class)
    task.custom_data = json.loads(job.custom_data or "null")
    return task


def reason_to_skip(task: Task) -> tuple[str, bool] | None:
    """Ask a scheduled task whether it wants to run; return why not, and whether that is meant for good."""
    if not isinstance(task, ScheduledTask):
        return None
    runnable = task.is_runnable()
    if runnable is not True:
        return (runnable or "the configuration does not allow it", True)
    return None if task.should_run() else ("it has nothing to do", False)


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
    return Ending(outcome, message[:LONGEST_MESSAGE].replace("\0", "\ufffd"), format_traceback(error))


def _leave(context: Context, ending: Ending) -> Ending:
    """Close what the task opened; a transaction left open makes a failure of a success."""
    try:
        left_open = context.leave()
    except Exception as error:
        return _failed(f"closing the task's database connection: {describe_error(error)}", error)
    return Ending("failed", "Task left transaction open") if left_open and ending.outcome == "ok" else ending
