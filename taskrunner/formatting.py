"""Moments, lengths of time, and how often something was so: as people read them, and as they type them."""

from __future__ import annotations

import os
from datetime import datetime, timedelta, tzinfo


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


def brief_moment(epoch: float | None, *, now: float, zone: tzinfo) -> str:
    """Return a moment in six characters or so: the time today, else the day, and the year if it is another.

    >>> from datetime import UTC
    >>> [brief_moment(1795265821, now=1795265821 + days * 86_400, zone=UTC) for days in (0, 1, 365)]
    ['12:57', 'Nov 21', '2026-11-21']
    """
    if epoch is None:
        return "never"
    moment, today = datetime.fromtimestamp(epoch, zone), datetime.fromtimestamp(now, zone)
    if moment.date() == today.date():
        return f"{moment:%H:%M}"
    return f"{MONTHS[moment.month - 1]} {moment.day}" if moment.year == today.year else f"{moment:%Y-%m-%d}"


def since_moment(epoch: float, *, now: float, zone: tzinfo) -> str:
    """Return since when something has been so: today and yesterday by name.

    >>> from datetime import UTC
    >>> [since_moment(1795265821, now=1795265821 + days * 86_400, zone=UTC) for days in (0, 1, 9, 365)]
    ['since 12:57', 'since yesterday 12:57', 'since Nov 21 12:57', 'since 2026-11-21 12:57']
    """
    moment, today = datetime.fromtimestamp(epoch, zone), datetime.fromtimestamp(now, zone)
    days = (today.date() - moment.date()).days
    day = {0: "", 1: "yesterday "}.get(days, f"{brief_moment(epoch, now=now, zone=zone)} ")
    return f"since {day}{moment:%H:%M}"


MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


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
    ['63 ms', '12 s', '90 s', '90 min', '25 h', '100 d']
    """
    if 0 < seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms" if seconds >= 0.001 else "1 ms"
    if seconds < 10:
        return f"{seconds:.2g} s"
    for limit, size, unit in ((120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86_400:.0f} d"


def plural(count: int, noun: str, nouns: str = "") -> str:
    """Return a number with its noun.

    >>> plural(1, "finding"), plural(1234, "finding"), plural(2, "class", "classes")
    ('1 finding', '1,234 findings', '2 classes')
    """
    return f"{count:,} {noun if count == 1 else nouns or f'{noun}s'}"


def often(count: int) -> str:
    """Return how often something was so.

    >>> often(1), often(2), often(3)
    ('once', 'twice', '3 times')
    """
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def size(count: float) -> str:
    """Return a number of bytes for people.

    >>> size(512), size(49.3 * 1024 * 1024), size(3 * 1024**3)
    ('512 bytes', '49.3 MB', '3.0 GB')
    """
    if count < 1024:
        return f"{count:.0f} bytes"
    for unit in ("KB", "MB", "GB"):
        count /= 1024
        if count < 1024:
            return f"{count:.1f} {unit}"
    return f"{count / 1024:.1f} TB"


ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32, as https://github.com/ulid/spec has it."""

LETTERS = ALPHABET.encode() * 8
"""A letter for each byte: that of its last five bits, so that a chance byte makes a chance letter."""


def new_id(now: float) -> str:
    """Return a new id of 26 characters: 48 bits of milliseconds, 80 of chance."""
    moment = int(now * 1000) % (1 << 48)
    letters = "".join([ALPHABET[moment >> shift & 31] for shift in range(45, -1, -5)])
    return letters + os.urandom(16).translate(LETTERS).decode()


def program_words() -> list[str]:
    """Return the words that start this program from anywhere, by its absolute path."""
    import sys  # late: most of what is formatted does without it

    script = sys.argv[0]
    if os.path.basename(script) == "taskrun":
        if os.path.isabs(script):
            return [script]
        beside = os.path.join(os.path.dirname(sys.executable), "taskrun")
        try:
            return [os.path.abspath(script)]
        except OSError:  # the working directory has been deleted
            return [beside] if os.path.exists(beside) else [sys.executable, "-m", "taskrunner"]
    return [sys.executable, "-m", "taskrunner"]


def crontab_command(config_file: str) -> str:
    """Return the command of a crontab line: absolute, quoted, % escaped as crontab(5) wants."""
    import shlex

    return shlex.join([*program_words(), "--config", config_file, "cron"]).replace("%", "\\%")


LONGEST_LENGTH = 100 * 366 * 86_400
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
    if not 0 <= total <= LONGEST_LENGTH:
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
    moment = _read_moment(text, today)
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


def _read_moment(text: str, today: datetime) -> datetime:
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
