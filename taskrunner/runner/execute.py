"""One run of one task, from its start line to the run that is recorded."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from taskrunner.custom_data import decode
from taskrunner.errors import PluginError
from taskrunner.records import Run
from taskrunner.retry import next_fail_delay
from taskrunner.runner import messages as lines
from taskrunner.runner.job import Ended
from taskrunner.runner.log_file import open_spare
from taskrunner.runner.output import printing_to
from taskrunner.runner.process_state import current_memory, set_title
from taskrunner.task import AdhocTask, ScheduledTask
from taskrunner.trace import describe_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import tzinfo

    from taskrunner.config import Config
    from taskrunner.plugins import Registry
    from taskrunner.runner.call import Caller
    from taskrunner.runner.job import Ending, Job, Usage
    from taskrunner.runner.output import Output, Stretch
    from taskrunner.runner.presence import Identity, Notes
    from taskrunner.runner.process_state import Tidier
    from taskrunner.task import Task


@dataclass(frozen=True, slots=True)
class Executor:
    """Runs claimed tasks, one after the other: its lines around theirs, its book-keeping behind them."""

    caller: Caller
    output: Output
    clock: Callable[[], float]
    zone: tzinfo
    identity: Identity
    tidier: Tidier
    notes: Notes

    def run(self, job: Job, make_task: Callable[[], Task]) -> Ended:
        """Run a task and return what came of it. What the task, or making it, raises ends here."""
        started = lines.clock_time(job.started_at, self.zone)
        self._say(lines.start_lines(job, started=started, memory=lines.size(current_memory())))
        began_at = time.perf_counter()
        self._set_title(job)
        self.tidier.begin()
        with self.output.captured() as stretch:
            ending, usage = self.caller.call(job, make_task, log=self.output.log.descriptor)
        seconds = time.perf_counter() - began_at
        run = self._record(job, ending, usage, stretch)
        ended = Ended(
            run, job.fail_delay, job.attempts_left, ending.retry_in, ending.gives_up, ending.has_more
        )
        self.notes.write(ended, stretch, ending.backtrace)
        asked = ["it cleared the static caches"] if ending.clears_caches else []
        told = self.tidier.tidy([*sorted(self.output.lost), *asked])
        self._say([*told, *self._closing_lines(job, ending, usage, seconds=seconds)])
        return ended

    def rest(self) -> None:
        """Show in `ps` that no task runs."""
        self._set_title(None)

    def report_failure(self, label: str, ended: Ended) -> None:
        """Tell stdout of a failed run, where it hears of nothing else: enough for cron's mail."""
        if self.output.shown == "failures":
            next_try = None if ended.is_exhausted else ended.run.ended_at + next_fail_delay(ended.fail_delay)
            told = "Given up." if next_try is None else f"Next try: {lines.rfc2822(next_try, self.zone)}"
            self.output.tell(lines.failure_report(label, ended.run, told))

    def _set_title(self, job: Job | None) -> None:
        set_title(self.identity.command, job, datetime.fromtimestamp(self.clock(), self.zone))

    def _closing_lines(self, job: Job, ending: Ending, usage: Usage, *, seconds: float) -> list[str]:
        queries, peak = usage.reads + usage.writes, lines.size(usage.max_rss)
        used = lines.usage_lines(queries=queries, seconds=seconds, peak=peak)
        if ending.outcome == "ok":
            return [*used, *([lines.HAS_MORE] if ending.has_more else []), lines.complete_line(job)]
        if ending.outcome == "cancelled":
            return [*used, lines.user_not_found(job)]
        if ending.outcome == "delayed":
            has_attempts = job.attempts_left is None or job.attempts_left > 0
            waits_until = lines.rfc2822(self.clock() + ending.retry_in, self.zone)
            next_try = f"next try {waits_until}" if has_attempts else "no attempts left"
            return [*used, lines.delayed(job, ending.message or "", next_try)]
        return [*used, *lines.failed_lines(job, ending.message or "", ending.backtrace)]

    def _record(self, job: Job, ending: Ending, usage: Usage, stretch: Stretch) -> Run:
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
            output=stretch.read() + ending.backtrace,
            log_file=str(stretch.log.path),
            db_reads=usage.reads,
            db_writes=usage.writes,
            cpu_seconds=usage.cpu_seconds,
            max_rss=usage.max_rss,
            attempt=job.attempt,
            hostname=self.identity.hostname,
            pid=os.getpid(),
        )

    def _say(self, texts: list[str]) -> None:
        """Say them at once: each write costs as much as a line."""
        self.output.say("\n".join(texts))


@dataclass(frozen=True, slots=True)
class Ready:
    """A task that is to run. `make` gives it, or raises what its own code raised while it was prepared."""

    make: Callable[[], Task]


@dataclass(frozen=True, slots=True)
class Skip:
    """Why a claimed task is not run now; `off` when it is not to run at all as things are."""

    reason: str
    off: bool


@dataclass(frozen=True, slots=True)
class Unloadable:
    """Why an adhoc task cannot even be made: its plugin, or its custom data, has to be mended first."""

    error: PluginError


@dataclass(frozen=True, slots=True)
class Preparer:
    """Prepares claimed tasks."""

    registry: Registry
    output: Output
    config: Config

    def prepare(self, job: Job, *, asking: bool) -> Ready | Skip | Unloadable:
        """Load a task, and let it refuse if it is to be asked; what it raises here it raises in its run."""
        if job.type == "adhoc":
            return self._prepare_adhoc(job)
        try:
            with self._aside():
                task = self._with_settings(self.registry.load(job.name)(), job)
                refusal = _asked(task) if asking else None
        except BaseException as error:
            return Ready(_raising(error))
        return refusal or Ready(lambda: task)

    def _prepare_adhoc(self, job: Job) -> Ready | Unloadable:
        """Its class prints when it is imported, once in a process; the task itself is made in its run."""
        try:
            with nullcontext() if self.registry.has_loaded(job.name) else self._aside():
                task_class = self.registry.load(job.name)
            custom_data = decode(job.custom_data or "null")
        except PluginError as error:
            return Unloadable(error)
        except BaseException as error:
            return Ready(_raising(error))
        return Ready(lambda: self._with_settings(with_data(task_class, custom_data), job))

    def _with_settings(self, task: Task, job: Job) -> Task:
        task._settings = self.config.plugin_settings.get(job.plugin, {})
        task._config_folder = self.config.file.parent
        return task

    @contextmanager
    def _aside(self) -> Iterator[None]:
        """Keep what loading a plugin prints, and put it into the log only if there is any."""
        aside = open_spare()
        try:
            with printing_to(aside):
                yield
        finally:
            if size := os.fstat(aside).st_size:
                self.output.say(os.pread(aside, size, 0).decode("utf-8", "replace").rstrip("\n"))
            os.close(aside)


def with_data(task_class: type[Task], custom_data: object) -> Task:
    """Return the task to execute; raises what its `__init__` raises.

    The custom data is all that a queued adhoc task carries: its `__init__` was called where it was queued,
    perhaps with other arguments, and is not called again.
    """
    if not issubclass(task_class, AdhocTask):
        return task_class()
    task = task_class.__new__(task_class)
    task.custom_data = custom_data
    return task


def why_not_runnable(registry: Registry, name: str) -> bool | str:
    """Ask a scheduled task whether it may run at all: True, or why not, also when it cannot be asked."""
    try:
        task = registry.load(name)()
        answer = task.is_runnable() if isinstance(task, ScheduledTask) else True
    except Exception as error:
        return f"asking it fails: {describe_error(error)}"
    return answer if isinstance(answer, str) and answer else bool(answer)


def _asked(task: Task) -> Skip | None:
    """Ask a scheduled task whether it may run at all, and whether it wants to."""
    if not isinstance(task, ScheduledTask):
        return None
    runnable = task.is_runnable()
    if runnable is not True:
        return Skip(runnable or "the configuration does not allow it", off=True)
    return None if task.should_run() else Skip("it has nothing to do", off=False)


def _raising(error: BaseException) -> Callable[[], Task]:
    def make() -> Task:
        raise error

    return make
