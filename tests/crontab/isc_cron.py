"""What ISC cron does with a line, after its C sources (entry.c, do_command.c, cron.c), for comparison.

Written from the sources, not from taskrunner's: character by character, with no regular expression.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun"]
BOUNDS = ((0, 59, []), (0, 23, []), (1, 31, []), (1, 12, MONTHS), (0, 7, DAYS))
NICKNAMES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}


class BadEntryError(Exception):
    """Cron refuses it."""


@dataclass(frozen=True)
class Times:
    """The five bit strings, and the flags DOM_STAR and DOW_STAR."""

    sets: tuple[frozenset[int], ...]
    dom_star: bool
    dow_star: bool

    def match(self, at: datetime) -> bool:
        minutes, hours, days, months, weekdays = self.sets
        if at.minute not in minutes or at.hour not in hours or at.month not in months:
            return False
        dom, dow = at.day in days, at.isoweekday() % 7 in weekdays
        return (dom and dow) if self.dom_star or self.dow_star else (dom or dow)


def times(text: str) -> Times:
    columns = NICKNAMES.get(text, text).split(" ")
    sets = [set_of(column, *bounds) for column, bounds in zip(columns, BOUNDS, strict=True)]
    if sets[4] & {0, 7}:
        sets[4] |= {0, 7}
    return Times(tuple(map(frozenset, sets)), columns[2][0] == "*", columns[4][0] == "*")


def set_of(column: str, low: int, high: int, names: list[str]) -> set[int]:
    bits: set[int] = set()
    for item in column.split(","):
        bits |= set(range_of(item, low, high, names))
    return bits


def range_of(item: str, low: int, high: int, names: list[str]) -> Iterator[int]:
    body, slash, step = item.partition("/")
    if body == "*":
        first, last = low, high
    else:
        first_text, dash, last_text = body.partition("-")
        first = number_of(first_text, low, names)
        last = number_of(last_text, low, names) if dash else first
        if (slash and not dash) or first > last:
            raise BadEntryError(item)
    width = number_of(step, 0, []) if slash else 1
    if width == 0 or first < low or last > high:
        raise BadEntryError(item)
    yield from range(first, last + 1, width)


def number_of(text: str, low: int, names: list[str]) -> int:
    if text and all(character in "0123456789" for character in text):
        return int(text)
    if text.lower() in names:
        return names.index(text.lower()) + low
    raise BadEntryError(text)


def next_times(times: Times, after: datetime, count: int, *, days: int) -> list[datetime]:
    """Return the next matching minutes, as the daemon finds them: by looking at each minute."""
    found = []
    day = after.replace(hour=0, minute=0, second=0, microsecond=0)
    minutes, hours = sorted(times.sets[0]), sorted(times.sets[1])
    for _ in range(days):
        for hour in hours:
            for minute in minutes:
                at = day.replace(hour=hour, minute=minute)
                if at > after and times.match(at):
                    found.append(at)
        if len(found) >= count:
            return found[:count]
        day += timedelta(days=1)
    return found[:count]


def command_of(text: str) -> tuple[str, str]:
    """Return what the shell gets, and what is written to its stdin (Debian's do_command.c: child_process)."""
    kept: list[str] = []
    escaped = False
    at = 0
    while at < len(text):
        character = text[at]
        kept.append(character)
        if escaped:
            if character in "%\\":
                kept.pop()
                kept[-1] = character
            escaped = False
            at += 1
            continue
        if character == "\\":
            escaped = True
            at += 1
            continue
        if character == "%":
            kept.pop()
            at += 1
            break
        at += 1
    return "".join(kept), stdin_of(text[at:])


def stdin_of(data: str) -> str:
    out: list[str] = []
    need_newline = False
    escaped = False
    for character in data:
        if escaped:
            if character != "%":
                out.append("\\")
        elif character == "%":
            character = "\n"
        escaped = character == "\\"
        if not escaped:
            out.append(character)
            need_newline = character != "\n"
    if escaped:
        out.append("\\")
    if need_newline:
        out.append("\n")
    return "".join(out)
