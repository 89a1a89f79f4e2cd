"""A clock for tests that stands still until it is moved."""

from __future__ import annotations

from datetime import UTC, datetime

START = 1_800_000_000.0
"""Fri, 15 Jan 2027 08:00:00 UTC."""


class FrozenClock:
    """Tells epoch seconds, as time.time does; `moment` is the same as an aware datetime."""

    def __init__(self, now: float = START) -> None:
        self.now = now

    def __call__(self) -> float:
        """Return the time it shows."""
        return self.now

    @property
    def moment(self) -> datetime:
        """The time it shows, in UTC."""
        return datetime.fromtimestamp(self.now, UTC)

    def forward(self, seconds: float) -> float:
        """Let time pass; return the new time."""
        self.now += seconds
        return self.now

    def set(self, moment: datetime) -> None:
        """Show another time. Raises ValueError for a moment without a zone."""
        if moment.utcoffset() is None:
            raise ValueError(f"{moment!r} has no time zone; pass an aware datetime")
        self.now = moment.timestamp()
