"""Moments and lengths of time, as people type and read them."""

from __future__ import annotations

from datetime import datetime, tzinfo

import click

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


def short_moment(epoch: float | None, *, now: float, zone: tzinfo) -> str:
    """Return a moment for a table: the day and the year only when they are not the present ones.

    >>> from datetime import UTC
    >>> [short_moment(1795265821, now=1795265821 + days * 86_400, zone=UTC) for days in (0, 1, 365)]
    ['12:57', '11-21 12:57', '2026-11-21 12:57']
    """
    if epoch is None:
        return "never"
    moment, today = datetime.fromtimestamp(epoch, zone), datetime.fromtimestamp(now, zone)
    if moment.date() == today.date():
        return f"{moment:%H:%M}"
    return f"{moment:%m-%d %H:%M}" if moment.year == today.year else f"{moment:%Y-%m-%d %H:%M}"


def long_moment(epoch: float | None, zone: tzinfo) -> str:
    """Return a moment to the second, with its offset."""
    return "never" if epoch is None else f"{datetime.fromtimestamp(epoch, zone):%Y-%m-%d %H:%M:%S %z}"


def relative(epoch: float, now: float) -> str:
    """Return how far a moment is from now.

    >>> relative(160, 100), relative(100, 7300), relative(100, 100)
    ('in 60 s', '2 h ago', 'now')
    """
    if abs(epoch - now) < 1:
        return "now"
    return f"in {length(epoch - now)}" if epoch > now else f"{length(now - epoch)} ago"


def length(seconds: float) -> str:
    """Return a length of time with one unit, two where that matters.

    >>> [length(seconds) for seconds in (0.063, 12.3, 90, 5400, 90000, 8640000)]
    ['0.063 s', '12 s', '90 s', '90 min', '25 h', '100 d']
    """
    if seconds < 10:
        return f"{seconds:.2g} s"
    for limit, size, unit in ((120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86_400:.0f} d"


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
