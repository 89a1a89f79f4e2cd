"""What is written when a run has ended: log row and outcome together, so that neither is there alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from taskrunner.failure import next_fail_delay

if TYPE_CHECKING:
    from taskrunner.records import Run
    from taskrunner.site import Site


@dataclass(frozen=True, slots=True)
class Settler:
    """Settles runs. Call its methods inside a transaction."""

    site: Site

    def settle(self, run: Run, *, fail_delay: int) -> bool:
        """Write what came of a run; `fail_delay` is what the task had waited before it, in seconds.

        Returns False, and writes nothing, when the run is not the task's any more: it was declared dead
        meanwhile, and another one may be under way.
        """
        settled = self._settle_scheduled if run.type == "scheduled" else self._settle_adhoc
        if not settled(run, fail_delay):
            return False
        self.record(run)
        return True

    def record(self, run: Run) -> None:
        """Write the log row of a run, unless the config keeps none of its outcome."""
        mode = self.site.config.log.mode
        if mode == "all" or (mode == "failures" and run.outcome != "ok"):
            self.site.store.log.add(run)

    def _settle_scheduled(self, run: Run, fail_delay: int) -> bool:
        tasks = self.site.store.scheduled
        if run.failed:
            delay = next_fail_delay(fail_delay)
            return tasks.fail(run, next_run_at=run.ended_at + delay, fail_delay=delay)
        if run.outcome == "interrupted":
            return tasks.release(run)
        row = tasks.find(run.name)
        if row is None:
            return False
        planned = self.site.planner.next_after_run(row, started_at=run.started_at, now=run.ended_at)
        return tasks.finish(run, next_run_at=planned)

    def _settle_adhoc(self, run: Run, fail_delay: int) -> bool:
        tasks = self.site.store.adhoc
        if run.failed:
            delay = next_fail_delay(fail_delay)
            return tasks.fail(run, next_run_at=run.ended_at + delay, fail_delay=delay)
        return tasks.release(run) if run.outcome == "interrupted" else tasks.finish(run)
