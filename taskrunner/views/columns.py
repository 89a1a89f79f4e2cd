"""Listings: columns that turn rows into records for programs and into cells for people.

Records become texts, JSON and CSV, and control characters in texts do no harm.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from taskrunner.formatting import short_moment
from taskrunner.named_tuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import tzinfo

    from taskrunner.installation import Site
    from taskrunner.records import Suspension

T = TypeVar("T")

Record = dict[str, Any]

ENOUGH_OF_RUN_ID = 6
"""Characters at the end of a run's id that tell it from others: all of them are of chance."""

BAD, ASIDE, LATE, PLAIN = "bad", "aside", "late", ""
"""How the state of a row is shown: what failed or keeps a task from running; what is not meant to run; what
is paused or late; anything else."""


class Context(NamedTuple):
    """What a text for people depends on besides its row: the moment, the zone in which times are shown.

    `dead_runners`: the ids of runners that died. `pause_of` and `is_muted` answer for a task by its name.
    """

    now: float
    zone: tzinfo
    dead_runners: frozenset[str] = frozenset()
    pause_of: Callable[[str], Suspension | None] = lambda _: None
    is_muted: Callable[[str], bool] = lambda _: False

    def paused(self, name: str) -> str | None:
        """Return until when a task is paused, in words, or None if it is not."""
        pause = self.pause_of(name)
        if pause is None:
            return None
        if pause.until is None:
            return "paused"
        return f"paused until {short_moment(pause.until, now=self.now, zone=self.zone)}"


def context_of(site: Site, now: float) -> Context:
    """Return what the texts of a site depend on."""
    from taskrunner.liveness import dead_runner_ids
    from taskrunner.zones import get_zone

    return Context(
        now,
        get_zone(site.config.timezone),
        dead_runner_ids(site, now),
        pause_of=lambda name: site.pause_of(name, now),
        is_muted=lambda name: site.mute_of(name, now) is not None,
    )


class Column(NamedTuple, Generic[T]):
    """One fact about each row: for programs under `key`, for people under `title` where there is one.

    Programs get `value`, else the attribute of the row that is named as the key. People get `text`, else the
    value. Where there is no `key` a column is for people only. `place` is where it stands in the table, if
    that is not the order of the keys.

    Numbers stand at the `right`. Only the cell that says the state (`is_state`) has a colour. On a terminal
    where space is short a column with `cut`, "middle" or "end", is shortened down to `least` characters; then
    those with `leaves` leave, 1 first. A terminal shows `brief` instead of the text, unless all is asked for.
    """

    key: str
    title: str = ""
    value: Callable[[T, Context], object] | None = None
    text: Callable[[T, Context], str] | None = None
    cut: str = ""
    least: int = 12
    leaves: int = 0
    right: bool = False
    brief: Callable[[T, Context], str] | None = None
    is_state: bool = False
    place: int = 0

    def value_of(self, row: T, context: Context) -> object:
        """Return what programs get."""
        return getattr(row, self.key) if self.value is None else self.value(row, context)

    def text_of(self, row: T, context: Context, *, brief: bool = False) -> str:
        """Return what people see."""
        if brief and self.brief is not None:
            return self.brief(row, context)
        if self.text is not None:
            return self.text(row, context)
        value = self.value_of(row, context)
        return "" if value is None else str(value)

    def of(self, name: str) -> Column[Any]:
        """Return this column for what has the row as its attribute `name`."""
        return self._replace(
            value=lambda owner, context: self.value_of(getattr(owner, name), context),
            text=lambda owner, context: self.text_of(getattr(owner, name), context),
            brief=lambda owner, context: self.text_of(getattr(owner, name), context, brief=True),
        )


class Listing(NamedTuple, Generic[T]):
    """A kind of rows: its columns in the order of the keys, and how a row is shown."""

    columns: tuple[Column[T], ...]
    style: Callable[[T, Context], str] = lambda *_: PLAIN

    @property
    def keys(self) -> list[str]:
        """The keys of a record."""
        return [column.key for column in self.columns if column.key]

    @property
    def shown(self) -> list[Column[T]]:
        """The columns of a table."""
        return sorted((column for column in self.columns if column.title), key=lambda column: column.place)

    def record(self, row: T, context: Context) -> Record:
        """Return what programs get of a row."""
        return {column.key: column.value_of(row, context) for column in self.columns if column.key}

    def records(self, rows: Iterable[T], context: Context) -> list[Record]:
        """Return what programs get of each row."""
        return [self.record(row, context) for row in rows]

    def cells(self, rows: Iterable[T], context: Context, *, brief: bool = False) -> list[list[str]]:
        """Return what people see of each row."""
        shown = self.shown
        return [[column.text_of(row, context, brief=brief) for column in shown] for row in rows]


def as_moment(epoch: float | None) -> datetime | None:
    """Return epoch seconds as an aware moment in UTC."""
    return None if epoch is None else datetime.fromtimestamp(epoch, UTC)


def moment(
    key: str,
    title: str = "",
    text: Callable[[Any, Context], str] | None = None,
    *,
    brief: Callable[[Any, Context], str] | None = None,
    place: int = 0,
    leaves: int = 0,
) -> Column[Any]:
    """Return a column for a moment, which the row has as epoch seconds."""
    return Column(
        key,
        title,
        lambda row, _: as_moment(getattr(row, key)),
        text,
        brief=brief,
        place=place,
        leaves=leaves,
    )


def truth(key: str) -> Column[Any]:
    """Return a column for what the row has as 0 or 1."""
    return Column(key, value=lambda row, _: bool(getattr(row, key)))


CONTROLS = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0)) if code not in (0x09, 0x0A)}
BIDI = {code: f"\\u{code:04x}" for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F)}

ESCAPES = {code: f"\\u{code:04x}" for code in (*range(0x7F, 0xA0), *BIDI)}
"""The same in JSON, which has its own escapes for all below: the text that is read is the one that was."""


def harmless(text: str) -> str:
    """Return a text whose control characters are shown instead of obeyed; line breaks and tabs stay.

    >>> harmless("\\x1b[31mred\\u202e")
    '\\\\x1b[31mred\\\\u202e'
    """
    return text.translate(CONTROLS | BIDI)


def as_json(value: object) -> str:
    """Return a value as JSON: times as ISO 8601 in UTC."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=_as_text).translate(ESCAPES)


def _as_text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def csv_lines(keys: Sequence[str], records: Iterable[Record]) -> Iterator[str]:
    """Yield records as lines of CSV, ended as its standard says (RFC 4180), a header line first."""
    import csv  # late: a table for people does without
    from io import StringIO
    from itertools import chain

    line = StringIO()
    writer = csv.writer(line)
    for row in chain([keys], ([csv_cell(record[key]) for key in keys] for record in records)):
        writer.writerow(row)
        yield line.getvalue()
        line.seek(0)
        line.truncate()


FORMULAS = (*"=+-@\t\r\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""Beginnings of what spreadsheets calculate, also in the wide letters of East Asia."""


def csv_cell(value: object) -> object:
    """Return a cell that no spreadsheet takes for a formula."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bool | list):
        return json.dumps(value)
    if isinstance(value, str):
        value = harmless(value)
        return f"'{value}" if value.startswith(FORMULAS) else value
    return value
