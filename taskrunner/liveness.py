"""Which runners have died: asked of their locks, wherever a run is shown, ended or recovered."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from taskrunner.installation import Site
    from taskrunner.records import RunnerRow

DIED = "its process has died; the next cron records it"
"""What is shown of a run instead of that it is running."""

LOCK_PREFIX = "runner-"


def lock_name(runner_id: str) -> str:
    """Return the name of the lock whose holder is a runner, alive."""
    return f"{LOCK_PREFIX}{runner_id}"


ABSENCE = 300.0
"""Seconds without a cron on a host, after which others recover its runs."""


def dead_runners(site: Site, now: float) -> list[RunnerRow]:
    """Return the runners whose process is gone and whose runs are for this host to recover.

    A host recovers its own: it has the log files. Others do so when it starts no crons any more. A free lock
    in this host's own folder proves a death, whatever a session says that the server still has, and whatever
    name the host had: a container has another at each start.
    """
    rows = site.store.runners.list()
    left_alone = _left_to_others(site, rows, now) if rows and site.store.is_shared else set()
    dead = []
    for row in rows:
        name = lock_name(row.id)
        if site.locks.proves_death(name) or (row.id not in left_alone and not site.locks.is_held(name)):
            dead.append(row)
    return dead


def _left_to_others(site: Site, rows: list[RunnerRow], now: float) -> set[str]:
    """Return the ids of runners whose host was heard of lately, by the clock of the database.

    Their lock alone does not tell: it goes with its session, which a runner that lives may lose.
    """
    since = now - site.store.settings.clock_ahead(now) - ABSENCE
    at_work = {host.hostname for host in site.store.hosts.list() if host.seen_at > since}
    others = (row for row in rows if row.hostname != site.hostname)
    return {row.id for row in others if row.hostname in at_work or row.began_at > since}


def dead_runner_ids(site: Site, now: float) -> frozenset[str]:
    """Return the ids of the runners whose process is gone and whose runs are not recovered yet."""
    return frozenset(row.id for row in dead_runners(site, now))
