"""Telling a command of the administrator's what changed: once per change of state, never once a minute."""

from __future__ import annotations

import json
import subprocess
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from taskrunner.failure import LONGEST_DELAY, next_fail_delay

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from taskrunner.runner.ended import Ended

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
    """Return the event if a cron started later after the one before than it should; None: all is well.

    >>> cron_overdue(60.0, hostname="cron1", now=1000.0, longest=120.0)
    >>> cron_overdue(600.0, hostname="cron1", now=1000.0, longest=120.0).last_cron_at
    400.0
    """
    if interval is None or interval <= longest:
        return None
    return CronOverdue("cron_overdue", hostname, now - interval, now, interval)


def event_of(ended: Ended) -> Event | None:
    """Return what a settled run changed, None: nothing that anybody has to hear of.

    The events: first_failure, or crashed where its process died; longest_delay (a day, from now on),
    exhausted, recovered.
    """
    run, kind = ended.run, _kind(ended)
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
        next_try_at=run.ended_at + next_fail_delay(ended.fail_delay) if waits else None,
        hostname=run.hostname,
        log_file=run.log_file,
    )


def notify(command: Sequence[str], event: Event | CronOverdue, *, say: Callable[[str], None]) -> None:
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


def _kind(ended: Ended) -> str | None:
    run, fail_delay = ended.run, ended.fail_delay
    if run.outcome == "ok":
        return "recovered" if fail_delay else None
    if ended.is_exhausted:
        return "exhausted"
    if not run.failed:
        return None
    if not fail_delay:
        return "crashed" if run.outcome == "crashed" else "first_failure"
    return "longest_delay" if fail_delay < LONGEST_DELAY == next_fail_delay(fail_delay) else None
