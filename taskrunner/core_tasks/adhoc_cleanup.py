"""Forgets adhoc tasks that were given up long ago."""

from __future__ import annotations

import time

from taskrunner.task import ScheduledTask, current_run
from taskrunner.trace import mtrace

BATCH = 1000
DAY = 86_400


class AdhocCleanup(ScheduledTask):
    """Delete adhoc tasks that were given up long ago."""

    schedule = "R R * * *"

    def execute(self) -> None:
        """Delete what has no attempts left and last failed before the retention."""
        run = current_run()
        before = time.time() - run.config.adhoc.failed_retention_days * DAY
        tasks, deleted = run.open_store().adhoc, 0
        while batch := tasks.cleanup(before, limit=BATCH):
            deleted += batch
        mtrace(f"{deleted} given up adhoc tasks deleted")
