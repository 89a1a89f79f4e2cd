"""What each host loads, as a digest: two sites in one database run each other's tasks with their own code."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

from taskrunner.store.settings import SITE, of_host

if TYPE_CHECKING:
    from taskrunner.installation import Site

EVERY = 900.0
"""Seconds after which it is noted again that a site is still at work."""

ALIVE = 3600.0
"""Seconds after which one that was not noted again is gone; and for which a new version may be handed out."""


class LoadedSite(NamedTuple):
    """What the configuration `file` of a host has loaded since a moment, and when it last did."""

    hostname: str
    file: str
    digest: str
    since: float
    seen_at: float

    def __str__(self) -> str:
        return f"{self.file} on {self.hostname}"


def note_site(site: Site, now: float) -> None:
    """Note what this host loads; the digest is the same where the same tasks are planned in the same way."""
    file = str(site.config.file)
    name = f"{of_host(SITE, site.hostname)}:{crc32(file.encode()):08x}"
    stored = site.store.settings.list().get(name)
    before = LoadedSite(**json.loads(stored)) if stored else None
    tasks = sorted((name, task.kind) for name, task in site.registry.tasks.items())
    plugins = sorted(plugin.name for plugin in site.registry.plugins)
    parts = (plugins, tasks, site.config.schedule.salt, site.config.timezone)
    digest = hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
    if before and before.digest == digest and before.seen_at <= now < before.seen_at + EVERY:
        return
    since = before.since if before and before.digest == digest else now
    site.store.settings.set(name, json.dumps(LoadedSite(site.hostname, file, digest, since, now)._asdict()))


def strangers(site: Site, now: float) -> list[LoadedSite]:
    """Return one site of each kind if several have worked with the database for an hour, else []."""
    settings = site.store.settings.list().items()
    loaded = [LoadedSite(**json.loads(value)) for name, value in settings if name.startswith(f"{SITE}:")]
    since = now - site.store.settings.clock_ahead(now) - ALIVE
    at_work = {host.hostname for host in site.store.hosts.list() if host.seen_at > since}
    newest: dict[str, float] = {}
    for one in loaded:
        newest[one.hostname] = max(one.seen_at, newest.get(one.hostname, 0.0))
    alive = [
        one
        for one in loaded
        if one.seen_at > now - ALIVE
        or (site.store.is_shared and one.hostname in at_work and one.seen_at == newest[one.hostname])
    ]
    kinds = {one.digest: one for one in alive}
    if len(kinds) < 2 or now - max(one.since for one in alive) < ALIVE:
        return []
    return sorted(kinds.values(), key=str)
