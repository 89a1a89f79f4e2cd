"""Reads the times that a log file tells: of headers, of lines, of its name."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone, tzinfo
from email.utils import parsedate_to_datetime

HALF_A_DAY = timedelta(hours=12)
FIRST_YEAR, LAST_YEAR = 1971, 2200


class LogClock:
    """Reads the times of one log, in the order of its lines. `now`: the last one read, epoch seconds.

    `zone` is that of times without an offset; `source` says where the date comes from.
    """

    def __init__(self, zone: tzinfo, *, begins_at: float, source: str) -> None:
        self._zone = zone
        self._in_force = zone
        self.now = begins_at
        self.source = source

    def read_header(self, text: str) -> bool:
        """Take the moment of a header (RFC 2822); False: it is none.

        The zone stays in force where it agrees with the header's offset: it knows when clocks change.
        """
        moment = _rfc2822(text)
        if moment is None:
            return False
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=self._zone)
        self.now, self.source = moment.timestamp(), "header"
        offset = moment.utcoffset() or timedelta()
        agrees = datetime.fromtimestamp(self.now, self._zone).utcoffset() == offset
        self._in_force = self._zone if agrees else timezone(offset)
        return True

    def read_stamp(self, text: str) -> None:
        """Take the date and time that stands before a line."""
        try:
            local = datetime.fromisoformat(text)
        except ValueError:
            return
        if FIRST_YEAR <= local.year <= LAST_YEAR:
            self.now = self._epoch(local.replace(tzinfo=self._in_force))
            self.source = "stamp" if self.source != "header" else self.source

    def read_time(self, text: str) -> float:
        """Return the moment of HH:MM:SS: on the running date, the next day if far behind, or an autumn hour's
        second pass. What is no time is taken for now.
        """
        try:
            hour, minute, second = (int(part) for part in text[:8].split(":"))
            last = datetime.fromtimestamp(self.now, self._in_force)
            local = last.replace(hour=hour, minute=minute, second=second, microsecond=0)
        except ValueError:
            return self.now
        naive_step = local.replace(tzinfo=None) - last.replace(tzinfo=None)
        if naive_step < -HALF_A_DAY:
            local += timedelta(days=1)
        elif naive_step > HALF_A_DAY:  # a line of another process, late by some minutes
            local -= timedelta(days=1)
        moment = self._epoch(local)
        if moment < self.now < moment + 1:  # whole seconds are written: it began when the one before ended
            return self.now
        self.now = max(self.now, moment)
        return moment

    def _epoch(self, local: datetime) -> float:
        moment = local.timestamp()
        if moment < self.now - 1:
            second_pass = local.replace(fold=1).timestamp()
            return second_pass if second_pass >= self.now - 1 else moment
        return moment


def from_file_name(hour: int, minute: int, *, changed_at: float, zone: tzinfo) -> float:
    """Return when the process of cron_HHMM.log began: at that time before the file changed, less than a day.

    >>> from datetime import UTC
    >>> from_file_name(23, 59, changed_at=86_400.0 * 2 + 60, zone=UTC) - 86_400
    86340.0
    """
    changed = datetime.fromtimestamp(changed_at, zone)
    began = changed.replace(hour=hour, minute=minute, second=0, microsecond=0)
    if began > changed:
        began -= timedelta(days=1)
    return began.timestamp()


def _rfc2822(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment if FIRST_YEAR <= moment.year <= LAST_YEAR else None
