"""A table for people: one line per row, whatever the width, imported only where one is printed.

Where a terminal is too narrow, columns that can be cut are cut first, down to their `least` characters.
Then columns leave, in the order of their `leaves`: 1 is the first to go. What room is left goes to those that
were cut, the narrowest first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from taskrunner.named_tuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from taskrunner.views.columns import Column

GAP = "  "
DOTS = "…"

LINE_BREAKS = {
    ord("\n"): "\\n",
    ord("\r"): "\\r",
    ord("\t"): "\\t",
    0x0B: "\\x0b",
    0x0C: "\\x0c",
    0x1C: "\\x1c",
    0x1D: "\\x1d",
    0x1E: "\\x1e",
    0x85: "\\x85",
    0x2028: "\\u2028",
    0x2029: "\\u2029",
}
"""What a reader may take for the end of a line or of a column, and how it is shown instead."""


def one_line(text: str) -> str:
    """Return a text in one line, with nothing of it lost.

    >>> one_line("disk is full\\nTraceback:\\t…")
    'disk is full\\\\nTraceback:\\\\t…'
    """
    return text.translate(LINE_BREAKS)


def first_line(text: str) -> str:
    """Return the first line of a text that says something.

    >>> first_line("\\n  disk is full\\nTraceback"), first_line("")
    ('disk is full', '')
    """
    return one_line(next((line.strip() for line in text.splitlines() if line.strip()), ""))


def cut_middle(text: str, room: int) -> str:
    """Return a name of so many columns at most: its beginning and its end.

    >>> cut_middle("crm.SynchroniseDirectoryNumber03", 20), cut_middle("crm.Fetch", 20)
    ('crm.Synchr…yNumber03', 'crm.Fetch')
    """
    if width_of(text) <= room:
        return text
    head = room // 2
    return _start(text, head) + DOTS + _start(text[::-1], room - head - 1)[::-1] if room > 2 else DOTS[:room]


def cut_end(text: str, room: int) -> str:
    """Return the beginning of a text, so many columns at most.

    >>> cut_end("SMTPServerDisconnected: try again", 12), cut_end("disk full", 12)
    ('SMTPServerD…', 'disk full')
    """
    return text if width_of(text) <= room else (_start(text, room - 1) + DOTS if room > 0 else "")


CUTS = {"middle": cut_middle, "end": cut_end}


def width_of(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _start(text: str, room: int) -> str:
    """Return as much of a text's beginning as fits."""
    if text.isascii():
        return text[: max(0, room)]
    taken, used = 0, 0
    for character in text:
        used += width_of(character)
        if used > room:
            break
        taken += 1
    return text[:taken]


class Layout(NamedTuple):
    """Which columns are shown, by number, and how wide each of them is."""

    shown: list[int]
    widths: list[int]


def whole(cells: Sequence[Sequence[str]], columns: Sequence[Column[Any]]) -> Layout:
    """Return every column as wide as its widest cell."""
    widths = [
        max(width_of(column.title), *(width_of(row[number]) for row in cells), 0)
        for number, column in enumerate(columns)
    ]
    return Layout(list(range(len(columns))), widths)


def fitted(cells: Sequence[Sequence[str]], columns: Sequence[Column[Any]], room: int) -> Layout:
    """Return which columns fit into so many characters, and how wide they are.

    >>> from taskrunner.views.columns import Column
    >>> columns = Column("name", "Task", cut="middle", least=8), Column("p", "P", leaves=1), Column("n", "N")
    >>> [fitted([["forum.SendDigest", "forums", "1"]], columns, room) for room in (40, 25, 17, 10)]
    [Layout(shown=[0, 1, 2], widths=[16, 6, 1]), Layout(shown=[0, 1, 2], widths=[14, 6, 1]), \
Layout(shown=[0, 2], widths=[14, 1]), Layout(shown=[0, 2], widths=[7, 1])]
    """
    shown, wanted = whole(cells, columns)
    widths = [
        min(width, max(column.least, len(column.title))) if column.cut else width
        for width, column in zip(wanted, columns, strict=True)
    ]
    for number in sorted((one for one in shown if columns[one].leaves), key=lambda one: columns[one].leaves):
        if _total(shown, widths) <= room:
            break
        shown = [one for one in shown if one != number]
    _narrow(shown, widths, room)
    for _ in range(room - _total(shown, widths)):
        cut = [number for number in shown if columns[number].cut and widths[number] < wanted[number]]
        if not cut:
            break
        widths[min(cut, key=widths.__getitem__)] += 1
    return Layout(shown, [widths[number] for number in shown])


def _total(shown: Sequence[int], widths: Sequence[int]) -> int:
    return sum(widths[number] for number in shown) + len(GAP) * (len(shown) - 1)


def _narrow(shown: list[int], widths: list[int], room: int) -> None:
    """Make the widest columns narrower until all fit: the last resort on a very narrow terminal."""
    while _total(shown, widths) > room and max(widths[number] for number in shown) > 1:
        widths[max(shown, key=lambda number: widths[number])] -= 1


def lines_of(
    cells: Sequence[Sequence[str]], columns: Sequence[Column[Any]], layout: Layout
) -> list[list[str]]:
    """Return the padded cells of every line, the titles first."""
    titles = [column.title.upper() for column in columns]
    return [_line(row, columns, layout) for row in (titles, *cells)]


def _line(row: Sequence[str], columns: Sequence[Column[Any]], layout: Layout) -> list[str]:
    padded = []
    for number, width in zip(*layout, strict=True):
        column = columns[number]
        text = CUTS[column.cut or "end"](row[number], width)
        blank = " " * (width - width_of(text))
        padded.append(blank + text if column.right else text + blank)
    return padded
