"""Forgets old runs."""

from __future__ import annotations

import time

from taskrunner.store.log import END_OF_TIME
from taskrunner.task import ScheduledTask, current_run
from taskrunner.trace import mtrace

BATCH = 1000
"""Rows deleted in one transaction, so that no lock is held for long."""

DAY = 86_400
HOST_KEPT = 2 * DAY
"""Seconds without a cron after which a host is forgotten: a container may have another name at each start."""


class LogCleanup(ScheduledTask):
    """Delete kept runs that are too old or too many, and hosts that are gone."""

    schedule = "R R * * *"

    def execute(self) -> None:
        """Keep what is young or among the newest of its task; of the rest, batch by batch, nothing."""
        run = current_run()
        settings, store = run.config.log, run.open_store()
        log = store.log
        too_old = time.time() - settings.retention_days * DAY
        deleted = 0
        for name in log.names():
            for before, keep_runs in ((too_old, settings.retain_runs), (END_OF_TIME, settings.max_runs)):
                batch = BATCH
                while batch:
                    with store.transaction():
                        batch = log.cleanup(name, before=before, keep_runs=keep_runs, limit=BATCH)
                    deleted += batch
        mtrace(f"{deleted} kept runs deleted")
        gone = store.hosts.cleanup(time.time() - HOST_KEPT, gaps_before=too_old)
        if gone:
            store.settings.forget_hosts(frozenset(gone))
