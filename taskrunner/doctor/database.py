"""The database: whether it answers, whose its tables are, what its clock says, how it lives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskrunner.db import ailments, look_at_tables
from taskrunner.doctor.finding import Finding
from taskrunner.errors import StoreError
from taskrunner.store import open_store

if TYPE_CHECKING:
    from taskrunner.config import Config

LARGEST_CLOCK_DIFFERENCE = 5.0
"""Seconds by which the clocks of host and database may differ."""


def database_findings(config: Config, *, now: float) -> list[Finding]:
    """Return what is wrong with the database; a fatal one when there is no use in going on."""
    try:
        state = look_at_tables(config.database, through_pooler=config.lock_database is not None).checked()
        if state.word == "missing":
            return [Finding("database", f"{state.database} has no tables yet", "taskrun db upgrade")]
        found = [Finding("database", ailment.told, ailment.mend) for ailment in ailments(config.database)]
        return [*found, *_clock(config, now)]
    except StoreError as error:
        return [Finding("database", str(error), error.hint or "taskrun db status", fatal=True)]


def _clock(config: Config, now: float) -> list[Finding]:
    store = open_store(config.database, lock_database=config.lock_database)
    try:
        hosts = store.hosts.list()
        ahead = store.settings.clock_ahead(now)
    finally:
        store.close()
    clocks = {"this host": ahead} | {host.hostname: host.clock_ahead for host in hosts}
    return [found for host, seconds in clocks.items() for found in clock_findings(host, seconds)]


def clock_findings(host: str, ahead: float) -> list[Finding]:
    """Judge by how many seconds a host's clock is ahead of the database's.

    >>> clock_findings("cron1", 5.0), clock_findings("cron1", -7.25)[0].told
    ([], 'the clock of cron1 is 7.2 s behind that of the database')
    """
    if abs(ahead) <= LARGEST_CLOCK_DIFFERENCE:
        return []
    where = "ahead of" if ahead > 0 else "behind"
    told = f"the clock of {host} is {abs(ahead):.1f} s {where} that of the database"
    return [Finding("database", told, "timedatectl set-ntp true, on both")]
