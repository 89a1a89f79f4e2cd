"""The checks: is this installation well? Each is a function that returns one finding.

What a cron would write is tried: the state directory and all in it, today's log folder, the database.
"""

from __future__ import annotations

import errno
import os
import shlex
import stat
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from taskrunner.db import error_of_writing
from taskrunner.diagnosis import hosts
from taskrunner.diagnosis.metrics import AREA as LIMITS
from taskrunner.diagnosis.metrics import limit_findings, limits, task_states
from taskrunner.errors import StoreError, UnknownTaskError
from taskrunner.files import UNTRICKED
from taskrunner.formatting import length, plural, relative
from taskrunner.heartbeat import last_beat
from taskrunner.hosts import list_older
from taskrunner.installation import open_site
from taskrunner.ownership import permission_advice
from taskrunner.records import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from taskrunner.config import CheckConfig, Config
    from taskrunner.diagnosis.metrics import TaskState
    from taskrunner.installation import Site
    from taskrunner.records import ScheduledRow

LARGEST_CLOCK_DIFFERENCE = 5.0
"""Seconds by which a host's clock may differ from the database's before that is worth a word."""


def above(value: float, warning: float, critical: float) -> str:
    """Return ok, warning or critical; a value at a threshold is still below it.

    >>> [above(value, 300, 14_400) for value in (0, 300, 301, 14_400, 14_401)]
    ['ok', 'ok', 'warning', 'warning', 'critical']
    """
    if value > critical:
        return "critical"
    return "warning" if value > warning else "ok"


def cron_level(since: float, interval: float | None, limits: CheckConfig) -> str:
    """Judge how long ago the last cron started, and how long after the one before it."""
    level = above(since, limits.cron_warning, limits.cron_critical)
    is_gap = interval is not None and interval > limits.cron_warning
    return "warning" if level == "ok" and is_gap else level


def worst(findings: Iterable[Finding]) -> Finding:
    """Return the finding that decides: critical before unknown, so that nothing critical is hidden."""
    severity = {"ok": 0, "info": 0, "warning": 1, "unknown": 2, "critical": 3}
    return max(findings, key=lambda finding: severity[finding.level])


MOST = 3
"""Findings that say enough: what one `sudo` left behind are many files."""


def access_findings(config: Config) -> list[Finding]:
    """Return what keeps a cron from working, each critical and with what to type; nothing stays."""
    found: list[Finding] = []
    written = {path: key for key, path in _written(config)}
    for path, key in written.items():
        message, hint = _denied(path)
        if message:
            found.append(Finding("files", "critical", f"{key}: {message}", hint))
        if len(found) == MOST:
            break
    return found or _database(config)


def log_finding(config: Config, *, now: float) -> Finding | None:
    """Return why the log of a cron that started now would be kept elsewhere, or None if it would not."""
    from taskrunner.runner.log_file import log_name  # late: only for a name

    message, hint = _denied((config.log_dir / log_name(config, started_at=now)).parent)
    if not message:
        return None
    cause = f"log_dir: {message}: logs go to the state directory"
    return Finding("log directory", "critical", cause, hint)


def _denied(path: Path) -> tuple[str, str]:
    """Return what is wrong with writing a path, and what to type, or two empty texts if it can be written."""
    error = _error_of_writing(path)
    if error is None:
        return "", ""
    about, hint = permission_advice(path, error)
    return f"cannot write {path}: {error.strerror}{about}", hint or f"ls -ld {shlex.quote(str(path))}"


def _written(config: Config) -> Iterator[tuple[str, Path]]:
    """Yield what a cron writes: folders, and the files that are there already."""
    yield "state_dir", config.state_dir
    for folder, _, names in os.walk(config.state_dir):
        above = config.state_dir / folder
        if above != config.state_dir:
            yield "state_dir", above
        yield from (("state_dir", above / name) for name in names)
    if config.database.startswith("sqlite:"):
        database = config.state_dir / config.database.removeprefix("sqlite:")
        yield "database", database.parent
        for end in ("", "-journal", "-wal", "-shm", ".id"):
            if os.path.lexists(file := database.with_name(database.name + end)):
                yield "database", file


def _error_of_writing(path: Path) -> OSError | None:
    """Return what is wrong with writing a file, or into a folder that is there or would be made."""
    there = path
    try:
        while not os.path.lexists(there):
            there = there.parent
        if there.is_dir():
            _try_folder(there)
        elif there != path:
            raise NotADirectoryError(errno.ENOTDIR, f"{there} is not a folder")
        elif stat.S_ISREG(there.lstat().st_mode) and not os.access(there, os.R_OK | os.W_OK):
            os.close(os.open(there, os.O_RDWR | UNTRICKED))  # a database that is open here is never closed
    except FileNotFoundError:  # it is gone meanwhile
        return None
    except OSError as error:
        return error
    return None


def _try_folder(folder: Path) -> None:
    draft = folder / f".taskrun-check.{os.getpid()}"
    os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | UNTRICKED, 0o600))
    draft.unlink()


def _database(config: Config) -> list[Finding]:
    error = error_of_writing(config.database)
    return [] if error is None else [Finding("database", "critical", str(error), error.hint or "")]


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


def examine(config: Config, *, now: float, only: str = "", with_tasks: bool = False) -> Examination:
    """Return what every check finds, or `only` one; a database that does not answer is a finding, no error.

    `only`: the name of a check, or of a task. `with_tasks`: with the metrics of each task.
    Raises ConfigError, UnknownTaskError.
    """
    if denied := access_findings(config):
        return Examination(denied)
    try:
        site = open_site(config, now=now)
        try:
            findings = only_check(site, only, now) if only else check_site(site, now=now)
            return Examination(findings, task_states(site, now) if with_tasks else [])
        finally:
            site.store.close()
    except StoreError as error:
        values = {"taskrun_database_up": 0.0}
        without_database = [
            _log_dir(config, now),
            hosts.cron_end_here(config, now),
            Finding("database", "critical", str(error), hint=error.hint or "", values=values),
        ]
        named = [finding for finding in without_database if finding.area == check_name(only)]
        return Examination(named or without_database[2 if only else 0 :])


class Examination(NamedTuple):
    """What the checks find, the worst first, and how each task stands where that was asked for."""

    findings: list[Finding]
    tasks: Sequence[TaskState] = ()


class Asked:
    """What a check is asked about: a site at a moment; unless it `writes`, nothing is changed by that."""

    def __init__(self, site: Site, now: float, *, writes: bool = True) -> None:
        self.site, self.now, self.writes = site, now, writes

    @cached_property
    def scheduled(self) -> list[ScheduledRow]:
        """The rows of the scheduled tasks."""
        return self.site.store.scheduled.list()


def check_site(site: Site, *, now: float, writes: bool = True) -> list[Finding]:
    """Return what every check finds, the worst first; unless it `writes`, nothing is changed by that."""
    asked = Asked(site, now, writes=writes)
    return sorted((check(asked) for check in CHECKS.values()), key=lambda check: -check.exit_code)


def check_name(text: str) -> str:
    """Return the name of a check as it may be typed.

    >>> check_name("Fail-Delay")
    'fail delay'
    """
    return text.replace("-", " ").replace("_", " ").lower()


def only_check(site: Site, name: str, now: float) -> list[Finding]:
    """Return what one check finds, or how one task stands. Raises UnknownTaskError."""
    from taskrunner.views.find import subject

    check = CHECKS.get(check_name(name))
    if check is not None:
        return [check(Asked(site, now))]
    try:
        found = subject(site, name)
    except UnknownTaskError as error:
        hint = f"a task, or one of the checks {', '.join(CHECKS)}"
        raise UnknownTaskError(f"there is no check and no task {name}", hint=hint) from error
    return [_task(site, found.name, found.scheduled, now)]


def _task(site: Site, name: str, row: ScheduledRow | None, now: float) -> Finding:
    """Judge one task: the limits that it has, its fail delay, and for how long it has been due."""
    found = list(limit_findings(site, now, name=name))
    if row is not None and site.mute_of(name, now) is None:
        limits = site.config.check
        delay = above(row.fail_delay, limits.fail_delay_warning, limits.fail_delay_critical)
        if row.failing_since is not None:
            message = f"has been failing for {length(now - row.failing_since)}: {row.last_message}"
            hint = f"taskrun log show {name}"
            found.append(Finding(name, "warning" if delay == "ok" else delay, message, hint=hint))
        late = now - row.next_run_at
        waits = row.run_id is None and not row.disabled and row.blocked is None
        age = above(late, limits.scheduled_age_warning, limits.scheduled_age_critical)
        if waits and age != "ok" and site.pause_of(name, now) is None:
            found.append(Finding(name, age, f"has been due for {length(late)}", hint=_why(age, name)))
    return max(
        found, key=lambda finding: finding.exit_code, default=Finding(name, "ok", "nothing is wrong with it")
    )


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
    message = f"{len(waiting)} due, {oldest.name} for {length(age)}"
    values = {"taskrun_scheduled_oldest_due_seconds": age}
    return Finding("scheduled queue", level, message, hint=_why(level, oldest.name), values=values)


def _adhoc_queue(site: Site, now: float) -> Finding:
    """Judge how long the oldest due task has waited, and tasks that are put off: they cannot be started."""
    found, parked = _adhoc_age(site, now), site.store.adhoc.parked()
    if parked is None or found.exit_code:
        return found
    which = f"{parked.name} {parked.id}: {parked.last_message}"
    message = f"{plural(parked.total, 'adhoc task')} cannot be started, {which}"
    return Finding("adhoc queue", "warning", message, hint=f"taskrun why {parked.id}", values=found.values)


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
    message = f"{oldest.name} {oldest.first_id} has been due for {length(age)}"
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
    message = f"{len(runs)} running, {longest.name} for {length(age)} on {longest.hostname}"
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
        return Finding("history", "ok", "the database has not gone back in time", values=values)
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


CHECKS: dict[str, Callable[[Asked], Finding]] = {
    "cron": lambda asked: _cron(asked.site, asked.now),
    "pause": lambda asked: _paused(asked.site, asked.now),
    "fail delay": lambda asked: _fail_delay(asked.site, asked.scheduled, asked.now),
    "scheduled queue": lambda asked: _scheduled_age(asked.site, asked.scheduled, asked.now),
    "adhoc queue": lambda asked: _adhoc_queue(asked.site, asked.now),
    "running": lambda asked: _running(asked.site, asked.now),
    "crashes": lambda asked: _crashes(asked.site, asked.now),
    "history": lambda asked: history(asked.site, asked.now, since=asked.now - DAY),
    "plugins": lambda asked: _plugins(asked.site),
    LIMITS: lambda asked: limits(asked.site, asked.now),
    "log directory": lambda asked: _log_dir(asked.site.config, asked.now),
    "cron ends": lambda asked: hosts.cron_ends(asked.site, asked.now),
    "slots": lambda asked: hosts.slots(asked.site, asked.now),
    "sites": lambda asked: hosts.sites(asked.site, asked.now),
    "given up": lambda asked: hosts.given_up(asked.site, asked.now),
    "run journals": lambda asked: hosts.journals(asked.site),
    "database": lambda asked: (
        hosts.database(asked.site, asked.now) if asked.writes else hosts.database_unwritten()
    ),
}
"""Every check by its name."""
