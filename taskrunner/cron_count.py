"""How many crons a host has started, in the database and beside it: an older database knows fewer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from taskrunner.formatting import long_moment
from taskrunner.heartbeat import last_beat, note_counted
from taskrunner.store.settings import CRONS, OLDER, of_host
from taskrunner.zones import get_zone

if TYPE_CHECKING:
    from taskrunner.heartbeat import Heartbeat
    from taskrunner.installation import Site

KEPT = 86_400.0
"""Seconds after its last cron for which a host's row is kept at least."""


class OlderDatabase(NamedTuple):
    """A database that went back in time: restored, failed over, or an older file put back.

    `known` crons of this host are counted in it, `noted` had been; it knows what happened until `until`.
    """

    known: int
    noted: int
    until: float
    found_at: float

    def message(self, timezone: str) -> str:
        """Return what is wrong, in one line."""
        at = f"after {long_moment(self.until, get_zone(timezone))}" if self.until else "before"
        return (
            f"the database went back in time: it knows of {self.known} crons of this host, {self.noted} were"
            f" counted; what happened {at} is lost to it, and tasks that were done may run again"
        )


def find_older(site: Site, before: Heartbeat | None, now: float) -> OlderDatabase | None:
    """Return what is wrong if the database knows of fewer crons than `before` notes, else None."""
    noted = before.crons_of(site.planner.seed, site.hostname) if before else 0
    if before is None or not noted:
        return None
    known = site.store.settings.list().get(of_host(CRONS, site.hostname))
    is_forgotten = known is None and now - before.started_at >= KEPT
    if is_forgotten or int(known or 0) >= noted:
        return None
    until = max((host.last_cron_at for host in site.store.hosts.list()), default=0.0)
    return OlderDatabase(int(known or 0), noted, until, now)


def begin_counting(site: Site, before: Heartbeat | None, now: float) -> OlderDatabase | None:
    """Count a cron that starts; return what is wrong if the database went back in time, which is remembered.

    From then on ids are given that were not given before.
    """
    older = find_older(site, before, now)
    if older is not None:
        with site.store.transaction():
            site.store.hosts.count_on(site.hostname, older.noted, now)
            site.store.adhoc.move_ids_on()
            site.store.settings.set(of_host(OLDER, site.hostname), json.dumps(older._asdict()))
    if site.store.is_shared:
        note(site, site.store.hosts.beat(site.hostname, now))
    return older


def note(site: Site, crons: int) -> None:
    """Note beside the database how many crons it has counted, once it has."""
    note_counted(site.config.state_dir, crons, instance_id=site.planner.seed, hostname=site.hostname)


def list_older(site: Site, now: float, *, since: float) -> list[OlderDatabase]:
    """Return when the database was found to have gone back in time since a moment, and whether it is now."""
    remembered = [
        OlderDatabase(**json.loads(value))
        for name, value in site.store.settings.list().items()
        if name.startswith(of_host(OLDER, ""))
    ]
    now_found = find_older(site, last_beat(site.config.state_dir), now)
    found = [*remembered, *([now_found] if now_found else [])]
    return [older for older in found if older.found_at >= since]
