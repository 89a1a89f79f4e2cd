"""What is written when a run has ended: log row and outcome together, so that neither is there alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from taskrunner.retry import next_fail_delay

if TYPE_CHECKING:
    from collections.abc import Callable

    from taskrunner.installation import Site
    from taskrunner.records import Run
    from taskrunner.runner.job import Ended


@dataclass(frozen=True, slots=True)
class Settler:
    """Settles runs. Call its methods inside a transaction."""

    site: Site

    def settle(self, ended: Ended) -> bool:
        """Write what came of a run.

        Returns False, and writes nothing, when the run is not the task's any more: it was declared dead
        meanwhile, and another one may be under way.
        """
        return self.settle_later(ended)()

    def settle_later(self, ended: Ended) -> Callable[[], bool]:
        """Do the same, and return what says when it is needed whether the run was still the task's."""
        run = ended.run
        if run.type == "adhoc" and run.adhoc_id is not None and run.outcome == "ok":
            return self._finish_adhoc(run)
        is_settled = self._settle(ended)
        if is_settled:
            self.record(run)
        return lambda: is_settled

    def record(self, run: Run) -> None:
        """Write the log row of a run, unless the config keeps none of its outcome."""
        if self._is_kept(run):
            self.site.store.log.add(run)

    def _settle(self, ended: Ended) -> bool:
        if ended.run.type == "scheduled":
            return self._settle_scheduled(ended)
        if ended.run.adhoc_id is None:  # it was not queued, and goes on nowhere
            return not self.site.store.log.find(ended.run.run_id)
        return self._settle_adhoc(ended)

    def _is_kept(self, run: Run) -> bool:
        mode = self.site.config.log.mode
        return mode == "all" or (mode == "failures" and run.outcome != "ok")

    def _finish_adhoc(self, run: Run) -> Callable[[], bool]:
        """Wait for no answer: this is how most adhoc tasks end."""
        if not self._is_kept(run):
            return self.site.store.adhoc.finish_later(run)
        was_its_own = self.site.store.log.add_for_task(run)
        self.site.store.adhoc.finish_later(run)
        return was_its_own

    def _settle_scheduled(self, ended: Ended) -> bool:
        tasks, run = self.site.store.scheduled, ended.run
        if run.failed:
            delay = next_fail_delay(ended.fail_delay)
            return tasks.fail(run, next_run_at=run.ended_at + delay, fail_delay=delay)
        row = tasks.find_for_change(run.name)
        if row is None:
            return False
        if run.outcome == "ok":
            planned = self.site.planner.next_after_run(row, started_at=run.started_at, now=run.ended_at)
            return tasks.finish(run, next_run_at=run.ended_at if ended.has_more else planned)
        waits_until = run.ended_at + ended.retry_in if run.outcome == "delayed" else row.next_run_at
        return tasks.release(run, next_run_at=waits_until)

    def _settle_adhoc(self, ended: Ended) -> bool:
        tasks, run = self.site.store.adhoc, ended.run
        if run.failed:
            delay = next_fail_delay(ended.fail_delay)
            next_run_at = run.ended_at + delay
            return tasks.fail(run, next_run_at=next_run_at, fail_delay=delay, gives_up=ended.gives_up)
        if run.outcome == "interrupted":
            return tasks.release(run.run_id, message=run.message, next_run_at=run.due_at or run.ended_at)
        if run.outcome == "delayed":
            return tasks.delay(run, next_run_at=run.ended_at + ended.retry_in)
        return tasks.finish(run)
