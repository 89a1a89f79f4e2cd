"""taskrun report import: log files into the tables."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from taskrunner.cli.options import config_option, opened_site
from taskrunner.cli.render import json_option, say
from taskrunner.cli.report_load import planned
from taskrunner.cli.report_source import Asked, Opened, find_zone, open_file, open_source, source_options
from taskrunner.errors import TaskrunnerError
from taskrunner.report.durations import durations
from taskrunner.report.failures import crashes, failures
from taskrunner.report.files import find_logs
from taskrunner.report.gaps import gaps, signs_of
from taskrunner.report.html import Findings, page
from taskrunner.report.ingest import Importer, is_at_work, write_csv
from taskrunner.report.load import LocalTime, heatmap, overlaps
from taskrunner.report.threshold import thresholds

if TYPE_CHECKING:
    from collections.abc import Iterable

    from taskrunner.records import TaskRun
    from taskrunner.report.ingest import Tally
    from taskrunner.store import Store

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

    PATH is a log file, or a folder in which all files are read that are named like one. A file that was read
    before is read again only if it has grown, under whatever name.
    """
    site = None if sqlite else opened_site()
    store = site.store if site else open_file(Path(str(sqlite)), may_create=True)
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
        _tell(tally, others, store, sqlite)


def _is_watched() -> bool:
    return sys.stderr.isatty()


def _record(tally: Tally) -> dict[str, object]:
    return {
        "files": sum(tally.files.values()),
        "runs": sum(tally.states.values()),
        "tasks": {outcome: tally.outcomes[outcome] for outcome in OUTCOMES},
        "runs_by_state": {state: tally.states[state] for state in STATES},
        "files_by_news": {news: tally.files[news] for news in ("new", "grown", "unchanged")},
    }


def _tell(tally: Tally, others: int, store: Store, sqlite: Path | None) -> None:
    say(f"{sum(tally.files.values())} files: {_listed(tally.files, ('new', 'grown', 'unchanged'))}")
    say(f"{sum(tally.states.values())} cron processes: {_listed(tally.states, STATES)}")
    say(f"{sum(tally.outcomes.values())} runs of tasks: {_listed(tally.outcomes, OUTCOMES)}")
    if others:
        say(f"{others} more in these folders, not named like logs; name them to have them read", err=True)
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

    It needs nothing else: to look at, to print, to send.
    """
    opened = open_source(asked)
    text = page(_findings(opened), zone=opened.zone, now=opened.now)
    try:
        file.write_text(text, "utf-8")
    except OSError as error:
        raise TaskrunnerError(f"cannot write {file}: {error.strerror}") from error
    say(f"wrote {file}")


def _findings(opened: Opened) -> Findings:
    """Return what all reports find; each goes through the runs once, so that memory stays small."""
    source, local = opened.source, LocalTime(opened.zone)
    silent, usual = gaps(signs_of(source.runs(), source.tasks()))
    first_at, last_at = _ends(source.tasks())
    return Findings(
        told=opened.told + (f", task {opened.name}" if opened.name else ""),
        first_at=first_at,
        last_at=last_at,
        failures=failures(source.tasks(), local),
        durations=durations(source.tasks()),
        thresholds=thresholds(source.tasks()),
        crashes=list(crashes(source.tasks())),
        gaps=silent,
        usual_interval=usual,
        overlaps=overlaps(source.tasks()),
        heatmap=heatmap(source.tasks(), local),
        plan=planned(opened.site, source, zone=opened.zone) if opened.site and not opened.name else None,
    )


def _ends(runs: Iterable[TaskRun]) -> tuple[float | None, float | None]:
    first_at = last_at = None
    for run in runs:
        first_at = run.started_at if first_at is None else first_at
        last_at = run.started_at
    return first_at, last_at
