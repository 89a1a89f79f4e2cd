"""Moments and lengths of time as a person types them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import tzinfo

LONGEST = 100 * 366 * 86_400
"""Seconds of the longest time that is understood."""

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def parse_length(text: str) -> float:
    """Return the seconds that a length of time means; a bare number is seconds. Raises ValueError.

    >>> [parse_length(text) for text in ("2d", "1h30m", "90", "5m")]
    [172800.0, 5400.0, 90.0, 300.0]
    """
    number, total = "", 0.0
    for character in text.strip().lower():
        if character in UNITS and number:
            total, number = total + _number(number, text) * UNITS[character], ""
        else:
            number += character
    total += _number(number, text) if number or not total else 0
    if not 0 <= total <= LONGEST:
        raise ValueError(f"{text!r} cannot be used as a length of time")
    return total


DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def parse_moment(text: str, *, now: float, zone: tzinfo, ahead: bool = False) -> float:
    """Return the epoch seconds of "2026-11-21 13:57", "13:57" (today), an ISO time, "2d", or a day.

    "2d" is two days ago, "monday" the last one at 00:00; where one looks `ahead`, in two days, and the next
    Monday. A time without a zone is meant in `zone`. Raises ValueError.
    """
    text = text.strip()
    if text[-1:].lower() in UNITS and text[:1].isdigit() and "-" not in text:
        return now + parse_length(text) if ahead else now - parse_length(text)
    today = datetime.fromtimestamp(now, zone)
    if (days := _days_from_today(text.lower(), today, ahead=ahead)) is not None:
        day = today.date() + timedelta(days=days)
        return datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()
    if text.lower() == "now":
        return now
    moment = _read(text, today)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=zone)
    if ahead and moment.timestamp() <= now and len(text) <= len("13:57"):
        moment += timedelta(days=1)
    return moment.timestamp()


def _days_from_today(word: str, today: datetime, *, ahead: bool) -> int | None:
    """Return how many days a day's name is away, or None if it is not one."""
    if word in ("yesterday", "today", "tomorrow"):
        return ("yesterday", "today", "tomorrow").index(word) - 1
    if word not in DAYS:
        return None
    back = (today.weekday() - DAYS.index(word)) % 7
    return 7 - back if ahead else -back


def _number(digits: str, text: str) -> float:
    try:
        return float(digits)
    except ValueError:
        raise ValueError(
            f"{text!r} cannot be read as a length of time; write 90s, 5m, 2h, 1h30m, 7d"
        ) from None


def _read(text: str, today: datetime) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass
    try:
        at = datetime.strptime(text, "%H:%M")  # noqa: DTZ007  (the caller gives it its zone)
    except ValueError:
        raise ValueError(
            f"{text!r} cannot be read as a time; write '2026-11-21 13:57', '13:57', an ISO time, a day as "
            "'yesterday' or 'monday', or '2d' for two days"
        ) from None
    return today.replace(hour=at.hour, minute=at.minute, second=0, microsecond=0, tzinfo=None)
