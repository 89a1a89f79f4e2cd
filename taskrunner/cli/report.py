"""taskrun report: log files are read, and what they and the log table tell is counted and drawn."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from taskrunner import __version__
from taskrunner.cli import Suggesting, report_tables
from taskrunner.cli.options import config_option, opened_site
from taskrunner.cli.render import json_option, say
from taskrunner.cli.report_source import (
    END_OF_TIME,
    Asked,
    Opened,
    find_silences,
    find_zone,
    open_scratch_file,
    open_source,
    source_options,
)
from taskrunner.cli.report_tables import planned
from taskrunner.errors import TaskrunnerError
from taskrunner.formatting import plural
from taskrunner.report.durations import durations
from taskrunner.report.failures import Histories, histories_of, judge_all
from taskrunner.report.files import find_logs
from taskrunner.report.html import Findings, Totals, page, totals
from taskrunner.report.ingest import Importer, is_at_work, write_csv
from taskrunner.report.load import LoadCounter, LocalTime, OverlapCounter
from taskrunner.report.statistics import thresholds

if TYPE_CHECKING:
    from taskrunner.report import Source
    from taskrunner.report.ingest import Tally


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


@click.group(cls=Suggesting)
def report() -> None:
    """Read log files, count what they tell, and draw it.

    `report import` reads log files, ours and Moodle's. The other commands report on them (--from files), on
    taskrunner's own log (--from log, the default), or on a file made by `report import --sqlite FILE`
    (--from FILE).
    """


for command in (
    import_logs,
    report_tables.show_failures,
    report_tables.show_thresholds,
    report_tables.show_crashes,
    report_tables.show_durations,
    report_tables.show_gaps,
    report_tables.show_overlaps,
    report_tables.show_heatmap,
    report_tables.show_stagger,
    write_html,
):
    report.add_command(command)
