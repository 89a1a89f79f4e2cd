"""Which runs a report is about: the options that all of them have."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from taskrunner.cli.options import opened_site, parse_moment, zone_of
from taskrunner.errors import StoreError, TaskrunnerError, UnknownTaskError
from taskrunner.report import LogFiles, LogTable, Source, Wanted
from taskrunner.report.load import OWN_FILES, Gap, Silences, gaps_of_processes, gaps_of_starts
from taskrunner.store.runs import LogFilter
from taskrunner.views.columns import Context

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import tzinfo

    from taskrunner.installation import Site
    from taskrunner.store import Store

F = TypeVar("F", bound="Callable[..., Any]")
END_OF_TIME = 1e15


@dataclass(frozen=True, slots=True)
class Asked:
    """What the options say."""

    source: str
    since: str | None
    until: str | None
    task: str | None
    zone: str | None


@dataclass(frozen=True, slots=True)
class Opened:
    """The runs asked for, and how times are shown; `site` is None where a file of its own is read."""

    source: Source
    zone: tzinfo
    now: float
    site: Site | None
    name: str
    origin: str

    @property
    def context(self) -> Context:
        """What texts for people depend on."""
        return Context(self.now, self.zone)


def source_options(function: F) -> F:
    """Give a report the options that choose its runs, as `asked`."""

    @wraps(function)
    def with_asked(**options: Any) -> Any:
        names = ("source", "since", "until", "task", "zone")
        asked = Asked(*(options.pop(name) for name in names))
        return function(asked=asked, **options)

    wrapped: Any = with_asked
    for option in (
        click.option("--tz", "zone", metavar="ZONE", help="Show times in this zone, else the site's own."),
        click.option("--task", metavar="NAME", help="Only this task."),
        click.option("--until", metavar="TIME", help="Started before."),
        click.option("--since", metavar="TIME", help="Started at or after: 28d (ago), '2026-11-21 13:57'."),
        click.option(
            "--from",
            "source",
            default="log",
            show_default=True,
            metavar="log|files|FILE",
            help="taskrunner's log, the imported log files, or a file made by import --sqlite.",
        ),
    ):
        wrapped = option(wrapped)
    return wrapped  # type: ignore[no-any-return]


def open_source(asked: Asked, *, task: str | None = None) -> Opened:
    """Return the runs that are asked for; `task` is a name given as an argument. Raises TaskrunnerError."""
    now = time.time()
    site = opened_site() if asked.source in ("log", "files") else None
    store = site.store if site is not None else open_file(Path(asked.source))
    zone = find_zone(asked.zone, site)
    known = store.log.names() if asked.source == "log" else store.reports.names()
    name = _find_name(known, task or asked.task)
    wanted = Wanted(
        since=parse_moment(asked.since, now=now, zone=zone) if asked.since else -END_OF_TIME,
        until=parse_moment(asked.until, now=now, zone=zone) if asked.until else END_OF_TIME,
        name=name,
    )
    source = LogTable(store, wanted) if asked.source == "log" else LogFiles(store, wanted)
    origin = {"log": "the log of taskrunner", "files": "imported log files"}.get(asked.source, asked.source)
    return Opened(source, zone, now, site, name, origin)


def find_silences(opened: Opened) -> Silences:
    """Return when cron was silent, as far as the source tells."""
    source = opened.source
    if isinstance(source, LogTable) and opened.site is not None:
        return _silences_of_site(opened.site, source, opened.now)
    found = gaps_of_processes(source.foreign_runs())
    if found.usual is None and isinstance(source, LogFiles) and source.store.reports.own_files():
        return replace(found, unknown=OWN_FILES)
    return found


def _silences_of_site(site: Site, source: LogTable, now: float) -> Silences:
    from taskrunner.heartbeat import last_beat

    store, wanted = site.store, source.wanted
    last = {host.hostname: host.last_cron_at for host in store.hosts.list()}
    beat = last_beat(site.config.state_dir)
    if beat is not None:  # one host alone keeps no row of itself
        last[site.hostname] = max(beat.started_at, last.get(site.hostname, 0.0))
    kept = store.hosts.gaps(since=wanted.since, until=wanted.until)
    found = gaps_of_starts(kept, last, since=wanted.since, until=wanted.until, now=now)
    return replace(found, gaps=[replace(gap, last_line=_last_run(store, gap, now)) for gap in found.gaps])


def _last_run(store: Store, gap: Gap, now: float) -> str:
    runs = store.log.list(LogFilter(until=now if gap.ended_at is None else gap.ended_at, limit=1))
    return "".join(f"{run.name}: {run.outcome}" for run in runs if run.hostname == gap.hostname)


def find_zone(name: str | None, site: Site | None) -> tzinfo:
    """Return the zone asked for, else the site's, else the system's."""
    from taskrunner.formatting import get_zone, system_timezone

    if name is None and site is not None:
        return zone_of(site)
    return get_zone(name or system_timezone())


def open_scratch_file(path: Path) -> Store:
    """Return the store in a file of its own, made if it is not there. Raises StoreError.

    What was in it can be read again from the log files: nobody has to be warned when it is deleted.
    """
    from taskrunner.db.sqlite.tables import instance_id_file

    if not path.exists():
        Path(instance_id_file(path)).unlink(missing_ok=True)
    return open_file(path, may_create=True)


def open_file(path: Path, *, may_create: bool = False) -> Store:
    """Return the store in a file of its own. Raises StoreError."""
    from taskrunner.db import open_database
    from taskrunner.store import Store

    if not may_create and not path.is_file():
        raise StoreError(
            f"there is no file {path}", hint="--from log, --from files, or a file of `report import --sqlite`"
        )
    return Store(open_database(f"sqlite:{path}"))


def _find_name(known: list[str], asked: str | None) -> str:
    """Return the task meant by its name or the last part of it, "" for all. Raises UnknownTaskError."""
    if asked is None or asked in known:
        return asked or ""
    found = [name for name in known if name.endswith((f".{asked}", f"\\{asked}"))]
    if len(found) == 1:
        return found[0]
    if found:
        raise UnknownTaskError(f"{asked} could be {' or '.join(found)}", hint="write the full name")
    raise _unknown(known, asked)


def _unknown(known: list[str], asked: str) -> TaskrunnerError:
    from taskrunner.validate import nearest

    short = {name.replace("\\", ".").rpartition(".")[2]: name for name in known}
    near = nearest(asked, [*known, *short])
    guess = f"; did you mean {short.get(near, near)}?" if near else ""
    return UnknownTaskError(f"no run of {asked} is known here{guess}", hint="taskrun report failures")


NOTHING = "no run of that time is known"


def percent(rate: float | None) -> str:
    """Return a rate for a table; small ones keep two digits.

    >>> [percent(rate) for rate in (0.0, 0.0213, 0.5, 1.0, None)]
    ['0 %', '2.1 %', '50 %', '100 %', '–']
    """
    if rate is None:
        return "–"
    return f"{100 * rate:.1f} %" if 0 < rate < 0.0995 else f"{100 * rate:.0f} %"
