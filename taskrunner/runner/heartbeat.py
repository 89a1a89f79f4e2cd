"""The file that says when a cron last started here: an idle minute writes nothing to the database."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from taskrunner.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

NAME = "last_cron"
LARGEST_SKEW = 60.0
"""Seconds by which clocks may differ without having been set."""


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """When the last cron started, and how many seconds after the one before it (None: it was the first)."""

    started_at: float
    interval: float | None


def beat(state_dir: Path, now: float) -> bool:
    """Note that a cron starts; say whether the clock was set back since the last. Raises ConfigError."""
    before = last_beat(state_dir)
    interval = "" if before is None else repr(max(1.0, now - before.started_at))
    draft = state_dir / f".{NAME}.{os.getpid()}"
    try:
        draft.write_text(f"{now!r}\n{interval}\n", "ascii")
        os.replace(draft, state_dir / NAME)
    except OSError as error:
        raise ConfigError(f"state_dir: cannot write {state_dir / NAME}: {error.strerror}") from error
    return before is not None and before.started_at > now + LARGEST_SKEW


def last_beat(state_dir: Path) -> Heartbeat | None:
    """Return when the last cron started; None: never, or the file cannot be read."""
    try:
        started_at, interval = (state_dir / NAME).read_text("ascii").split("\n")[:2]
        return Heartbeat(float(started_at), float(interval) if interval else None)
    except (OSError, ValueError):
        return None
