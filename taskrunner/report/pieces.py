"""What the sections of the page are made of: headings, tables, numbers as people read them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from taskrunner.report.markup import Markup, element, joined

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import tzinfo

SHORT_CELL = 24


@dataclass(frozen=True, slots=True)
class Times:
    """Writes moments in a zone."""

    zone: tzinfo

    def long(self, epoch: float | None) -> str:
        """Return a moment to the second, with its offset."""
        return "–" if epoch is None else f"{datetime.fromtimestamp(epoch, self.zone):%Y-%m-%d %H:%M:%S %z}"


def section(title: str, *content: str) -> Markup:
    """Return a section that the contents lead to."""
    return element("section", element("h2", title), *content, id=title.lower())


def table(caption: str, headings: Sequence[str], rows: Iterable[Sequence[str | int]]) -> Markup:
    """Return a table that a narrow window can scroll; the first cell of a row is its heading."""
    head = element("tr", *(element("th", heading, scope="col") for heading in headings))
    body = [
        element(
            "tr",
            element("th", _breakable(str(row[0])), scope="row"),
            *(_cell(cell if isinstance(cell, str) else str(cell)) for cell in row[1:]),
        )
        for row in rows
    ]
    table = element("table", element("caption", caption), element("thead", head), element("tbody", *body))
    return element("section", table, class_="scroll", aria_label=caption, tabindex=0)


def _cell(text: str) -> Markup:
    return element("td", text, class_="text") if len(text) > SHORT_CELL else element("td", text)


def _breakable(name: str) -> Markup:
    """Return a name that may be broken behind its dots and backslashes."""
    parts = name.replace("\\", "\\\n").replace(".", ".\n").split("\n")
    return joined(*(piece for part in parts for piece in (part, element("wbr"))))


def seconds(length: float | None) -> str:
    """Return seconds as exactly as people want them."""
    if length is None:
        return "–"
    return f"{length:.0f}" if length >= 100 else f"{length:.3g}"


def share(rate: float | None) -> str:
    """Return a rate in percent."""
    return "–" if rate is None else f"{rate:.1%}"


def count(number: int, noun: str) -> str:
    """Return a number of things."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def trimmed(text: str) -> str:
    """Return a text without blanks at the ends of its lines."""
    return "\n".join(line.rstrip() for line in text.splitlines())


def cut(text: str) -> str:
    """Return a text that fits a table."""
    return trimmed(text if len(text) <= 300 else f"{text[:300]}…")
