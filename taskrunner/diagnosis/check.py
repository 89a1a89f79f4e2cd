"""The checks: is this installation well? Rules in `rules`, what they are asked about here."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from taskrunner.cron_count import list_older
from taskrunner.diagnosis import above, cron_level, hosts
from taskrunner.diagnosis.access import access_findings, log_finding
from taskrunner.errors import StoreError
from taskrunner.finding import Finding
from taskrunner.formatting import length, relative
from taskrunner.heartbeat import last_beat
from taskrunner.installation import open_site

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from taskrunner.config import Config
    from taskrunner.installation import Site
    from taskrunner.records import ScheduledRow


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
    rows = site.store.hosts.list()
    if not rows:
        return CronStarts(None, None, "")
    newest = max(rows, key=lambda host: host.seen_at)
    is_ours = newest.hostname == site.hostname
    ahead = newest.clock_ahead if is_ours else site.store.settings.clock_ahead(now)
    return CronStarts(newest.seen_at + ahead, newest.cron_interval, newest.hostname)


DAY = 86_400.0


def examine(config: Config, *, now: float) -> list[Finding]:
    """Return what every check finds; a database that does not answer is a finding, not an error.

    Raises ConfigError.
    """
    if denied := access_findings(config):
        return denied
    try:
        site = open_site(config, now=now)
        try:
            return check_site(site, now=now)
        finally:
            site.store.close()
    except StoreError as error:
        values = {"taskrun_database_up": 0.0}
        return [
            _log_dir(config, now),
            hosts.cron_end_here(config, now),
            Finding("database", "critical", str(error), hint=error.hint or "", values=values),
        ]


def check_site(site: Site, *, now: float, writes: bool = True) -> list[Finding]:
    """Return what every check finds, the worst first; unless it `writes`, nothing is changed by that."""
    scheduled = site.store.scheduled.list()
    checks = [
        _cron(site, now),
        _paused(site, now),
        _fail_delay(site, scheduled, now),
        _scheduled_age(site, scheduled, now),
        _adhoc_age(site, now),
        _running(site, now),
        _crashes(site, now),
        history(site, now, since=now - DAY),
        _plugins(site),
        _log_dir(site.config, now),
        hosts.cron_ends(site, now),
        hosts.slots(site, now),
        hosts.sites(site, now),
        hosts.given_up(site, now),
        hosts.journals(site),
        hosts.database(site, now) if writes else hosts.database_unwritten(),
    ]
    return sorted(checks, key=lambda check: -check.exit_code)


def _cron(site: Site, now: float) -> Finding:
    """Judge the starts of crons as Moodle does: the time since the last one, and the gap before it."""
    limits = site.config.check
    starts = cron_starts(site, now)
    if starts.last_at is None:
        return Finding("cron", "critical", "no cron has ever started", hint="crontab -l")
    since = now - starts.last_at
    message = f"the last one started {relative(starts.last_at, now)}"
    if starts.interval is not None and starts.interval > limits.cron_warning:
        message += f", after a gap of {length(starts.interval)}"
    level = cron_level(since, starts.interval, limits)
    values = {"taskrun_cron_last_start_age_seconds": since}
    if starts.interval is not None:
        values["taskrun_cron_start_gap_seconds"] = starts.interval
    return Finding("cron", level, message, hint="" if level == "ok" else "crontab -l", values=values)


def _paused(site: Site, now: float) -> Finding:
    pause = site.store.settings.pause(now)
    if pause is not None:
        why = f": {pause.reason}" if pause.reason else ""
        message = f"cron has been paused for {length(now - pause.since)}{why}"
        return Finding("pause", "warning", message, hint="taskrun resume", values={"taskrun_paused": 1.0})
    values = {"taskrun_paused": 0.0}
    if site.pauses:
        names = ", ".join(one.pattern for one in site.pauses)
        return Finding("pause", "info", f"paused: {names}", hint="taskrun status", values=values)
    return Finding("pause", "ok", "cron is not paused", values=values)


def _fail_delay(site: Site, rows: Sequence[ScheduledRow], now: float) -> Finding:
    limits = site.config.check
    scheduled = {
        row.name: row.fail_delay for row in rows if not row.disabled and site.mute_of(row.name, now) is None
    }
    count, longest = site.store.adhoc.fail_delays()
    failing = sum(delay > 0 for delay in scheduled.values()) + count
    name = max(scheduled, key=lambda name: scheduled[name], default="")
    largest = max(scheduled.get(name, 0), longest)
    level = above(largest, limits.fail_delay_warning, limits.fail_delay_critical)
    values = {"taskrun_fail_delay_max_seconds": float(largest), "taskrun_failing_tasks": float(failing)}
    if not failing:
        return Finding("fail delay", level, "no task is failing", values=values)
    who = name if scheduled.get(name, 0) >= longest else "adhoc tasks"
    message = f"{failing} failing, the longest delay is {length(largest)} ({who})"
    hint = "taskrun list --failing" if who == name else "taskrun adhoc list --failed"
    return Finding("fail delay", "info" if level == "ok" else level, message, hint=hint, values=values)


def _scheduled_age(site: Site, rows: Sequence[ScheduledRow], now: float) -> Finding:
    limits = site.config.check
    waiting = [
        row
        for row in rows
        if row.run_id is None and not row.disabled and row.blocked is None and row.next_run_at <= now
        if site.pause_of(row.name, now) is None
    ]
    if not waiting:
        return Finding(
            "scheduled queue", "ok", "nothing is due", values={"taskrun_scheduled_oldest_due_seconds": 0.0}
        )
    oldest = min(waiting, key=lambda row: row.next_run_at)
    age = now - oldest.next_run_at
    level = above(age, limits.scheduled_age_warning, limits.scheduled_age_critical)
    message = f"{len(waiting)} due, {oldest.name} since {length(age)}"
    values = {"taskrun_scheduled_oldest_due_seconds": age}
    return Finding("scheduled queue", level, message, hint=_why(level, oldest.name), values=values)


def _adhoc_age(site: Site, now: float) -> Finding:
    limits = site.config.check
    due = site.store.adhoc.queue_state(now).get().due
    waiting = [task for task in due if site.pause_of(task.name, now) is None]
    if not waiting:
        return Finding(
            "adhoc queue", "ok", "nothing is due", values={"taskrun_adhoc_oldest_due_seconds": 0.0}
        )
    oldest = min(waiting, key=lambda task: task.next_run_at)
    age = now - oldest.next_run_at
    level = above(age, limits.adhoc_age_warning, limits.adhoc_age_critical)
    message = f"{oldest.name} {oldest.first_id} is due since {length(age)}"
    values = {"taskrun_adhoc_oldest_due_seconds": age}
    return Finding("adhoc queue", level, message, hint=_why(level, str(oldest.first_id)), values=values)


def _running(site: Site, now: float) -> Finding:
    limits = site.config.check
    runs = site.store.runners.running()
    values = {"taskrun_running_tasks": float(len(runs)), "taskrun_running_longest_seconds": 0.0}
    if not runs:
        return Finding("running", "ok", "nothing is running", values=values)
    longest = runs[0]
    age = now - longest.started_at
    level = above(age, limits.running_warning, limits.running_critical)
    message = f"{len(runs)} running, {longest.name} since {length(age)} on {longest.hostname}"
    values["taskrun_running_longest_seconds"] = age
    return Finding("running", level, message, hint="" if level == "ok" else "taskrun running", values=values)


def _crashes(site: Site, now: float) -> Finding:
    limits = site.config.check
    count = site.store.log.count_crashes(now - DAY)
    level = above(count, limits.crashes_warning, limits.crashes_critical)
    values = {"taskrun_crashes_last_day": float(count)}
    hint = "taskrun log --outcome crashed" if count else ""
    return Finding("crashes", level, f"{count} in the last day", hint=hint, values=values)


def history(site: Site, now: float, *, since: float) -> Finding:
    """See whether the database went back in time, now or since a moment."""
    found = list_older(site, now, since=since)
    values = {"taskrun_database_went_back": float(bool(found))}
    if not found:
        return Finding("history", "ok", "the database knows all that was noted", values=values)
    newest = max(found, key=lambda older: older.found_at)
    return Finding(
        "history", "warning", newest.message(site.config.timezone), hint="taskrun log", values=values
    )


def _plugins(site: Site) -> Finding:
    findings = site.registry.findings
    values = {"taskrun_plugin_problems": float(len(findings))}
    if not findings:
        return Finding("plugins", "ok", f"{len(site.registry.plugins)} without problems", values=values)
    more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
    return Finding("plugins", "warning", f"{findings[0]}{more}", hint="taskrun doctor", values=values)


def _log_dir(config: Config, now: float) -> Finding:
    """Try to write where a log file of now would be: where there is no folder yet, whether it can be made."""
    found = log_finding(config, now=now)
    values = {"taskrun_log_dir_writable": float(found is None)}
    if found is None:
        return Finding("log directory", "ok", "it can be written", values=values)
    return found._replace(values=values)


def _why(level: str, name: str) -> str:
    return "" if level == "ok" else f"taskrun why {name}"


HELP = {
    "taskrun_check_status": "What each check says: 0 ok, 1 warning, 2 critical, 3 unknown.",
    "taskrun_check_time_seconds": "When the checks were made, in seconds since 1970.",
    "taskrun_cron_last_start_age_seconds": "Seconds since the last cron started.",
    "taskrun_cron_start_gap_seconds": "Seconds between the last two starts of a cron.",
    "taskrun_paused": "Whether cron is paused.",
    "taskrun_fail_delay_max_seconds": "The longest fail delay of a task.",
    "taskrun_failing_tasks": "How many tasks are failing.",
    "taskrun_scheduled_oldest_due_seconds": "Seconds for which the oldest due scheduled task waits.",
    "taskrun_adhoc_oldest_due_seconds": "Seconds for which the oldest due adhoc task waits.",
    "taskrun_running_tasks": "How many tasks are running.",
    "taskrun_running_longest_seconds": "Seconds for which the longest running task runs.",
    "taskrun_crashes_last_day": "Runs in the last 24 hours whose process died.",
    "taskrun_database_went_back": "Whether the database was found to be older than what was noted, in a day.",
    "taskrun_plugin_problems": "How many problems plugins have.",
    "taskrun_log_dir_writable": "Whether the log directory can be written.",
    "taskrun_cron_failures": "How many crons in a row ended badly, of all hosts.",
    "taskrun_runners_silent": "Runners that hold a lock while their host starts no crons.",
    "taskrun_sites": "How many different sites work with the database.",
    "taskrun_adhoc_given_up": "Adhoc tasks that were given up.",
    "taskrun_journals_set_aside": "Notes of the ends of runs that the database has refused.",
    "taskrun_database_writable": "Whether the database can be written.",
    "taskrun_database_up": "Whether the database answers.",
}
"""Every metric: all of them are gauges."""


def exposition(checks: Sequence[Finding], *, now: float) -> str:
    """Return the checks in the text format of Prometheus.

    Source: https://prometheus.io/docs/instrumenting/exposition_formats/
    """
    values = {name: value for check in checks for name, value in check.values.items()}
    status = [(f'{{check="{check.area}"}}', float(check.exit_code)) for check in checks]
    samples = {"taskrun_check_status": sorted(status), "taskrun_check_time_seconds": [("", now)]}
    samples |= {name: [("", value)] for name, value in sorted(values.items())}
    return "".join(_family(name, of_name) for name, of_name in samples.items())


def write_atomically(file: Path, text: str) -> None:
    """Replace a file as a whole, for all to read: they see the old text or the new. Raises OSError."""
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        draft.write_text(text, "ascii")
        draft.chmod(0o644)
        os.replace(draft, file)
    finally:
        draft.unlink(missing_ok=True)


def _family(name: str, samples: Sequence[tuple[str, float]]) -> str:
    lines = [f"# HELP {name} {HELP[name]}", f"# TYPE {name} gauge"]
    lines += [f"{name}{labels} {value!r}" for labels, value in samples]
    return "\n".join(lines) + "\n"
