"""HTML and SVG put together so that no text can become markup."""

from __future__ import annotations

import html
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import tzinfo

VOID = frozenset({"meta", "link", "br", "wbr", "input", "line", "rect", "circle", "path"})
"""Elements that have no content here."""

SVG = frozenset({"line", "rect", "circle", "path"})


class Markup(str):
    """Text that is markup already; every other string is escaped where it is put in."""

    __slots__ = ()


def element(tag: str, *content: str, **attributes: str | float) -> Markup:
    """Return an element. A trailing _ of an attribute's name goes, any other _ becomes -.

    An attribute that is True stands by its name alone, one that is False does not stand at all.

    >>> element("td", "<script>", class_="name")
    '<td class="name">&lt;script&gt;</td>'
    >>> element("input", name="q", checked=True, disabled=False)
    '<input name="q" checked>'
    >>> element("p", element("b", "1 & 2"), " \\x1b[2J")
    '<p><b>1 &amp; 2</b> \\\\x1b[2J</p>'
    """
    given = "".join(_given(name, value) for name, value in attributes.items() if value is not False)
    if tag in VOID:
        return Markup(f"<{tag}{given}{'/' if tag in SVG else ''}>")
    return Markup(f"<{tag}{given}>{joined(*content)}</{tag}>")


def joined(*content: str) -> Markup:
    """Return content as markup, what is none escaped."""
    return Markup("".join(part if isinstance(part, Markup) else _text(part) for part in content))


def visible(text: str) -> str:
    r"""Return a text whose control characters, also those that turn its direction, are shown.

    >>> visible("a\x00b\u202ec\td")
    'a\\x00b\\u202ec\td'
    """
    return "".join(_shown(character) for character in text) if not text.isprintable() else text


def _shown(character: str) -> str:
    if character in "\t\n" or character.isprintable() or unicodedata.category(character) == "Zs":
        return character
    return character.encode("unicode_escape").decode()


def _text(text: str) -> str:
    return html.escape(visible(text), quote=False)


def _given(name: str, value: str | float) -> str:
    shown = name.removesuffix("_").replace("_", "-")
    return f" {shown}" if value is True else f' {shown}="{_value(value)}"'


def _value(value: str | float) -> str:
    return html.escape(visible(value)) if isinstance(value, str) else f"{value:g}"


@dataclass(frozen=True, slots=True)
class Times:
    """Writes moments in a zone."""

    zone: tzinfo

    def long(self, epoch: float | None) -> str:
        """Return a moment to the second, with its offset."""
        return "–" if epoch is None else f"{datetime.fromtimestamp(epoch, self.zone):%Y-%m-%d %H:%M:%S %z}"

    def short(self, epoch: float | None) -> str:
        """Return a moment to the minute."""
        return "–" if epoch is None else f"{datetime.fromtimestamp(epoch, self.zone):%Y-%m-%d %H:%M}"

    def day(self, epoch: float) -> str:
        """Return the day of a moment, as axes have it."""
        moment = datetime.fromtimestamp(epoch, self.zone)
        return f"{moment:%b} {moment.day}"

    def clock(self, epoch: float) -> str:
        """Return the hour and minute of a moment."""
        return f"{datetime.fromtimestamp(epoch, self.zone):%H:%M}"


def section(title: str, *content: str) -> Markup:
    """Return a section that the contents lead to."""
    return element("section", element("h2", title), *content, id=title.lower().replace(" ", "-"))


Cell = str | int
NUMBER, WIDE, PICTURE = "n", "wide", "pic"


def table(caption: str, columns: Sequence[tuple[str, str]], rows: Iterable[Sequence[Cell]]) -> Markup:
    """Return a table, on a phone a card for each row; the first cell of a row is its heading.

    `columns` are (heading, class of its cells).
    """
    head = [_classed("th", heading, class_, scope="col") for heading, class_ in columns]
    begins = [_start(_classed("th", "", columns[0][1], scope="row"))]
    begins += [_start(_classed("td", "", class_, data_l=heading)) for heading, class_ in columns[1:]]
    ends = ["</th>", *["</td>"] * (len(columns) - 1)]
    body = [
        Markup(f"<tr>{''.join(begin + joined(_shown_cell(cell)) + end for begin, cell, end in of_row)}</tr>")
        for of_row in (zip(begins, row, ends, strict=True) for row in rows)
    ]
    whole = element(
        "table",
        element("caption", caption),
        element("thead", element("tr", *head)),
        element("tbody", *body),
        class_="cards",
    )
    return element("div", whole, class_="scroll", role="region", aria_label=caption, tabindex=0)


def _start(empty: Markup) -> str:
    """Return the start tag of an element without content: made once for all cells of a column."""
    return empty[: empty.rindex("</")]


def folded(summary: str, columns: Sequence[tuple[str, str]], rows: Sequence[Sequence[Cell]]) -> Markup:
    """Return a table that is shown when one asks for it, or nothing for a table without rows."""
    return (
        element("details", element("summary", summary), table(summary, columns, rows)) if rows else Markup()
    )


def _shown_cell(cell: Cell) -> str:
    return f"{cell:,}" if isinstance(cell, int) else cell


def _classed(tag: str, content: str, class_: str, **attributes: str | float) -> Markup:
    return element(tag, content, **({"class_": class_} if class_ else {}), **attributes)


def task(name: str) -> Markup:
    """Return the name of a task: a long class path by its last part, the whole where there is room.

    >>> task("backup.Course")
    '<span class="task">backup.<wbr>Course</span>'
    """
    parts = name.split("\\")
    if len(parts) < 2 or not all(parts):
        return element("span", _breakable(name), class_="task")
    short = element("span", _breakable(parts[-1]), element("small", parts[0]), class_="short")
    whole = element("span", _breakable(name), class_="whole")
    return element("span", short, whole, class_="task", title=name)


def in_text(name: str) -> Markup:
    """Return the name of a task among words."""
    short = short_name(name)
    if short == name:
        return element("span", name)
    words = element("span", short, class_="short"), element("span", name, class_="whole")
    return element("span", *words, title=name)


def short_name(name: str) -> str:
    """Return the last part of a class path.

    >>> short_name(r"core\\task\\cron_task"), short_name("backup.Course")
    ('cron_task', 'backup.Course')
    """
    return name.rpartition("\\")[2] or name


def _breakable(name: str) -> Markup:
    """Return a name that may be broken behind its dots, backslashes and underscores."""
    parts = name.replace("\\", "\\\n").replace(".", ".\n").replace("_", "_\n").split("\n")
    pieces = [piece for part in parts for piece in (part, element("wbr"))]
    return joined(*pieces[:-1])


def count(number: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def trimmed(text: str) -> str:
    """Return a text without blanks at the ends of its lines."""
    return "\n".join(line.rstrip() for line in text.splitlines())


def cut(text: str, most: int = 300) -> str:
    """Return a text that fits a table."""
    return trimmed(text if len(text) <= most else f"{text[:most]}…")


def percent(rate: float | None) -> str:
    """Return a rate as people read it.

    >>> [percent(rate) for rate in (None, 0.0, 0.0004, 0.014, 0.5, 1.0)]
    ['–', '0 %', '0.04 %', '1.4 %', '50 %', '100 %']
    """
    if rate is None:
        return "–"
    digits = 0 if rate == 0 or rate >= 0.0995 else 1 if rate >= 0.00095 else 2
    return f"{100 * rate:.{digits}f} %"
