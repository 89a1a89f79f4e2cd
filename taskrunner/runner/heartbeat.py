"""The file that says when a cron last started here: an idle minute writes nothing to the database."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from taskrunner.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

NAME = "last_cron"
CRON, WEB = "cron", "web"
"""What may start a cron: the crontab, a timer or a person; or a visit to a web site."""

LARGEST_SKEW = 60.0
"""Seconds by which clocks may differ without having been set."""


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """When the last cron started, and how many seconds after the one before it (None: it was the first).

    `trigger` is what started it: cron, or web.
    """

    started_at: float
    interval: float | None
    trigger: str


def beat(state_dir: Path, now: float, *, trigger: str) -> bool:
    """Note that a cron starts, and by what; say whether the clock was set back since the last.

    Raises ConfigError.
    """
    before = last_beat(state_dir)
    interval = "" if before is None else repr(max(1.0, now - before.started_at))
    draft = state_dir / f".{NAME}.{os.getpid()}"
    try:
        draft.write_text(f"{now!r}\n{interval}\n{trigger}\n", "ascii")
        os.replace(draft, state_dir / NAME)
    except OSError as error:
        raise ConfigError(f"state_dir: cannot write {state_dir / NAME}: {error.strerror}") from error
    return before is not None and before.started_at > now + LARGEST_SKEW


def last_beat(state_dir: Path) -> Heartbeat | None:
    """Return when the last cron started; None: never, or the file cannot be read."""
    try:
        started_at, interval, *others = (state_dir / NAME).read_text("ascii").split("\n")
        trigger = others[0] if others else ""
        return Heartbeat(float(started_at), float(interval) if interval else None, trigger or CRON)
    except (OSError, ValueError):
        return None
