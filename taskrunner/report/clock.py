"""Reads the times that a log file tells: of headers, of lines, of its name."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from email.utils import parsedate_to_datetime
from functools import lru_cache

Timestamp = float | datetime
"""A time before a line: epoch seconds, or a date and time that does not say of which zone."""

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
TIMES = re.compile(
    rb"[0-9]{4}[-/][0-9]{2}[-/][0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]{1,9})?"
    rb"(?: ?(?:Z\b|UTC|GMT|[+-][0-9]{2}:?[0-9]{2}\b))?"
    rb"|(?:[A-Z][a-z]{2}, )?[0-9]{1,2}[-/ ][A-Z][a-z]{2}[-/ ][0-9]{4}[: ][0-9]{2}:[0-9]{2}:[0-9]{2}"
    rb"(?:\.[0-9]{1,9})?(?: (?:[+-][0-9]{4}|[A-Z][A-Za-z_]{2,30}(?:/[A-Za-z_+-]{1,30}){0,2}))?"
    rb"|(?:[A-Z][a-z]{2} )?[A-Z][a-z]{2} [ 0-9][0-9] [0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?"
    rb"(?: (?:UTC|GMT))?(?: [0-9]{4})?(?![0-9])"
    rb"|@4[0-9a-f]{23}"
    rb"|\b1[0-9]{9}(?:\.[0-9]{1,9})?(?![0-9])"
)
"""The times that programs put before lines: ISO 8601, PHP's, syslog's and ctime's, TAI64N, seconds."""

PARTS = re.compile(
    r"(?:(?P<y>\d{4})[-/](?P<m>\d\d)[-/](?P<d>\d\d)[T ]"
    r"|(?:\w{3}, )?(?P<d2>\d{1,2})[-/ ](?P<mon>[A-Z][a-z]{2})[-/ ](?P<y2>\d{4})[: ]"
    r"|(?:\w{3} )?(?P<mon2>[A-Z][a-z]{2}) (?P<d3>[ \d]\d) )"
    r"(?P<time>\d\d:\d\d:\d\d)(?:[.,](?P<part>\d{1,9}))?"
    r"(?: ?(?P<zone>Z|[+-]\d\d:?\d\d|[A-Z][A-Za-z_]{2,}(?:/[\w+-]+)*))?"
    r"(?: (?P<y3>\d{4}))?"
)
TAI = 2**62
LEAP_SECONDS = 10
"""TAI64 labels begin ten seconds before the epoch as everybody but djb counts it (daemontools, multilog)."""


@lru_cache(maxsize=4096)
def read_timestamp(text: bytes, *, changed_at: float | None) -> Timestamp | None:
    """Return the moment that a time before a line means, or None if it means none.

    A time without a year is the last one before the file changed.

    >>> [read_timestamp(text, changed_at=None) for text in (b"2025-11-28T08:00:01.5Z", b"1764316801")]
    [1764316801.5, 1764316801.0]
    >>> read_timestamp(b"Nov 28 08:00:01", changed_at=1764400000.0)
    datetime.datetime(2025, 11, 28, 8, 0, 1)
    """
    shown = text.decode("ascii")
    if shown[0] == "@":
        return int(shown[1:17], 16) - TAI - LEAP_SECONDS + int(shown[17:25], 16) / 1e9
    found = PARTS.fullmatch(shown)
    if found is None:
        return float(shown) if shown[0] == "1" else None
    try:
        return _moment(found, changed_at)
    except (ValueError, KeyError, OverflowError):
        return None


def _moment(found: re.Match[str], changed_at: float | None) -> Timestamp:
    month = int(found["m"]) if found["m"] else MONTHS.index((found["mon"] or found["mon2"]).lower()) + 1
    day = int(found["d"] or found["d2"] or found["d3"])
    year = found["y"] or found["y2"] or found["y3"]
    hour, minute, second = map(int, found["time"].split(":"))
    micro = int((found["part"] or "0")[:6].ljust(6, "0"))
    clock = (hour, minute, second, micro)
    if year is None:
        newest = datetime.fromtimestamp(changed_at, UTC).replace(tzinfo=None) if changed_at else datetime.max
        years = (newest.year, newest.year - 1)
        local = next(
            at for year in years if (at := datetime(year, month, day, *clock)) <= newest + timedelta(days=1)
        )
    else:
        local = datetime(int(year), month, day, *clock)
    if not FIRST_YEAR <= local.year <= LAST_YEAR:
        raise ValueError(local)
    zone = _zone(found["zone"])
    return local if zone is None else local.replace(tzinfo=zone).timestamp()


@lru_cache(maxsize=256)
def _zone(name: str | None) -> tzinfo | None:
    """Return the zone that a name or an offset means, or None if it says too little."""
    if not name:
        return None
    if name in ("Z", "UTC", "GMT"):
        return UTC
    if name[0] in "+-":
        offset = timedelta(hours=int(name[1:3]), minutes=int(name[-2:]))
        return timezone(-offset if name[0] == "-" else offset)
    from taskrunner.errors import InvalidScheduleError
    from taskrunner.zones import get_zone

    try:
        return get_zone(name) if "/" in name else None  # CET is read in the zone of the log
    except InvalidScheduleError:
        return None


HALF_A_DAY = timedelta(hours=12)
FIRST_YEAR, LAST_YEAR = 1971, 2200


class LogClock:
    """Reads the times of one log, in the order of its lines. `now`: the last one read, epoch seconds.

    `zone` is that of times without an offset; `source` says where the date comes from. `changed_at`, when
    the file changed last, tells the second pass of a repeated hour where nothing else does.
    """

    def __init__(self, zone: tzinfo, *, begins_at: float, source: str, changed_at: float = 0.0) -> None:
        self._zone = zone
        self._in_force = zone
        self._changed_at = changed_at
        self.now = begins_at
        self.source = source

    def read_header(self, text: str) -> bool:
        """Take the moment of a header (RFC 2822), and return whether it is one.

        The zone stays in force where it agrees with the header's offset: it knows when clocks change.
        """
        moment = _rfc2822(text)
        if moment is None:
            return False
        if moment.tzinfo is None:
            self.now, self.source = self._without_offset(moment.replace(tzinfo=self._zone)), "header"
            return True
        self.now, self.source = moment.timestamp(), "header"
        offset = moment.utcoffset() or timedelta()
        agrees = datetime.fromtimestamp(self.now, self._zone).utcoffset() == offset
        self._in_force = self._zone if agrees else timezone(offset)
        return True

    def _without_offset(self, local: datetime) -> float:
        """Return the moment of a header without an offset, in a repeated hour that of the right pass."""
        first, second = local.timestamp(), local.replace(fold=1).timestamp()
        if first == second or self.source != "header":
            return latest_pass(local, not_after=self._changed_at)
        return second if first < self.now - 1 <= second else first

    def read_timestamp(self, timestamp: Timestamp) -> None:
        """Take the time that stands before a line."""
        self.now = (
            self._epoch(timestamp.replace(tzinfo=self._in_force))
            if isinstance(timestamp, datetime)
            else timestamp
        )
        self.source = "timestamp" if self.source != "header" else self.source

    def read_time(self, text: str) -> float:
        """Return the moment of HH:MM:SS: on the running date, the next day if far behind, or an autumn hour's
        second pass. What is not a time is taken for now.
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
    """Return when the process of cron_HHMM.log began: the last time at HH:MM before the file changed.

    >>> from datetime import UTC
    >>> from_file_name(23, 59, changed_at=86_400.0 * 2 + 60, zone=UTC) - 86_400
    86340.0
    """
    changed = datetime.fromtimestamp(changed_at, zone)
    began = changed.replace(hour=hour, minute=minute, second=0, microsecond=0)
    if began > changed:
        began -= timedelta(days=1)
    return latest_pass(began.replace(fold=0), not_after=changed_at)


def latest_pass(local: datetime, *, not_after: float) -> float:
    """Return the moment of a time in a repeated hour: the second pass if that came less than an hour before.

    A file that is one short process's own changed last right after it began.

    >>> from zoneinfo import ZoneInfo
    >>> local = datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Paris"))
    >>> [latest_pass(local, not_after=1792888200.0 + passed) - 1792888200.0 for passed in (60.0, 3660.0, 9e4)]
    [0.0, 3600.0, 0.0]
    """
    second = local.replace(fold=1).timestamp()
    return second if 0 <= not_after - second < 3600 else local.timestamp()


def _rfc2822(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment if FIRST_YEAR <= moment.year <= LAST_YEAR else None
