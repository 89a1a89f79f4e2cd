"""Records as texts for programs, JSON and CSV, and texts whose control characters do no harm."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from taskrunner.views.columns import Record

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
