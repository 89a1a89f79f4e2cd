"""When crons started: a file where there is one host, rows of the database where there are several."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from taskrunner.heartbeat import last_beat

if TYPE_CHECKING:
    from taskrunner.site import Site


@dataclass(frozen=True, slots=True)
class CronStarts:
    """When the last cron started, on whichever host, by this host's clock; `interval` after the one before.

    None: never, or there was none before.
    """

    last_at: float | None
    interval: float | None
    hostname: str


def cron_starts(site: Site, now: float) -> CronStarts:
    """Return when the last cron of an installation started."""
    if not site.store.is_shared:
        beat = last_beat(site.config.state_dir)
        return CronStarts(beat.started_at if beat else None, beat.interval if beat else None, site.hostname)
    hosts = site.store.hosts.list()
    if not hosts:
        return CronStarts(None, None, "")
    newest = max(hosts, key=lambda host: host.seen_at)
    is_ours = newest.hostname == site.hostname
    ahead = newest.clock_ahead if is_ours else site.store.settings.clock_ahead(now)
    return CronStarts(newest.seen_at + ahead, newest.cron_interval, newest.hostname)
