"""One run of one task, from its start line to the run that is recorded."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from taskrunner.failure import next_fail_delay
from taskrunner.records import Run
from taskrunner.runner import lines
from taskrunner.runner.ended import Ended
from taskrunner.runner.memory import current_memory
from taskrunner.runner.title import set_title

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import tzinfo

    from taskrunner.runner.aftermath import Notes
    from taskrunner.runner.calling import Caller
    from taskrunner.runner.ending import Ending, Usage
    from taskrunner.runner.job import Job
    from taskrunner.runner.output import Output, Stretch
    from taskrunner.runner.presence import Identity
    from taskrunner.runner.tidying import Tidier
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
