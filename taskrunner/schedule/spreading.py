"""H and R: times that differ from task to task, so that not everything starts at minute 0."""

from dataclasses import dataclass
from typing import Final

from taskrunner.schedule.fields import DAY, FIELDS, HOUR, MINUTE, WEEKDAY, Field
from taskrunner.schedule.grammar import Place, parse_span, parse_step

# The last values H and R choose: no day that a month may lack, Sunday only once.
LAST_CHOICES: Final = {DAY.name: 28, WEEKDAY.name: 6}
HASHED_NAMES: Final = {WEEKDAY.name: "dayofweek"}
RANDOM_FIELDS: Final = (MINUTE, HOUR, WEEKDAY)


@dataclass(frozen=True, slots=True)
class Spread:
    """Whose times are chosen: the task's name; the configured salt, for H; the installation's seed, for R."""

    name: str
    salt: str
    seed: str


def spread_fields(columns: list[str], spread: Spread, text: str) -> list[str]:
    """Return the five `columns` with every H and R replaced by what they stand for; `text` is for messages.

    H is the same wherever name and salt are; R is the same wherever name and seed are, and random
    without a seed. Raises InvalidScheduleError for an H or R that is not written as it should be.

    >>> spread_fields(["H", "H(1-5)", "*", "*", "*"], Spread("backup.nightly", "", ""), "")
    ['46', '3', '*', '*', '*']
    """
    places = [Place(field, text) for field in FIELDS]
    return [_spread(place, column, spread) for place, column in zip(places, columns, strict=True)]


def hashed(field: Field, first: int, last: int, *, salt: str, name: str) -> int:
    """Return the number from `first` to `last` that salt, task name and field always give.

    >>> hashed(MINUTE, 0, 59, salt="", name="core.session_cleanup")
    57
    """
    import hashlib  # 4 ms that a schedule without H need not wait for

    field_name = HASHED_NAMES.get(field.name, field.name)
    digest = hashlib.sha256(f"{salt}\0{name}\0{field_name}".encode("utf-8", "surrogatepass")).digest()
    return first + int.from_bytes(digest[:8], "big") % (last - first + 1)


def _spread(place: Place, column: str, spread: Spread) -> str:
    if column == "R" and place.field in RANDOM_FIELDS:
        return str(_drawn(place.field, spread))
    if "R" in column.split(",") or column.startswith("R/"):
        raise place.wrong(f"{column!r} cannot be drawn", "R stands alone, in minute, hour or weekday")
    return ",".join(_item(place, item, spread) for item in column.split(","))


def _drawn(field: Field, spread: Spread) -> int:
    import secrets  # as slow to import as hashlib

    first, last = _choices(field)
    if spread.seed:
        return hashed(field, first, last, salt=spread.seed, name=spread.name)
    return first + secrets.randbelow(last - first + 1)


def _item(place: Place, item: str, spread: Spread) -> str:
    if not item.startswith("H"):
        return item
    if item.startswith("H/"):
        return _stepped(place, item.removeprefix("H/"), spread)
    first, last = _choices(place.field) if item == "H" else _bounds(place, item)
    return str(hashed(place.field, first, last, salt=spread.salt, name=spread.name))


def _choices(field: Field) -> tuple[int, int]:
    return field.low, LAST_CHOICES.get(field.name, field.high)


def _bounds(place: Place, item: str) -> tuple[int, int]:
    if not (item.startswith("H(") and item.endswith(")")):
        raise place.wrong(f"{item!r} cannot be read", "write H, H(a-b) or H/n")
    return parse_span(place, item[2:-1])


def _stepped(place: Place, text: str, spread: Spread) -> str:
    field, step = place.field, parse_step(place, text)
    first, last = _choices(field)
    if step > last - first + 1:
        raise place.wrong(f"the step {text!r} of H is too long", f"it goes from 1 to {last - first + 1}")
    offset = hashed(field, 0, step - 1, salt=spread.salt, name=spread.name)
    return f"{first + offset}-{last}/{step}"
