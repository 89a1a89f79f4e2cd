"""Choosing and claiming the next scheduled task."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from taskrunner.runner.job import scheduled_job

if TYPE_CHECKING:
    from collections.abc import Callable

    from taskrunner.runner.job import Claim, Claimed, Job
    from taskrunner.runner.presence import Identity
    from taskrunner.runner.turn import Turn
    from taskrunner.site import Site


@dataclass(slots=True)
class Overdue:
    """Hands out scheduled tasks, the longest overdue first."""

    site: Site
    identity: Identity
    turn: Turn
    clock: Callable[[], float]
    _unknown: set[str] = field(default_factory=set)

    def has_due(self, now: float) -> bool:
        """Say whether a task is due; a limit of 0 leaves them to other hosts."""
        return self.site.config.cron.scheduled_concurrency_limit > 0 and self.site.store.scheduled.is_due(now)

    def search(self, phase_started_at: float) -> Claim:
        """Look for a task that did not end since the phase started; nothing has to be asked before."""

        def claim() -> Claimed:
            job = self._claim(phase_started_at)
            return lambda: job

        return claim

    def _claim(self, phase_started_at: float) -> Job | None:
        """Return the longest overdue task whose slot is not to be skipped.

        One that only another host's plugins declare, while a new version is handed out, is left to that host.
        """
        while True:
            stamp = self.identity.stamp(self.clock())
            row = self.site.store.scheduled.claim(
                stamp, phase_started_at=phase_started_at, unknown=self._unknown
            )
            if row is None:
                return None
            job = scheduled_job(row)
            if job.name not in self.site.registry.tasks:
                self._unknown.add(job.name)
                self.site.store.scheduled.release_claims(self.identity.id)
            elif not self.turn.skip_misfire(job, row):
                return job
