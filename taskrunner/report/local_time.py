"""Hours and weekdays of many moments, quickly."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import tzinfo

QUARTER = 900
"""Seconds between moments at which a zone's offset can change."""

THURSDAY = 3
"""The weekday of 1 January 1970, counted from Monday."""

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


class LocalTime:
    """Moments as a zone's clock shows them."""

    def __init__(self, zone: tzinfo) -> None:
        self.zone = zone
        self._offset = lru_cache(maxsize=100_000)(self._offset_in)

    def _offset_in(self, quarter: int) -> int:
        offset = datetime.fromtimestamp(quarter * QUARTER, self.zone).utcoffset()
        return int(offset.total_seconds()) if offset else 0

    def read(self, moment: float) -> tuple[int, int]:
        """Return (weekday from Monday, second of the day).

        >>> from datetime import UTC
        >>> LocalTime(UTC).read(1795265821)
        (5, 46621)
        """
        local = int(moment) + self._offset(int(moment) // QUARTER)
        days, second = divmod(local, 86_400)
        return (days + THURSDAY) % 7, second
