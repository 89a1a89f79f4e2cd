"""The file that says when a cron last started here: an idle minute writes nothing to the database."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

NAME = "last_cron"


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """When the last cron started, and how many seconds after the one before it (None: it was the first)."""

    started_at: float
    interval: float | None


def beat(state_dir: Path, now: float) -> None:
    """Note that a cron starts. Raises OSError."""
    before = last_beat(state_dir)
    interval = "" if before is None else repr(max(1.0, now - before.started_at))
    draft = state_dir / f".{NAME}.{os.getpid()}"
    draft.write_text(f"{now!r}\n{interval}\n", "ascii")
    os.replace(draft, state_dir / NAME)


def last_beat(state_dir: Path) -> Heartbeat | None:
    """Return when the last cron started; None: never, or the file cannot be read."""
    try:
        started_at, interval = (state_dir / NAME).read_text("ascii").split("\n")[:2]
        return Heartbeat(float(started_at), float(interval) if interval else None)
    except (OSError, ValueError):
        return None
