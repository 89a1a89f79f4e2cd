"""The strict parser: five cron fields, text in, sets of numbers out."""

from itertools import chain
from typing import Final, NamedTuple

from taskrunner.errors import InvalidScheduleError


class Field(NamedTuple):
    """One of the five fields: its name, its bounds (inclusive), the names of its numbers from `low` on."""

    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()

    @property
    def bounds(self) -> str:
        """What would be right in this field, for an error message."""
        return f"{self.name}s go from {self.low} to {self.high}"


MINUTE: Final = Field("minute", 0, 59)
HOUR: Final = Field("hour", 0, 23)
DAY: Final = Field("day", 1, 31)
MONTH: Final = Field(
    "month", 1, 12, ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
)
WEEKDAY: Final = Field("weekday", 0, 7, ("sun", "mon", "tue", "wed", "thu", "fri", "sat"))
FIELDS: Final = (MINUTE, HOUR, DAY, MONTH, WEEKDAY)
LONGEST_MONTHS: Final = dict(zip(range(1, 13), (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31), strict=True))


def last_day(months: frozenset[int]) -> int:
    """Return the last day that any of the `months` may have.

    >>> last_day(frozenset({2})), last_day(frozenset({2, 4}))
    (29, 30)
    """
    return max(LONGEST_MONTHS[month] for month in months)


class Fields(NamedTuple):
    """What five fields mean: a minute matches if hour, minute and month do, and `days` or `weekdays`.

    A side that `*` leaves open is empty, so that the other one decides; with both open `days` is complete.
    Weekdays count from 0, Sunday, to 6. Days that none of the months has are left out.
    """

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]

    @property
    def every_day(self) -> bool:
        """Whether each day of the months matches."""
        return len(self.days) == last_day(self.months) or len(self.weekdays) == 7

    @property
    def every_hour(self) -> bool:
        """Whether all 24 hours match."""
        return len(self.hours) == 24


LONGEST_TEXT: Final = 256
MOST_DIGITS: Final = 4
ALIASES: Final = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
UNSUPPORTED: Final = {
    "#": "the nth weekday of a month (#) is not supported",
    "?": "write * instead of ?",
    "~": "write H for a time that differs from task to task, R for a random one",
    "L": "the last day (L) is not supported",
    "W": "the nearest working day (W) is not supported",
    "H": "write H, H(a-b) or H/n",
    "R": "R stands alone in its field",
}


class Place(NamedTuple):
    """The place that the parser has reached, for its messages: a field of the whole text."""

    field: Field
    text: str

    def wrong(self, problem: str, right: str | None = None, hint: str | None = None) -> InvalidScheduleError:
        """Return the error for `problem` here; `right` says what would be right, by default the bounds."""
        return InvalidScheduleError(
            f"{self.field.name}: {problem} in {self.text!r}; {right or self.field.bounds}", hint=hint
        )


def split_fields(text: str) -> list[str]:
    """Return the five fields of `text`, an alias resolved; what they hold is not looked at.

    Raises InvalidScheduleError: over 256 characters, an unknown alias, not five fields.

    >>> split_fields("@daily"), split_fields(" 0  9 * * MON-FRI")
    (['0', '0', '*', '*', '*'], ['0', '9', '*', '*', 'MON-FRI'])
    """
    if len(text) > LONGEST_TEXT:
        raise InvalidScheduleError(
            f"schedule: {len(text)} characters are too many; the most is {LONGEST_TEXT}"
        )
    columns = [column for column in text.replace("\t", " ").split(" ") if column]
    if len(columns) == 1 and columns[0].startswith("@"):
        columns = _resolve(columns[0]).split(" ")
    if len(columns) != len(FIELDS):
        raise _miscounted(text, columns)
    return columns


def parse_fields(columns: list[str], text: str) -> Fields:
    """Return what the five `columns` mean; `text` is the schedule as it was given, for the messages.

    Raises InvalidScheduleError, which names the field, the text and what would be right; also for a
    schedule that never comes. Day and weekday, when both are restricted, are a union (POSIX crontab).

    >>> sorted(parse_fields(["*/20", "0", "1,15", "*", "5-7"], "").weekdays)
    [0, 5, 6]
    """
    minutes, hours, days, months, weekdays = (
        frozenset(chain.from_iterable(_parse_item(Place(field, text), item) for item in column.split(",")))
        for field, column in zip(FIELDS, columns, strict=True)
    )
    existing = frozenset(day for day in days if day <= last_day(months))
    if columns[4] == "*":
        if not existing:
            problem = f"{columns[2]!r} never comes in month {columns[3]!r}"
            raise Place(DAY, text).wrong(problem, f"its days go from 1 to {last_day(months)}")
        return Fields(minutes, hours, existing, months, frozenset())
    sundays_once = frozenset(weekday % 7 for weekday in weekdays)
    return Fields(minutes, hours, frozenset() if columns[2] == "*" else existing, months, sundays_once)


def parse_span(place: Place, text: str) -> tuple[int, int]:
    """Return the bounds of the range A-B, A <= B; fri-sun ends on weekday 7."""
    first_text, _, last_text = text.partition("-")
    if not first_text or not last_text:
        raise place.wrong(f"the range {text!r} has one end only", "a range is A-B")
    first, last = parse_number(place, first_text), parse_number(place, last_text)
    if place.field is WEEKDAY and last_text.lower() == "sun" and first > 0:
        last = 7
    if first > last:
        raise place.wrong(f"the range {text!r} is reversed", "A-B needs A <= B", _split_range(place, text))
    return first, last


def parse_number(place: Place, text: str) -> int:
    """Return the number or name that `text` is, within the bounds of the field."""
    field = place.field
    if text.lower() in field.names:
        return field.low + field.names.index(text.lower())
    if not is_number(text):
        raise place.wrong(
            f"{text!r} is not a number{' or name' if field.names else ''}", hint=_hint(field, text)
        )
    if len(text) > MOST_DIGITS or not field.low <= int(text) <= field.high:
        raise place.wrong(f"{text} is out of range")
    return int(text)


def parse_step(place: Place, text: str) -> int:
    """Return the step that `text` is: 1 or more, at most four digits."""
    if not is_number(text) or len(text) > MOST_DIGITS or int(text) == 0:
        raise place.wrong(f"the step {text!r} cannot be used", "a step is a number from 1 on")
    return int(text)


def is_number(text: str) -> bool:
    """Return whether `text` is made of the digits 0 to 9.

    >>> [is_number(text) for text in ("07", "", "-1", "٣", "²")]
    [True, False, False, False, False]
    """
    return text.isascii() and text.isdigit()


def _parse_item(place: Place, item: str) -> range:
    body, slash, step = item.partition("/")
    if not body:
        raise place.wrong(f"{item!r} has nothing before the /" if slash else "a list has an empty item")
    if body == "*":
        first, last = place.field.low, place.field.high
    elif "-" in body:
        first, last = parse_span(place, body)
    else:
        first = parse_number(place, body)
        last = place.field.high if slash else first
    return range(first, last + 1, parse_step(place, step) if slash else 1)


def _resolve(alias: str) -> str:
    if alias in ALIASES:
        return ALIASES[alias]
    right = f"the aliases are {', '.join(ALIASES)}"
    raise InvalidScheduleError(f"schedule: {alias!r} is not known; {right}", hint=_alias_hint(alias))


def _alias_hint(alias: str) -> str | None:
    if alias.lower() == "@reboot":
        return "taskrunner cannot tell a restart; write an interval such as 'every 1h', due at once when new"
    if alias.lower().startswith("@every"):
        return "write 'every 2h'"
    return f"write {alias.lower()}" if alias.lower() in ALIASES else None


def _miscounted(text: str, columns: list[str]) -> InvalidScheduleError:
    right = "five are needed: minute hour day month weekday"
    return InvalidScheduleError(
        f"schedule: {len(columns)} fields in {text!r}; {right}", hint=_count_hint(columns)
    )


def _count_hint(columns: list[str]) -> str | None:
    if not columns:
        return "for every minute write '* * * * *'"
    if columns[0].startswith("@"):
        return "an alias stands alone; an interval is written 'every 2h'"
    return "seconds, years and commands have no field" if len(columns) > len(FIELDS) else None


def _hint(field: Field, text: str) -> str | None:
    if field.names and text[:3].lower() in field.names:
        return f"names have three letters: {text[:3].lower()}"
    if text.startswith("*"):
        return "after * only a step may follow, as in */5"
    return next((hint for sign, hint in UNSUPPORTED.items() if sign in text.upper()), None)


def _split_range(place: Place, text: str) -> str:
    first, _, last = text.partition("-")
    names = place.field.names
    low, high = (
        (names[0], names[-1]) if names and not is_number(first) else (place.field.low, place.field.high)
    )
    return f"write two ranges: {first}-{high},{low}-{last}"


# The last values H and R choose: no day that a month may lack, Sunday only once.
LAST_CHOICES: Final = {DAY.name: 28, WEEKDAY.name: 6}
HASHED_NAMES: Final = {WEEKDAY.name: "dayofweek"}
RANDOM_FIELDS: Final = (MINUTE, HOUR, WEEKDAY)


class Spread(NamedTuple):
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
