"""Moments and lengths of time, as people type them (and, from `taskrunner.times`, read them)."""

from __future__ import annotations

from datetime import datetime, tzinfo

import click

from taskrunner.times import length as length
from taskrunner.times import long_moment as long_moment
from taskrunner.times import often as often
from taskrunner.times import relative as relative
from taskrunner.times import short_moment as short_moment

LONGEST = 100 * 366 * 86_400
"""Seconds of the longest time that is understood."""

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def parse_length(text: str) -> float:
    """Return the seconds that a length of time means; a bare number is seconds. Raises click.BadParameter.

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
        raise click.BadParameter(f"{text!r} is no length of time that can be used")
    return total


def parse_moment(text: str, *, now: float, zone: tzinfo) -> float:
    """Return the epoch seconds of "2026-11-21 13:57", "13:57" (today), an ISO time, or "2d" (so long ago).

    A time without a zone is meant in `zone`. Raises click.BadParameter.
    """
    text = text.strip()
    if text[-1:].lower() in UNITS and text[:1].isdigit() and "-" not in text:
        return now - parse_length(text)
    moment = _read(text, datetime.fromtimestamp(now, zone))
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp()


def _number(digits: str, text: str) -> float:
    try:
        return float(digits)
    except ValueError:
        raise click.BadParameter(f"{text!r} is no length of time; write 90s, 5m, 2h, 1h30m, 7d") from None


def _read(text: str, today: datetime) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass
    try:
        at = datetime.strptime(text, "%H:%M")  # noqa: DTZ007  (the caller gives it its zone)
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is no moment; write '2026-11-21 13:57', '13:57', an ISO time, or '2d' for two days ago"
        ) from None
    return today.replace(hour=at.hour, minute=at.minute, second=0, microsecond=0, tzinfo=None)
