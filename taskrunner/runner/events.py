"""What the administrator's command hears: a change of state of a task, as facts and as a text."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from taskrunner.formatting import length, often, plural, since_moment
from taskrunner.runner.job import LONGEST_DELAY, next_fail_delay
from taskrunner.store.runs import LogFilter, usual_duration

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import tzinfo

    from taskrunner.installation import Site
    from taskrunner.records import Run
    from taskrunner.runner.job import FinishedRun

LOOKED_AT = 30
"""Runs of a task that its usual length is made from."""

LAST_OUTCOMES = 10
LAST_LINES = 20
LONGEST_LINE = 500


@dataclass(frozen=True, slots=True)
class Event:
    """What the command gets on its stdin, as one JSON object; moments are UTC epoch seconds.

    `count`: of how many events of the class it tells. `error`: the last line that the task printed of its
    failure, with the type. `subject` and `text` are for people, ready to be sent; `command`: what they type.
    """

    event: str
    task: str
    type: str
    run_id: str
    adhoc_id: int | None
    outcome: str
    message: str | None
    failures: int
    next_try_at: float | None
    hostname: str
    log_file: str | None
    started_at: float
    duration: float
    site: str = ""
    count: int = 1
    error: str | None = None
    failing_since: float | None = None
    usual_duration: float | None = None
    last_outcomes: tuple[str, ...] = ()
    last_lines: tuple[str, ...] = ()
    command: str = ""
    subject: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class CronOverdue:
    """What the command gets from the first cron that starts after a gap; moments are UTC epoch seconds."""

    event: str
    hostname: str
    last_cron_at: float
    started_at: float
    gap: float
    subject: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class PluginEvent:
    """What the command of `[notify]` gets on its stdin; `at` is a UTC epoch second."""

    event: str
    plugin: str
    message: str | None
    hostname: str
    at: float

    @property
    def line(self) -> str:
        """What the log says of it."""
        if self.message is None:
            return f"The plugin {self.plugin} can be imported again."
        return f"The plugin {self.plugin} is broken: {self.message}"


def cron_overdue(interval: float | None, *, hostname: str, now: float, longest: float) -> CronOverdue | None:
    """Return the event if a cron started later after the one before than it should, else None.

    >>> cron_overdue(60.0, hostname="cron1", now=1000.0, longest=120.0)
    >>> cron_overdue(600.0, hostname="cron1", now=1000.0, longest=120.0).last_cron_at
    400.0
    """
    if interval is None or interval <= longest:
        return None
    last = now - interval
    subject = f"no cron started on {hostname} for {length(interval)}"
    text = f"Cron started at {iso(last)}, and then only at {iso(now)}.\n\ncrontab -l\n"
    return CronOverdue("cron_overdue", hostname, last, now, interval, subject, text)


def plugin_events(
    before: Mapping[str, str], after: Mapping[str, str], *, hostname: str, now: float
) -> Iterator[PluginEvent]:
    """Yield the events between two moments, of each of which the broken plugins are known with the reason."""
    for plugin in sorted(after.keys() - before.keys()):
        yield PluginEvent("plugin_broken", plugin, after[plugin], hostname, now)
    for plugin in sorted(before.keys() - after.keys()):
        yield PluginEvent("plugin_recovered", plugin, None, hostname, now)


def kind_of(finished: FinishedRun) -> str | None:
    """Return what a settled run changed, or None if nobody has to hear of it.

    The kinds: first_failure, or crashed where its process died; longest_delay (a day, from now on),
    exhausted, recovered.
    """
    run, fail_delay = finished.run, finished.fail_delay
    if run.outcome == "ok":
        return "recovered" if fail_delay else None
    if finished.is_exhausted:
        return "exhausted"
    if not run.failed or finished.by_hand:
        return None
    if not fail_delay:
        return "crashed" if run.outcome == "crashed" else "first_failure"
    return "longest_delay" if fail_delay < LONGEST_DELAY == next_fail_delay(fail_delay) else None


def event_of(site: Site, finished: FinishedRun, kind: str, *, zone: tzinfo) -> Event:
    """Return what is sent of a settled run, with how its task did before."""
    run = finished.run
    waits = run.failed and kind != "exhausted"
    before = site.store.log.list(LogFilter(names=(run.name,), limit=LOOKED_AT))
    row = site.store.scheduled.find(run.name) if run.type == "scheduled" else None
    event = Event(
        event=kind,
        task=run.name,
        type=run.type,
        run_id=run.run_id,
        adhoc_id=run.adhoc_id,
        outcome=run.outcome,
        message=run.message,
        failures=run.attempt if run.failed else run.attempt - 1,
        next_try_at=run.settled_at + next_fail_delay(finished.fail_delay) if waits else None,
        hostname=run.hostname,
        log_file=run.log_file,
        started_at=run.started_at,
        duration=round(run.duration, 3),
        site=site.config.file.parent.name,
        error=_error_of(run),
        failing_since=row.failing_since if row else None,
        usual_duration=usual_duration(before),
        last_outcomes=tuple(one.outcome for one in reversed(before[:LAST_OUTCOMES])),
        last_lines=_last_lines(run.output),
        command=f"taskrun log show {run.run_id}",
    )
    return _with_texts(event, sum(one.outcome == "ok" for one in before), len(before), zone)


def digest_of(last: Event, count: int, *, since: float, zone: tzinfo) -> Event:
    """Return what is sent of further events of a class that were counted since a moment."""
    what = "succeeded again" if last.event == "recovered" else "failed"
    subject = f"[{last.site}] {last.task} has {what} {plural(count, 'more time')}"
    start = f"{last.task} has {what} {plural(count, 'more time')} since {iso(since)}. The last of them:\n\n"
    text = start + last.text
    return replace(last, event="digest", count=count, subject=subject, text=text)


def sample(site_name: str, hostname: str, now: float) -> Event:
    """Return an event that only shows whether notifications arrive."""
    event = Event("test", "test", "scheduled", "", None, "ok", None, 0, None, hostname, None, now, 0.0)
    text = f"Sent with `taskrun notify test` at {iso(now)} on {hostname}. Nothing has happened.\n"
    return replace(event, site=site_name, subject=f"[{site_name}] this is a test", text=text)


def as_json(event: Event | CronOverdue | PluginEvent) -> dict[str, object]:
    """Return an event as plain data."""
    return asdict(event)


def iso(moment: float) -> str:
    """Return a moment as ISO 8601 in UTC.

    >>> iso(1795265821.5)
    '2026-11-21T12:57:01+00:00'
    """
    return datetime.fromtimestamp(int(moment), UTC).isoformat()


def _error_of(run: Run) -> str | None:
    """Return the message of a run; of one that failed its first line."""
    message = (run.message or "").strip()
    return message.splitlines()[0] if run.failed and message else run.message


def _last_lines(output: str) -> tuple[str, ...]:
    lines = [line.rstrip() for line in output.splitlines() if line.strip()]
    return tuple(line[:LONGEST_LINE] for line in lines[-LAST_LINES:])


def _with_texts(event: Event, good: int, of: int, zone: tzinfo) -> Event:
    before = f" (was ok {good} of the last {of})" if of and event.event != "recovered" else ""
    subject = f"[{event.site}] {_in_words(event)}{before}"
    return replace(event, subject=" ".join(subject.split()), text="\n".join(_text_of(event, zone)) + "\n")


def _in_words(event: Event) -> str:
    who = event.task if event.adhoc_id is None else f"{event.task} {event.adhoc_id}"
    return {
        "first_failure": f"{who} has failed",
        "crashed": f"{who} has crashed",
        "longest_delay": f"{who} has failed {often(event.failures)}: it is tried once a day from now on",
        "exhausted": f"{who} has been given up after {plural(event.failures, 'failure')}",
        "recovered": f"{who} works again after {plural(event.failures, 'failure')}",
    }[event.event]


def _text_of(event: Event, zone: tzinfo) -> list[str]:
    """Return the lines for people: what happened, how it went before, what it printed, what to type."""
    usual = f" (usually {length(event.usual_duration)})" if event.usual_duration is not None else ""
    lines = [event.error] if event.error else []
    lines.append(f"Ran {length(event.duration)} on {event.hostname} at {iso(event.started_at)}{usual}.")
    if event.failing_since is not None and event.outcome != "ok":
        since = since_moment(event.failing_since, now=event.started_at, zone=zone)
        lines.append(f"It has failed {since}, {often(event.failures)}.")
    if event.next_try_at is not None:
        lines.append(f"Cron tries again at {iso(event.next_try_at)}.")
    if event.last_outcomes:
        lines.append(f"Last {len(event.last_outcomes)}: {' '.join(event.last_outcomes)}")
    if event.last_lines:
        lines += ["", "Last lines of its output:", *(f"  {line}" for line in event.last_lines)]
    lines += ["", f"{event.command}      the whole output"]
    if event.outcome != "ok":
        lines.append(f"taskrun why {event.task}")
    return lines
