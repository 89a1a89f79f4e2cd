"""Why a task runs or does not: each gate in the order of a cron, whether it is open, with the numbers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from taskrunner.config.schema import said_by
from taskrunner.diagnosis.check import cron_starts
from taskrunner.formatting import length, long_moment, often, plural, relative, short_moment
from taskrunner.liveness import DIED, dead_runner_ids
from taskrunner.records import Finding
from taskrunner.schedule import Every
from taskrunner.views.site import state_in
from taskrunner.zones import get_zone

if TYPE_CHECKING:
    from collections.abc import Callable

    from taskrunner.installation import Site
    from taskrunner.plugins import Declaration, Plugin
    from taskrunner.records import AdhocRow, RunningRow, ScheduledRow
    from taskrunner.views.find import Subject


OPEN, CLOSED, UNDECIDED = "ok", "warning", "info"
"""Levels of a gate, the finding about one condition of a run. UNDECIDED: another one decides."""


def pause_gate(site: Site, name: str, now: float) -> Finding:
    """Is cron paused, or this task?"""
    pause, what, hint = site.store.settings.pause(now), "cron", "taskrun resume"
    if pause is None and (pause := site.pause_of(name, now)) is not None:
        what = f"{pause.pattern} as a whole" if "*" in pause.pattern else "it"
        hint = f"taskrun resume '{pause.pattern}'"
    if pause is None:
        return Finding("paused", OPEN, "cron is not paused")
    since = f"since {moment(site, pause.since)}{f', by {pause.by}' if pause.by else ''}"
    until = f"until {moment(site, pause.until)}, " if pause.until is not None else ""
    message = f"{what} is paused {until}{since}{f': {pause.reason}' if pause.reason else ''}"
    return Finding("paused", CLOSED, message, hint)


def plugin_gate(site: Site, name: str, plugin_name: str) -> Finding:
    """Is its plugin there, whole as far as this task goes, and enabled?"""
    plugin = _plugin(site, plugin_name)
    if plugin is None and (skipped := site.registry.skipped(plugin_name)) is not None:
        return Finding("plugin", CLOSED, f"{plugin_name} was left out: {skipped}", "taskrun doctor")
    if plugin is None:
        folders = ", ".join(map(str, site.config.plugin_dirs))
        return Finding("plugin", CLOSED, f"there is no plugin {plugin_name} in {folders}", "taskrun plugins")
    if name not in site.registry.tasks and plugin.findings:
        return Finding("plugin", CLOSED, f"{plugin_name} is broken: {plugin.findings[0]}", "taskrun plugins")
    declaration = site.registry.tasks.get(name)
    settings = site.config.plugins.get(plugin_name)
    if settings is not None and not settings.enabled:
        message = f"[plugins.{plugin_name}] enabled = false in {site.config.file}"
        if declaration is None or not declaration.run_if_plugin_disabled:
            return Finding("plugin", CLOSED, f"{plugin_name} is disabled: {message}", "change it there")
        return Finding("plugin", OPEN, f"{plugin_name} is disabled, but this task still runs")
    return Finding("plugin", OPEN, f"{plugin_name} is there and enabled: {plugin.path}")


def declared_gate(site: Site, name: str, plugin_name: str) -> Finding:
    """Does the plugin declare it?"""
    declaration = site.registry.tasks.get(name)
    if declaration is not None:
        return Finding("declared", OPEN, f"{declaration.path}, line {declaration.line}")
    plugin = _plugin(site, plugin_name)
    if plugin is None or plugin.findings:
        return Finding("declared", UNDECIDED, "not known as long as the plugin cannot be read")
    return Finding(
        "declared", CLOSED, f"missing: {plugin.path} does not declare it any more", "taskrun plugins"
    )


def running_gate(site: Site, row: ScheduledRow | AdhocRow, now: float) -> Finding:
    """Does it run already?"""
    if row.run_id is None:
        return Finding("running", OPEN, "it is not running")
    since = row.started_at or now
    if row.runner_id in dead_runner_ids(site, now):
        message = f"it ran on {row.hostname}, pid {row.pid}, since {moment(site, since)}: {DIED}"
        return Finding("running", CLOSED, message, "taskrun cron")
    message = f"it is running on {row.hostname}, pid {row.pid}, for {length(now - since)}"
    return Finding(
        "running", CLOSED, f"{message}, since {moment(site, since)}", f"taskrun log follow {row.run_id}"
    )


def slot_gate(site: Site, kind: str) -> Finding:
    """Is one of the numbered slots free in which crons run this kind of tasks?"""
    cron = site.config.cron
    limit = cron.scheduled_concurrency_limit if kind == "scheduled" else cron.adhoc_concurrency_limit
    key = f"[cron] {kind}_concurrency_limit"
    if not limit:
        return Finding("slots", CLOSED, f"{key} = 0: this host starts none", "change it there")
    taken = sum(site.locks.is_held(f"{kind}-{number}") for number in range(limit))
    message = f"{taken} of {limit} {kind} slots are taken"
    if taken < limit:
        return Finding("slots", OPEN, message)
    return Finding("slots", CLOSED, f"{message}{_by_whom(site, kind)}; {key}", "taskrun running")


def cron_gate(site: Site, now: float) -> Finding:
    """Do crons start?"""
    starts = cron_starts(site, now)
    if starts.last_at is None:
        return Finding(
            "cron", CLOSED, "no cron has ever started here: is there a crontab line?", "crontab -l"
        )
    message = f"the last cron started {relative(starts.last_at, now)} on {starts.hostname}"
    if now - starts.last_at > site.config.check.cron_warning:
        return Finding("cron", CLOSED, f"{message}: is the crontab line still there?", "crontab -l")
    return Finding("cron", OPEN, message)


def moment(site: Site, epoch: float) -> str:
    """Return a moment as the config's zone shows it."""
    return long_moment(epoch, get_zone(site.config.timezone))


def _plugin(site: Site, name: str) -> Plugin | None:
    return next((plugin for plugin in site.registry.plugins if plugin.name == name), None)


def _by_whom(site: Site, kind: str) -> str:
    runs: list[RunningRow] = [run for run in site.store.runners.running() if run.type == kind]
    return f" ({', '.join(run.name for run in runs)})" if runs else ""


def adhoc_gates(site: Site, name: str, row: AdhocRow | None, *, now: float) -> list[Finding]:
    """Return every gate of a class, and those of one queued task of it, in order."""
    plugin = name.partition(".")[0]
    own = _queue_gates(site, name, now) if row is None else _row_gates(site, row, now)
    return [
        pause_gate(site, name, now),
        plugin_gate(site, name, plugin),
        declared_gate(site, name, plugin),
        *own,
        slot_gate(site, "adhoc"),
        _class_limit(site, name),
        _others_first(site, name, now),
        cron_gate(site, now),
    ]


def _queue_gates(site: Site, name: str, now: float) -> list[Finding]:
    queued = next((row for row in site.store.adhoc.summary(now) if row.name == name), None)
    if queued is None:
        return [Finding("queued", CLOSED, "no task of this class is queued", f"taskrun adhoc queue {name}")]
    given_up = f", {queued.given_up} given up" if queued.given_up else ""
    counts = f"{queued.due} due, {queued.waiting} waiting, {queued.running} running{given_up}"
    if queued.due:
        return [Finding("due", OPEN, counts)]
    if queued.next_run_at is not None:
        zone = get_zone(site.config.timezone)
        at = f"{short_moment(queued.next_run_at, now=now, zone=zone)}, {relative(queued.next_run_at, now)}"
        return [Finding("due", CLOSED, f"{counts}; the next is due {at}", f"taskrun adhoc list {name}")]
    if queued.running:
        return [Finding("running", CLOSED, f"{counts}: nothing else of this class waits", "taskrun running")]
    return [Finding("attempts", CLOSED, counts, f"taskrun adhoc retry --class {name} --yes")]


def _row_gates(site: Site, row: AdhocRow, now: float) -> list[Finding]:
    return [
        _attempts(row),
        _adhoc_due(site, row, now),
        _adhoc_fail_delay(site, row, now),
        running_gate(site, row, now),
    ]


def _attempts(row: AdhocRow) -> Finding:
    if row.attempts_left > 0 or row.run_id is not None:
        return Finding("attempts", OPEN, f"{row.attempts_left} left after {row.tries}")
    message = f"given up after {plural(row.tries, 'try', 'tries')}: {row.last_message}"
    return Finding("attempts", CLOSED, message, f"taskrun adhoc retry {row.id}")


def _adhoc_due(site: Site, row: AdhocRow, now: float) -> Finding:
    if row.next_run_at <= now:
        return Finding("due", OPEN, f"due for {length(now - row.next_run_at)}")
    if row.fail_delay:
        return Finding("due", UNDECIDED, "the fail delay decides")
    why = f": {row.last_message}" if row.last_message else ""
    message = f"not before {moment(site, row.next_run_at)}, {relative(row.next_run_at, now)}{why}"
    return Finding("due", CLOSED, message, f"taskrun adhoc retry {row.id}")


def _adhoc_fail_delay(site: Site, row: AdhocRow, now: float) -> Finding:
    if not row.fail_delay:
        return Finding("fail delay", OPEN, "its last run did not fail")
    message = (
        f"failed {often(row.failures)} since {moment(site, row.failing_since or now)}: {row.last_message}"
    )
    if row.next_run_at <= now or row.attempts_left <= 0:
        return Finding("fail delay", OPEN, message)
    waits = f"waits {length(row.fail_delay)}, until {moment(site, row.next_run_at)}"
    return Finding("fail delay", CLOSED, f"{waits}; {message}", f"taskrun adhoc retry {row.id}")


def _class_limit(site: Site, name: str) -> Finding:
    """Do fewer tasks of the class run than may at once?"""
    declaration = site.registry.tasks.get(name)
    if declaration is None or declaration.kind != "adhoc":
        return Finding("limit", UNDECIDED, "not known without its class")
    limit = site.planner.concurrency_limit(declaration)
    count, _ = site.store.adhoc.running_classes().get(name, (0, 0.0))
    if not limit:
        return Finding("limit", OPEN, f"its class has no limit, {count} running")
    message = f"{count} of at most {limit} tasks of its class are running"
    if count < limit:
        return Finding("limit", OPEN, message)
    return Finding("limit", CLOSED, message, "taskrun running")


def _others_first(site: Site, name: str, now: float) -> Finding:
    """Say how many classes share the slots; a share is never a reason to wait for ever."""
    waiting = site.store.adhoc.queue_state(now).get().due
    others = [task.name for task in waiting if task.name != name]
    if not others:
        return Finding("share", OPEN, "no other class waits")
    return Finding("share", OPEN, f"{len(others)} other classes wait as well: {', '.join(others[:5])}")


def scheduled_gates(
    site: Site, row: ScheduledRow, *, now: float, ask: Callable[[Declaration], bool | str | None]
) -> list[Finding]:
    """Return every gate of a scheduled task, in order."""
    return [
        pause_gate(site, row.name, now),
        plugin_gate(site, row.name, row.plugin),
        declared_gate(site, row.name, row.plugin),
        _disabled(site, row),
        _override(site, row),
        _schedule(site, row, now),
        _due(site, row, now),
        _fail_delay(site, row, now),
        running_gate(site, row, now),
        slot_gate(site, "scheduled"),
        _runnable(site, row, ask),
        *_skips(site, row),
        cron_gate(site, now),
    ]


def _disabled(site: Site, row: ScheduledRow) -> Finding:
    if not row.disabled:
        return Finding("disabled", OPEN, "it is not disabled")
    if decider := site.config.decided_by(row.name, "disabled"):
        return Finding("disabled", CLOSED, f"disabled by {decider}", "change it there")
    by = _by_administrator(site, row.name) if row.own_disabled else ", by its plugin"
    return Finding("disabled", CLOSED, f"it is disabled{by}", f"taskrun enable {row.name}")


def _by_administrator(site: Site, name: str) -> str:
    """Return since when a task has been disabled, by whom and why, as far as that is kept."""
    changes = site.store.audit.list(since=0.0, limit=20, target=name)
    change = next((one for one in changes if one.action == "disable"), None)
    if change is None:
        return ", with `taskrun disable`"
    reason = state_in(change.state_after).get("reason")
    return f" since {moment(site, change.done_at)}, by {change.login}{f': {reason}' if reason else ''}"


def _override(site: Site, row: ScheduledRow) -> Finding:
    said = said_by(site.planner.override_for(row.name))
    decided = {site.config.decided_by(row.name, setting): setting for setting in said}
    if not decided:
        return Finding("override", OPEN, "the configuration does not decide about it")
    return Finding("override", OPEN, f"{', '.join(said)}: decided by {', '.join(map(str, decided))}")


def _schedule(site: Site, row: ScheduledRow, now: float) -> Finding:
    schedule = site.planner.schedule(row.schedule, name=row.name, timezone=row.timezone)
    if isinstance(schedule, Every):
        return Finding("schedule", OPEN, f"{row.schedule}: {schedule.describe()}")
    here = f"{datetime.fromtimestamp(now, get_zone(row.timezone)):%a %Y-%m-%d %H:%M}"
    return Finding(
        "schedule", OPEN, f"{row.schedule} in {row.timezone}, {schedule.describe()}; there it is {here}"
    )


def _due(site: Site, row: ScheduledRow, now: float) -> Finding:
    if row.next_run_at <= now:
        return Finding("due", OPEN, f"due for {length(now - row.next_run_at)}")
    if row.fail_delay:
        return Finding("due", UNDECIDED, "the fail delay decides")
    message = f"not before {moment(site, row.next_run_at)}, {relative(row.next_run_at, now)}"
    message += _what_does_not_match(site, row, now)
    return Finding("due", CLOSED, message, f"taskrun retry {row.name}")


def _what_does_not_match(site: Site, row: ScheduledRow, now: float) -> str:
    """Name the month or the day if the schedule leaves today out, so that a wrong field is seen."""
    schedule = site.planner.schedule(row.schedule, name=row.name, timezone=row.timezone)
    if isinstance(schedule, Every):
        return ""
    today = datetime.fromtimestamp(now, get_zone(row.timezone))
    if not schedule.matches_month(today):
        return f"; its month field {row.schedule.split()[3]} leaves out this month, {today.month}"
    if not schedule.matches_day(today):
        day, weekday = row.schedule.split()[2], row.schedule.split()[4]
        return f"; its day and weekday fields {day} and {weekday} leave out today, {today:%a %d}"
    return ""


def _fail_delay(site: Site, row: ScheduledRow, now: float) -> Finding:
    if not row.fail_delay:
        return Finding("fail delay", OPEN, "its last run did not fail")
    message = (
        f"failed {often(row.failures)} since {moment(site, row.failing_since or now)}: {row.last_message}"
    )
    if row.next_run_at <= now:
        return Finding("fail delay", OPEN, f"the delay of {length(row.fail_delay)} is over; {message}")
    waits = f"waits {length(row.fail_delay)}, until {moment(site, row.next_run_at)}"
    return Finding(
        "fail delay",
        CLOSED,
        f"{waits}, {relative(row.next_run_at, now)}; {message}",
        f"taskrun retry {row.name}",
    )


def _runnable(site: Site, row: ScheduledRow, ask: Callable[[Declaration], bool | str | None]) -> Finding:
    declaration = site.registry.tasks.get(row.name)
    if declaration is None:
        return Finding("is_runnable", UNDECIDED, "it cannot be asked")
    answer = ask(declaration)
    if answer is None:
        return Finding(
            "is_runnable", UNDECIDED, "the task is asked when it is due; `taskrun why` asks it now"
        )
    if answer is True:
        return Finding("is_runnable", OPEN, "the task says that it may run")
    return Finding(
        "is_runnable", CLOSED, f"the task says no: {answer or 'the configuration does not allow it'}"
    )


def _skips(site: Site, row: ScheduledRow) -> list[Finding]:
    """Tell of slots that were passed over since the last success: should_run(), misfire = "skip"."""
    if not row.skips:
        return []
    since = moment(site, row.skipped_since or row.next_run_at)
    return [
        Finding("skipped", UNDECIDED, f"skipped {often(row.skips)} since {since} because {row.skip_reason}")
    ]


@dataclass(frozen=True, slots=True)
class Answer:
    """The gates of a task, in order. `subject`: what was asked about, as lists call it."""

    subject: str
    gates: tuple[Finding, ...]

    @property
    def closed(self) -> list[Finding]:
        """The gates that keep it from being run, the first one first."""
        return [gate for gate in self.gates if gate.level == CLOSED]

    @property
    def conclusion(self) -> str:
        """The answer in short."""
        areas = [gate.area for gate in self.closed]
        if not areas:
            return f"The next cron runs {self.subject}"
        return f"{self.subject} {'runs now' if areas == ['running'] else 'does not run now'}"


def why(
    site: Site, subject: Subject, *, now: float, ask: Callable[[Declaration], bool | str | None]
) -> Answer:
    """Return what stands between a task and its run: a scheduled task, an adhoc class, or a queued task.

    `ask` asks a task whether it may run at all; it returns True, the reason why not, or None if it does
    not ask.
    """
    if subject.scheduled is not None:
        gates = scheduled_gates(site, subject.scheduled, now=now, ask=ask)
    else:
        gates = adhoc_gates(site, subject.name, subject.queued, now=now)
    return Answer(subject.label, tuple(gates))
