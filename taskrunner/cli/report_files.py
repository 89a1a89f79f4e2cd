"""taskrun report import, html: log files become rows, and runs become a page.

Which runs a report is about is said here as well: the options are those of all reports.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from taskrunner import __version__
from taskrunner.cli.options import config_option, opened_site, parse_moment, zone_of
from taskrunner.cli.render import json_option, say
from taskrunner.errors import StoreError, TaskrunnerError, UnknownTaskError
from taskrunner.formatting import plural
from taskrunner.report import LogFiles, LogTable, Source, Wanted
from taskrunner.report.durations import durations
from taskrunner.report.failures import Histories, histories_of, judge_all
from taskrunner.report.files import find_logs
from taskrunner.report.html import Findings, Totals, page, totals
from taskrunner.report.ingest import Importer, is_at_work, write_csv
from taskrunner.report.load import (
    OWN_FILES,
    Gap,
    LoadCounter,
    LocalTime,
    OverlapCounter,
    Silences,
    gaps_of_processes,
    gaps_of_starts,
)
from taskrunner.report.stagger import seen_slots, slots, stagger
from taskrunner.report.statistics import thresholds
from taskrunner.store.runs import LogFilter
from taskrunner.views.columns import Context

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import tzinfo

    from taskrunner.installation import Site
    from taskrunner.report.ingest import Tally
    from taskrunner.report.stagger import Plan
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
    from taskrunner.zones import get_zone, system_timezone

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


def planned(opened: Opened, *, window: tuple[int, ...] = ()) -> Plan:
    """Return the plan for a site's tasks, or for those of a file, with the lengths of a source's runs."""
    source, site = opened.source, opened.site
    p95 = {row.name: row.p95 for row in durations(source.lengths()) if row.p95 is not None}
    if site is None:
        return stagger(seen_slots(source.tasks(), p95, LocalTime(opened.zone)), window=window)
    rows = site.store.scheduled.list()
    fixed = frozenset(row.name for row in rows if site.config.decided_by(row.name, "schedule"))
    zones = {row.timezone for row in rows}
    shifts = {name: _minutes_behind(name, opened.zone) for name in zones}
    return stagger(slots(rows, p95, fixed=fixed, shifts=shifts), window=window)


def _minutes_behind(name: str, zone: tzinfo) -> int:
    """Return how many minutes a zone's clock is behind another's, now."""
    from taskrunner.zones import get_zone

    now = datetime.fromtimestamp(time.time(), UTC)
    here, there = now.astimezone(zone).utcoffset(), now.astimezone(get_zone(name)).utcoffset()
    return int((here - there).total_seconds() // 60) if here is not None and there is not None else 0


class UnrecognisedError(TaskrunnerError):
    """No file that was named is the log of a cron."""

    exit_code = 65


OUTCOMES = ("ok", "failed", "crashed", "cancelled", "delayed", "running")
STATES = ("completed", "truncated", "running", "refused", "empty")


@click.command("import")
@click.argument("paths", nargs=-1, required=True, metavar="PATH…", type=click.Path(path_type=Path))
@click.option("--sqlite", metavar="FILE", type=click.Path(path_type=Path), help="Into a file of its own.")
@click.option(
    "--csv",
    "csv_dir",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Write runs.csv and tasks.csv, too.",
)
@click.option("--tz", "zone", metavar="ZONE", help="The zone of times that have no offset.")
@json_option
@config_option
def import_logs(
    paths: tuple[Path, ...],
    sqlite: Path | None,
    csv_dir: Path | None,
    zone: str | None,
    output_format: str | None,
) -> None:
    """Read log files, ours and Moodle's cron_HHMM.log, packed or not.

    PATH is a log file, or a folder of which all files are read that are named like logs. A file that was read
    before is read again only if it has grown, even under another name.
    """
    site = None if sqlite else opened_site()
    store = site.store if site else open_scratch_file(Path(str(sqlite)))
    files, others = find_logs(paths)
    importer = Importer(store, zone=find_zone(zone, site), now=time.time(), is_at_work=is_at_work)
    with click.progressbar(
        length=len(files), label="Reading", file=sys.stderr, hidden=not _is_watched()
    ) as shown:
        tally = importer.read_all(files, progress=lambda: shown.update(1))
    if csv_dir is not None:
        write_csv(store, csv_dir)
    if output_format == "json":
        say(json.dumps(_record(tally), indent=2))
    else:
        _tell(tally, others, sqlite)
    for file in tally.unrecognised:
        say(f"{file}: this does not look like a cron log", err=True)
    if tally.unrecognised and not tally.files:
        raise UnrecognisedError("none of the files is a cron log")


def _is_watched() -> bool:
    return sys.stderr.isatty()


def _record(tally: Tally) -> dict[str, object]:
    return {
        "files": sum(tally.files.values()) + len(tally.unrecognised),
        "runs": sum(tally.states.values()),
        "tasks": {outcome: tally.outcomes[outcome] for outcome in OUTCOMES},
        "runs_by_state": {state: tally.states[state] for state in STATES},
        "files_by_news": {news: tally.files[news] for news in ("new", "grown", "unchanged")},
        "unrecognised": len(tally.unrecognised),
        "unrecognised_files": [str(file) for file in tally.unrecognised],
    }


def _tell(tally: Tally, others: int, sqlite: Path | None) -> None:
    files = Counter({**tally.files, "not recognised": len(tally.unrecognised)})
    kinds = ("new", "grown", "unchanged", "not recognised")
    say(f"{sum(files.values())} files: {_listed(files, kinds)}")
    say(f"{sum(tally.states.values())} cron processes: {_listed(tally.states, STATES)}")
    say(f"{sum(tally.outcomes.values())} runs of tasks: {_listed(tally.outcomes, OUTCOMES)}")
    if others:
        say(
            f"{plural(others, 'more file')} in these folders, not named like logs; name what is to be read",
            err=True,
        )
    source = sqlite or "files"
    say(f"Now: taskrun report failures --from {source}", err=True)


def _listed(counts: dict[str, int], names: tuple[str, ...]) -> str:
    return ", ".join(f"{counts[name]} {name}" for name in names if counts[name]) or "none"


@click.command("html")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@source_options
@config_option
def write_html(file: Path, asked: Asked) -> None:
    """Write all reports into FILE, one HTML page.

    The page needs no other files: to look at, to print or to send.
    """
    opened = open_source(asked)
    made_by = f"taskrunner {__version__}"
    text = page(_findings(opened), zone=opened.zone, now=opened.now, made_by=made_by)
    try:
        file.write_text(text, "utf-8")
    except OSError as error:
        raise TaskrunnerError(f"cannot write {file}: {error.strerror}") from error
    say(f"wrote {file}")


def _findings(opened: Opened) -> Findings:
    """Return what all reports find, in one way through the runs."""
    source, local = opened.source, LocalTime(opened.zone)
    histories, load, together = Histories(local), LoadCounter(local), OverlapCounter()
    for run in source.tasks():
        histories.add(run)
        load.add(run)
        together.add(run)
    pieces = list(source.lengths())
    starts = [history.starts for history in histories.values()]
    return Findings(
        origin=opened.origin + (f", task {opened.name}" if opened.name else ""),
        first_at=min((moments[0] for moments in starts), default=None),
        last_at=max((moments[-1] for moments in starts), default=None),
        histories=histories,
        failures=judge_all(histories),
        durations=durations(pieces),
        thresholds=thresholds(pieces),
        crashes=list(source.crashed()),
        silences=find_silences(opened),
        overlaps=together.overlaps(),
        heatmap=load.heatmap(),
        plan=None if opened.name else planned(opened),
        before=_before(source, local),
    )


def _before(source: Source, local: LocalTime) -> Totals | None:
    """Return how runs ended in as long a time before, or None where no beginning was asked for."""
    since, until = source.wanted.since, min(source.wanted.until, time.time())
    if since < 0:
        return None
    earlier = histories_of(source.within(2 * since - until, since).tasks(), local)
    found = totals(earlier, -END_OF_TIME, END_OF_TIME)
    return found if found.runs else None
