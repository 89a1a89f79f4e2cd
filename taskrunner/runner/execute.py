"""Executing one claimed task: asked whether it wants to, run between its lines, noted in the run journal."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from taskrunner.errors import ConfigError, PluginError
from taskrunner.queueing import read_data
from taskrunner.runner import messages as lines
from taskrunner.runner.job import FinishedRun, why_no_user
from taskrunner.runner.log_file import KEPT_BYTES, open_anonymous_file, read_output
from taskrunner.runner.messages import NOTHING, About, short_end, short_start
from taskrunner.runner.output import printing_to
from taskrunner.runner.process_state import current_memory, set_title
from taskrunner.task import AdhocTask, ScheduledTask, describe_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import tzinfo

    from taskrunner.config import TaskOverride
    from taskrunner.installation import Site
    from taskrunner.plugins import Registry
    from taskrunner.runner.call import Caller
    from taskrunner.runner.job import Job, Outcome, Usage
    from taskrunner.runner.journal import RunJournal
    from taskrunner.runner.output import Output, OutputRange
    from taskrunner.runner.ping import Ping
    from taskrunner.runner.presence import RunnerIdentity
    from taskrunner.runner.process_state import ProcessState
    from taskrunner.task import Task


class Skip(NamedTuple):
    """Why a claimed task is not run now; `off` when it is not to run at all for now."""

    reason: str
    off: bool


class Unloadable(NamedTuple):
    """Why a task cannot be made: its plugin, data or `[users] resolver` is wrong, or cannot be read now."""

    error: PluginError | ConfigError


class Ready(NamedTuple):
    """A task that is to run. `make` gives it, or raises what its own code raised while it was prepared."""

    make: Callable[[], Task]


@dataclass(frozen=True, slots=True)
class Executor:
    """Executes claimed tasks, one after the other: its lines around theirs, its book-keeping behind them."""

    site: Site
    caller: Caller
    output: Output
    identity: RunnerIdentity
    process_state: ProcessState
    journal: RunJournal
    clock: Callable[[], float]
    zone: tzinfo

    def execute(self, job: Job, *, asking: bool = True) -> FinishedRun | Skip | Unloadable:
        """Execute a claimed task; return its finished run, or why there was none.

        `asking`: let the task refuse. What its code raises, at whatever point, ends in the run.
        """
        self.site.store.release()
        prepared = self._prepare(job, asking=asking)
        if not isinstance(prepared, Ready):
            return prepared
        override = self.site.planner.override_for(job.name)
        ping = self._ping_of(job, override, override.ping) if override.ping else None
        finished = self._run(job, prepared.make)
        if ping is not None:
            _tell_end(ping, finished)
        return finished

    def _ping_of(self, job: Job, override: TaskOverride, url: str) -> Ping:
        """Return the dead man's switch of a task, which knows of the start."""
        from taskrunner.config.values import PingTarget  # late: few tasks have one
        from taskrunner.runner.ping import Ping

        ours = self.site.config.notify.ping
        style = override.ping_style or (ours.style if ours else "plain")
        ping = Ping(PingTarget(url, style), job.run_id, job.name, self.output.say)
        if style != "plain" or "{at}" in url:
            ping.start()
        return ping

    def _run(self, job: Job, make_task: Callable[[], Task]) -> FinishedRun:
        self.output.about = About(job.run_id, job.name, "start")
        self.output.say("\n".join(self._start_lines(job)))  # at once: each write costs as much as a line
        began_at = time.perf_counter()
        set_title(self.identity.command, job, self.clock(), self.zone)
        self.process_state.begin_task()
        self.caller.vital_functions.begin_task()
        printed = self.output.begin_capture()
        try:
            outcome, usage = self.caller.call(job, make_task, log=printed.log.descriptor)
        finally:
            self.output.end_capture(printed)
        seconds = time.perf_counter() - began_at
        finished = self._finished(job, outcome, usage, printed)
        self.journal.write(finished, printed, outcome.backtrace)  # before anything that can fail
        output = self._output_of(printed, outcome.backtrace)
        finished = FinishedRun(finished.run._replace(output=output), *finished[1:])
        asked = ["it cleared the static caches"] if outcome.clears_caches else []
        changes = self.caller.vital_functions.changes
        reasons = self.process_state.end_task([*sorted(self.output.lost), *asked, *changes])
        self.output.about = About(job.run_id, job.name, "end", outcome.name, round(seconds, 6))
        self.output.say("\n".join([*reasons, *self._closing_lines(job, outcome, usage, seconds=seconds)]))
        self.output.about = NOTHING
        return finished

    def _start_lines(self, job: Job) -> list[str]:
        started = lines.clock_time(job.started_at, self.zone)
        if self.site.config.log.format == "short":
            return short_start(job, started=started)
        return lines.start_lines(job, started=started, memory=lines.size(current_memory()))

    def _finished(self, job: Job, outcome: Outcome, usage: Usage, printed: OutputRange) -> FinishedRun:
        run = job.run(
            outcome=outcome.name,
            ended_at=self.clock(),
            message=outcome.message,
            log_file=str(printed.log.path),
            usage=usage,
        )
        return FinishedRun(
            run,
            job.fail_delay,
            job.attempts_left,
            outcome.retry_in,
            outcome.gives_up,
            outcome.has_more,
            job.by_hand,
        )

    def _closing_lines(self, job: Job, outcome: Outcome, usage: Usage, *, seconds: float) -> list[str]:
        if self.site.config.log.format == "short":
            ended = lines.clock_time(self.clock(), self.zone)
            return short_end(job, outcome, ended=ended, seconds=seconds)
        queries, peak = usage.reads + usage.writes, lines.size(usage.max_rss)
        used = lines.usage_lines(queries=queries, seconds=seconds, peak=peak)
        if outcome.name == "ok":
            return [
                *used,
                *([lines.HAS_MORE] if outcome.has_more else []),
                f"{job.type.capitalize()} task complete: {job.label}",
            ]
        if outcome.name == "cancelled":
            words = [] if outcome.message in (None, "UnknownUserError") else [str(outcome.message)]
            return [*used, *words, lines.user_not_found(job)]
        if outcome.name == "delayed":
            has_attempts = job.attempts_left is None or job.attempts_left > 0
            waits_until = lines.rfc2822(self.clock() + outcome.retry_in, self.zone)
            next_try = f"next try {waits_until}" if has_attempts else "no attempts left"
            return [*used, lines.delayed(job, outcome.message or "", next_try)]
        return [*used, *lines.failed_lines(job, outcome.words or outcome.message or "", outcome.backtrace)]

    def _prepare(self, job: Job, *, asking: bool) -> Ready | Skip | Unloadable:
        """Load a task, and let it refuse if it is to be asked; what it raises here it raises in its run."""
        if job.type == "adhoc":
            return self._prepare_adhoc(job)
        try:
            with self._aside():
                task = self._with_settings(self.site.registry.load(job.name)(), job)
                if asking and isinstance(task, ScheduledTask):
                    runnable = task.is_runnable()
                    if runnable is not True:
                        return Skip(runnable or "the configuration does not allow it", off=True)
                    if not task.should_run():
                        return Skip("it has nothing to do", off=False)
        except PluginError as error:
            is_unread = job.name in self.site.registry.unread
            return Unloadable(error) if is_unread else Ready(partial(_raise, error))
        except BaseException as error:
            return Ready(partial(_raise, error))
        return Ready(lambda: task)

    def _prepare_adhoc(self, job: Job) -> Ready | Unloadable:
        """Its class prints when it is imported, once in a process; the task itself is made in its run."""
        registry = self.site.registry
        if job.user is not None and (problem := why_no_user(self.site.config.users.resolver, job.user)):
            return Unloadable(ConfigError(problem))
        try:
            if not registry.has_loaded(job.name):
                with self._aside():
                    registry.load(job.name)
            task_class = registry.load(job.name)
            custom_data = read_data(job.custom_data or "null")
        except PluginError as error:
            return Unloadable(error)
        except BaseException as error:
            return Ready(partial(_raise, error))
        return Ready(lambda: self._with_settings(with_data(task_class, custom_data), job))

    def _with_settings(self, task: Task, job: Job) -> Task:
        task._settings = self.site.config.plugin_settings.get(job.plugin, {})
        task._config_file = self.site.config.file
        return task

    def _output_of(self, printed: OutputRange, backtrace: str) -> str:
        """Return what a run has printed, and the traceback it ended with: 1 MiB at most in all."""
        room, is_json = KEPT_BYTES - len(backtrace.encode()), self.site.config.log.format == "json"
        try:
            read_data = read_output(
                printed.log.descriptor, printed.start, printed.end, room=room, is_json=is_json
            )
        except OSError as error:  # no reason to take a run that ended well for another one
            return f"(its output cannot be read back: {error.strerror})\n{backtrace}"
        return read_data + backtrace

    @contextmanager
    def _aside(self) -> Iterator[None]:
        """Keep what loading a plugin prints, and put it into the log only if there is any."""
        aside = open_anonymous_file()
        try:
            with printing_to(aside):
                yield
        finally:
            if size := os.fstat(aside).st_size:
                self.output.say(os.pread(aside, size, 0).decode("utf-8", "replace").rstrip("\n"))
            os.close(aside)


def _tell_end(ping: Ping, finished: FinishedRun) -> None:
    """Tell of the end of a run: one that did not end well has the exit status 1."""
    from taskrunner.runner.ping import Ended

    run = finished.run
    text = "\n".join(part for part in (run.output.rstrip(), run.message or "") if part)
    ping.end(Ended(int(run.failed or run.outcome == "interrupted"), run.duration, text))


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
    """Ask a scheduled task whether it may run at all; return True, or why not, also when asking it fails."""
    try:
        task = registry.load(name)()
        answer = task.is_runnable() if isinstance(task, ScheduledTask) else True
    except Exception as error:
        return f"asking it fails: {describe_error(error)}"
    return answer if isinstance(answer, str) and answer else bool(answer)


def _raise(error: BaseException) -> NoReturn:
    raise error
