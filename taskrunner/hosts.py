"""What is noted of each host: how many crons it has started, how they end badly, and what it loads.

Counts stand in the database and beside it: an older database knows fewer. An end that was bad is noted
beside the database, and in it where it answers, until a cron ends well. What a host loads is noted as a
digest: two sites in one database run each other's tasks with their own code.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

from taskrunner.errors import NotOwnerError, StoreError
from taskrunner.files import LARGEST_FILE, open_file, read_text
from taskrunner.formatting import long_moment
from taskrunner.heartbeat import last_beat, note_counted
from taskrunner.store.settings import CRON_FAILURE, CRONS, OLDER, SITE, of_host
from taskrunner.zones import get_zone

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from taskrunner.heartbeat import Heartbeat
    from taskrunner.installation import Site

OLDER_KEPT = 86_400.0
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
    is_forgotten = known is None and now - before.started_at >= OLDER_KEPT
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
        note_crons(site, site.store.hosts.beat(site.hostname, now))
    return older


def note_crons(site: Site, crons: int) -> None:
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


FAILURE_FILE = "cron_failure"
"""The file; an idle minute leaves the minute to the program while it is there."""


@dataclass(frozen=True, slots=True)
class CronFailure:
    """How often in a row crons ended badly since a moment, and how the last one did: exit code and line."""

    code: int
    line: str
    since: float
    ended_at: float
    count: int


def find_failure(state_dir: Path) -> CronFailure | None:
    """Return how the last crons of this host ended badly, or None if the last one ended well."""
    try:
        return CronFailure(**json.loads(read_text(state_dir / FAILURE_FILE, largest=LARGEST_FILE)))
    except (OSError, ValueError, TypeError):
        return None


def _tell_database(site: Site | None, failure: CronFailure | None) -> None:
    if site is None:
        return
    name = of_host(CRON_FAILURE, site.hostname)
    if failure is None:
        site.store.settings.delete(name)
    else:
        site.store.settings.set(name, json.dumps(asdict(failure)))


def failures_of_hosts(site: Site) -> dict[str, CronFailure]:
    """Return how the last crons ended badly, by host, this one as it noted that itself."""
    prefix = of_host(CRON_FAILURE, "")
    found = {
        name.removeprefix(prefix): CronFailure(**json.loads(value))
        for name, value in site.store.settings.list().items()
        if name.startswith(prefix)
    }
    found.pop(site.hostname, None)
    here = find_failure(site.config.state_dir)
    return found if here is None else {site.hostname: here, **found}


class CronEnd:
    """Notes how a cron ends: by what its block raises, else by `note`; `site` is set once it is open."""

    def __init__(self, state_dir: Path, clock: Callable[[], float]) -> None:
        self.site: Site | None = None
        self._state_dir = state_dir
        self._clock = clock

    def __enter__(self) -> CronEnd:
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, Exception) and not isinstance(error, NotOwnerError):  # who touches nothing
            code = StoreError.exit_code if isinstance(error, OSError) else 1
            self.note(getattr(error, "exit_code", code), str(error) or type(error).__name__)

    def note(self, code: int, line: str = "") -> None:
        """Note an exit code, 0 for well, and what was said; where that is not possible, nothing changes."""
        before, now, file = find_failure(self._state_dir), self._clock(), self._state_dir / FAILURE_FILE
        with contextlib.suppress(OSError, StoreError):
            if code == 0:
                if before is not None:
                    os.unlink(file)
                    _tell_database(self.site, None)
                return
            since, count = (before.since, before.count + 1) if before else (now, 1)
            failure = CronFailure(code, line, since, now, count)
            descriptor = open_file(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            with open(descriptor, "w", encoding="utf-8", errors="backslashreplace") as opened:
                opened.write(json.dumps(asdict(failure)))
            _tell_database(self.site, failure)


NOTED_EVERY = 900.0
"""Seconds after which it is noted again that a site is still at work."""

GONE_AFTER = 3600.0
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
    import hashlib  # late: a task that is run by hand notes nothing

    file = str(site.config.file)
    name = f"{of_host(SITE, site.hostname)}:{crc32(file.encode()):08x}"
    stored = site.store.settings.list().get(name)
    before = LoadedSite(**json.loads(stored)) if stored else None
    tasks = sorted((name, task.kind) for name, task in site.registry.tasks.items())
    plugins = sorted(plugin.name for plugin in site.registry.plugins)
    parts = (plugins, tasks, site.config.schedule.salt, site.config.timezone)
    digest = hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
    if before and before.digest == digest and before.seen_at <= now < before.seen_at + NOTED_EVERY:
        return
    since = before.since if before and before.digest == digest else now
    site.store.settings.set(name, json.dumps(LoadedSite(site.hostname, file, digest, since, now)._asdict()))


def strangers(site: Site, now: float) -> list[LoadedSite]:
    """Return one site of each kind if several have worked with the database for an hour, else []."""
    settings = site.store.settings.list().items()
    loaded = [LoadedSite(**json.loads(value)) for name, value in settings if name.startswith(f"{SITE}:")]
    since = now - site.store.settings.clock_ahead(now) - GONE_AFTER
    at_work = {host.hostname for host in site.store.hosts.list() if host.seen_at > since}
    newest: dict[str, float] = {}
    for one in loaded:
        newest[one.hostname] = max(one.seen_at, newest.get(one.hostname, 0.0))
    alive = [
        one
        for one in loaded
        if one.seen_at > now - GONE_AFTER
        or (site.store.is_shared and one.hostname in at_work and one.seen_at == newest[one.hostname])
    ]
    kinds = {one.digest: one for one in alive}
    if len(kinds) < 2 or now - max(one.since for one in alive) < GONE_AFTER:
        return []
    return sorted(kinds.values(), key=str)
