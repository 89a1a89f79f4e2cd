"""Telling a command of the administrator's what changed: once per change of state, never once a minute."""

from __future__ import annotations

import json
import subprocess
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from http.client import HTTPException
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.request import Request, build_opener

from taskrunner.errors import ConfigError
from taskrunner.retry import LONGEST_DELAY, next_fail_delay
from taskrunner.store.settings import WEB_STARTED_AT
from taskrunner.web_tick import WebTickFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from taskrunner.installation import Site
    from taskrunner.runner.broken_plugins import PluginEvent
    from taskrunner.runner.job import FinishedRun

PATIENCE = 10.0
"""Seconds the command may take."""


@dataclass(frozen=True, slots=True)
class Event:
    """What the command gets on its stdin, as one JSON object; moments are UTC epoch seconds."""

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


@dataclass(frozen=True, slots=True)
class CronOverdue:
    """What the command gets from the first cron that starts after a gap; moments are UTC epoch seconds."""

    event: str
    hostname: str
    last_cron_at: float
    started_at: float
    gap: float


def cron_overdue(interval: float | None, *, hostname: str, now: float, longest: float) -> CronOverdue | None:
    """Return the event if a cron started later after the one before than it should, else None.

    >>> cron_overdue(60.0, hostname="cron1", now=1000.0, longest=120.0)
    >>> cron_overdue(600.0, hostname="cron1", now=1000.0, longest=120.0).last_cron_at
    400.0
    """
    if interval is None or interval <= longest:
        return None
    return CronOverdue("cron_overdue", hostname, now - interval, now, interval)


def event_of(finished: FinishedRun) -> Event | None:
    """Return what a settled run changed, or None if nobody has to hear of it.

    The events: first_failure, or crashed where its process died; longest_delay (a day, from now on),
    exhausted, recovered.
    """
    run, kind = finished.run, _kind(finished)
    if kind is None:
        return None
    waits = run.failed and kind != "exhausted"
    return Event(
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
    )


def notify(
    command: Sequence[str], event: Event | CronOverdue | PluginEvent, *, say: Callable[[str], None]
) -> None:
    """Run the command with the event on its stdin; what goes wrong is said and harms nothing."""
    try:
        done = subprocess.run(  # noqa: S603  (the administrator's own command)
            command,
            input=json.dumps(asdict(event)).encode(),
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        say(f"Cannot notify {command[0]} of {event.event}: {error}")
        return
    if done.returncode:
        told = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
        say(f"Notifying {command[0]} of {event.event} ended with exit code {done.returncode}: {told}")


def _kind(finished: FinishedRun) -> str | None:
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


PING_PATIENCE = 5.0
"""Seconds an answer may take."""

PLACE = "{at}"


def ping(url: str, at: str, *, complain: Callable[[str], None]) -> None:
    """Ask a URL, `{at}` in it replaced by `at`: start or end. What goes wrong is told and harms nothing.

    The URL is a secret of sorts, so it is never told.
    """
    request = Request(  # noqa: S310  (the config has checked that it is http or https)
        url.replace(PLACE, at), headers={"User-Agent": "taskrunner"}
    )
    try:
        with build_opener().open(request, timeout=PING_PATIENCE) as answer:
            answer.read(1)
    except HTTPError as error:
        error.close()
        complain(f"[notify] ping at the {at} of this cron: the answer is {error.code} {error.reason}")
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        complain(
            f"[notify] ping at the {at} of this cron: {type(error).__name__}: {reason}".replace(url, "…")
        )


SLACK = 5.0
"""Seconds that one process may take longer than another from a visit to here."""

LOOK_AFTER_RUNNERS = 60.0
"""Seconds after which the next cron sees whether those at work now have died."""


def was_first(site: Site, now: float) -> bool:
    """Return whether no visit of any host has started a cron within `[web] throttle`, and take the turn."""
    after = now - site.config.web.throttle + SLACK
    return site.store.settings.take_turn(WEB_STARTED_AT, now, after=after)


def put_visits_off(site: Site, now: float) -> None:
    """Let visits start nothing for a while: a real cron is at work. Raises ConfigError."""
    with _tick_file(site) as tick_file:
        tick_file.put_off(now + site.config.web.cron_alive)


def tell_visits(site: Site, now: float) -> None:
    """Say when there is work next; costs nothing where there was never a visit. Raises ConfigError."""
    with _tick_file(site) as tick_file:
        if tick_file.is_kept:
            tick_file.plan(min(_moments(site, now)))


@contextmanager
def _tick_file(site: Site) -> Iterator[WebTickFile]:
    try:
        yield WebTickFile(site.config.state_dir)
    except OSError as error:
        raise ConfigError(f"state_dir: cannot write what web visits look at: {error}") from error


def _moments(site: Site, now: float) -> Iterator[float]:
    """Give moments from which on a cron should be started."""
    yield now + site.config.web.look_again
    cron = site.config.cron
    if cron.scheduled_concurrency_limit and (due_at := site.store.scheduled.next_due_at()) is not None:
        yield due_at
    if cron.adhoc_concurrency_limit:
        queued = site.store.adhoc.next_due_at()
        yield from (due_at for name, due_at in queued.items() if site.why_not_run(name) is None)
    if site.store.runners.list():
        yield now + LOOK_AFTER_RUNNERS
