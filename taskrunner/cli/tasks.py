"""taskrun list, show: scheduled tasks, looked at."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from statistics import median
from typing import TYPE_CHECKING

import click

from taskrunner.cli.find import find_task, is_due, state_of
from taskrunner.cli.options import (
    COUNTED,
    TASK,
    config_option,
    length,
    long_moment,
    often,
    opened_site,
    parse_moment,
    relative,
    short_moment,
    zone_of,
)
from taskrunner.cli.render import (
    ASIDE,
    BAD,
    Column,
    Record,
    Table,
    as_moment,
    format_options,
    json_option,
    say,
    show_json,
)
from taskrunner.cli.render import (
    show as show_records,
)
from taskrunner.errors import PluginError
from taskrunner.schedule import Every

if TYPE_CHECKING:
    from datetime import tzinfo

    from taskrunner.installation import Site
    from taskrunner.plugins import Declaration
    from taskrunner.records import Run, ScheduledRow

TABLE = Table(
    keys=(
        "name",
        "title",
        "plugin",
        "schedule",
        "timezone",
        "customised",
        "disabled",
        "last_run_at",
        "last_success_at",
        "last_outcome",
        "last_message",
        "next_run_at",
        "fail_delay",
        "failing_since",
        "failures",
        "blocked",
        "state",
    ),
    columns=(
        Column("name", "Task"),
        Column("_schedule", "Schedule", wraps=True, least=11),
        Column("_last", "Last run"),
        Column("_next", "Next run", wraps=True, least=11),
        Column("state", "State", wraps=True, least=13),
    ),
)
SORTS = {"name": lambda row: row.name, "next": lambda row: (row.next_run_at, row.name)}


@click.command("list")
@click.option("--due", is_flag=True, help="Only what is due.")
@click.option("--failing", is_flag=True, help="Only what fails.")
@click.option("--disabled", is_flag=True, help="Only what is disabled.")
@click.option("--plugin", metavar="P", help="Only the tasks of a plugin.")
@click.option(
    "--sort", type=click.Choice(list(SORTS)), default="name", show_default=True, help="In which order."
)
@click.option("--next", "count", type=COUNTED, metavar="N", help="Only the N that are due first.")
@click.option("--at", metavar="TIME", help="As of another moment: 13:57, '2026-11-21 13:57', an ISO time.")
@format_options
@config_option
def list_tasks(
    due: bool,
    failing: bool,
    disabled: bool,
    plugin: str | None,
    sort: str,
    count: int | None,
    at: str | None,
    output_format: str | None,
) -> None:
    """Show every scheduled task.

    Its schedule, marked (*) if customised; its last and next run; its state.
    """
    site = opened_site()
    if plugin is not None and plugin not in {known.name for known in site.registry.plugins}:
        raise PluginError(f"there is no plugin {plugin}", hint="taskrun plugins")
    zone = zone_of(site)
    now = parse_moment(at, now=time.time(), zone=zone) if at else time.time()
    rows = [
        row
        for row in sorted(site.store.scheduled.list(), key=SORTS[sort])
        if (not due or is_due(row, now))
        and (not failing or row.failing_since is not None)
        and (not disabled or row.disabled)
        and plugin in (None, row.plugin)
    ]
    if count is not None:
        waiting = [row for row in rows if row.run_id is None and row.blocked is None and not row.disabled]
        rows = sorted(waiting, key=SORTS["next"])[:count]
    records = [list_record(row, now=now, zone=zone) for row in rows]
    wanted = " ".join(
        word for word, given in (("due", due), ("failing", failing), ("disabled", disabled)) if given
    )
    show_records(
        records, TABLE, output_format=output_format, empty=f"no scheduled task is {wanted or 'there'}"
    )


def list_record(row: ScheduledRow, *, now: float, zone: tzinfo) -> Record:
    """Return what lists show of a scheduled task; keys with _ are for people only."""
    waits = row.run_id is None and row.blocked is None and not row.disabled
    next_run = f"{short_moment(row.next_run_at, now=now, zone=zone)} {relative(row.next_run_at, now)}"
    last_run = short_moment(row.last_run_at, now=now, zone=zone)
    return {
        "name": row.name,
        "title": row.title,
        "plugin": row.plugin,
        "schedule": row.schedule,
        "timezone": row.timezone,
        "customised": bool(row.customised),
        "disabled": bool(row.disabled),
        "last_run_at": as_moment(row.last_run_at),
        "last_success_at": as_moment(row.last_success_at),
        "last_outcome": row.last_outcome,
        "last_message": row.last_message,
        "next_run_at": as_moment(row.next_run_at) if waits else None,
        "fail_delay": row.fail_delay,
        "failing_since": as_moment(row.failing_since),
        "failures": row.failures,
        "blocked": row.blocked,
        "state": state_of(row, now=now, zone=zone),
        "_schedule": row.schedule + " (*)" * row.customised,
        "_last": f"{last_run} {row.last_outcome or ''}".rstrip(),
        "_next": ("now" if row.next_run_at <= now else next_run) if waits else "-",
        "_style": BAD if row.failing_since else (ASIDE if not waits and row.run_id is None else ""),
    }


@click.command()
@click.argument("name", type=TASK)
@json_option
@config_option
def show(name: str, output_format: str | None) -> None:
    """Show one task in full.

    Where it is defined, its schedules in words, its next and last runs.
    """
    site = opened_site()
    declaration = find_task(site, name)
    if output_format == "json":
        show_json([task_record(site, declaration, now=time.time())])
    else:
        show_task(site, declaration, now=time.time())


SHOWN_RUNS = 5
RUNS_FOR_USUAL = 50


def task_record(site: Site, declaration: Declaration, *, now: float) -> Record:
    """Return all that is known of a task."""
    row = site.store.scheduled.find(declaration.name)
    runs = _last_runs(site, declaration.name)
    record: Record = {
        "name": declaration.name,
        "title": declaration.title,
        "kind": declaration.kind,
        "file": declaration.path,
        "line": declaration.line,
        "usual_duration": usual_duration(runs),
        "last_runs": [_run_record(run) for run in runs[:SHOWN_RUNS]],
    }
    return record if row is None else record | _schedule_record(site, row, now)


def usual_duration(runs: list[Run]) -> float | None:
    """Return the median seconds of the successful runs; None: there are none."""
    durations = [run.duration for run in runs if run.outcome == "ok"]
    return median(durations) if durations else None


def show_task(site: Site, declaration: Declaration, *, now: float) -> None:
    """Print all that is known of a task."""
    record = task_record(site, declaration, now=now)
    zone = zone_of(site)
    say(f"{record['name']}: {record['title']}")
    _line("defined in", f"{record['file']}, line {record['line']}")
    _line("kind", f"{record['kind']} task")
    if "schedule" in record:
        _show_schedule(record)
        _show_list("next runs", [long_moment(at.timestamp(), zone) for at in record["next_runs"]])
    usual = record["usual_duration"]
    _line("usually takes", "not known yet" if usual is None else length(usual))
    _show_list("last runs", [_run_line(run, zone) for run in _last_runs(site, declaration.name)[:SHOWN_RUNS]])


def show_change(site: Site, before: ScheduledRow, after: ScheduledRow, *, now: float) -> None:
    """Print what an administrator's change made of a task."""
    say(after.name)
    _line("was", _in_words(site, before))
    _line("is", _in_words(site, after))
    if not after.disabled:
        zone = zone_of(site)
        _show_list("next runs", [long_moment(at, zone) for at in upcoming(site, after, now=now, count=3)])


def upcoming(site: Site, row: ScheduledRow, *, now: float, count: int) -> list[float]:
    """Return the next moments of a task, the planned one first."""
    schedule = site.planner.schedule(row.schedule, name=row.name, timezone=row.timezone)
    first = max(row.next_run_at, now)
    if isinstance(schedule, Every):
        return [first + schedule.seconds * number for number in range(count)]
    later = schedule.upcoming(datetime.fromtimestamp(first, UTC), count - 1)
    return [first, *(moment.timestamp() for moment in later)]


def _schedule_record(site: Site, row: ScheduledRow, now: float) -> Record:
    zone = zone_of(site)
    runs = row.blocked is None and not row.disabled
    moments = upcoming(site, row, now=now, count=SHOWN_RUNS) if runs else []
    return {
        "schedule": row.schedule,
        "description": _describe(site, row.schedule, row),
        "timezone": row.timezone,
        "default_schedule": row.default_schedule,
        "own_schedule": row.own_schedule,
        "schedule_decided_by": site.config.decided_by(row.name, "schedule"),
        "disabled_decided_by": site.config.decided_by(row.name, "disabled"),
        "customised": bool(row.customised),
        "state": state_of(row, now=now, zone=zone),
        "blocked": row.blocked,
        "failures": row.failures,
        "failing_since": as_moment(row.failing_since),
        "last_message": row.last_message,
        "skips": row.skips,
        "skipped_since": as_moment(row.skipped_since),
        "skip_reason": row.skip_reason,
        "next_run_at": as_moment(moments[0]) if moments else None,
        "next_runs": [as_moment(moment) for moment in moments],
        "_next": relative(row.next_run_at, now),
    }


def _show_schedule(record: Record) -> None:
    zone = "" if record["schedule"].startswith("every") else f" ({record['timezone']})"
    _line("schedule", f"{record['schedule']}{zone}: {record['description']}")
    _line("as declared", record["default_schedule"])
    if record["own_schedule"]:
        _line("your own", record["own_schedule"])
    if record["schedule_decided_by"]:
        _line("decided by", record["schedule_decided_by"])
    decider = f", decided by {record['disabled_decided_by']}" if record["disabled_decided_by"] else ""
    _line("state", f"{record['state']}{decider}")
    if record["blocked"]:
        _line("because", record["blocked"])
    if record["last_message"]:
        _line("last failure", record["last_message"])
    if record["skips"]:
        since = record["skipped_since"].strftime("%Y-%m-%d %H:%M UTC")
        _line("passed over", f"{often(record['skips'])} since {since}, because {record['skip_reason']}")


def _in_words(site: Site, row: ScheduledRow) -> str:
    disabled = ", disabled" if row.disabled else ""
    customised = " (customised)" if row.customised else " (as declared)"
    return f"{row.schedule}: {_describe(site, row.schedule, row)}{disabled}{customised}"


def _describe(site: Site, text: str, row: ScheduledRow) -> str:
    return site.planner.schedule(text, name=row.name, timezone=row.timezone).describe()


def _last_runs(site: Site, name: str) -> list[Run]:
    from taskrunner.store.log import LogFilter  # late: completion does without the records

    return site.store.log.list(LogFilter(name=name, limit=RUNS_FOR_USUAL))


def _run_record(run: Run) -> Record:
    return {
        "run_id": run.run_id,
        "started_at": as_moment(run.started_at),
        "duration": round(run.duration, 6),
        "outcome": run.outcome,
        "message": run.message,
    }


def _run_line(run: Run, zone: object) -> str:
    message = f": {run.message}" if run.message else ""
    started = long_moment(run.started_at, zone)  # type: ignore[arg-type]
    return f"{started}  {run.outcome} in {length(run.duration)}{message}  {run.run_id}"


def _line(label: str, text: str) -> None:
    say(f"  {label:<14} {text}")


def _show_list(label: str, texts: list[str]) -> None:
    for number, text in enumerate(texts or ["none"]):
        _line(label if number == 0 else "", text)
