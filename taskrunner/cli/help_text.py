"""The topics of `taskrun help`: texts that README.md has as well, word for word."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from textwrap import dedent, fill, indent, wrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FOLDER = Path(__file__).with_name("topics")

NAMES = (
    "tasks",
    "plugins",
    "queueing",
    "schedules",
    "config",
    "environment",
    "postgres",
    "web",
    "checks",
    "notify",
    "testing",
    "words",
    "exit-codes",
)
"""Every topic, in the order in which somebody new to it would ask."""


@dataclass(frozen=True, slots=True)
class Topic:
    """A text of help: what it is about, in one line, and the text in the Markdown of `markdown`."""

    name: str
    title: str
    text: str


def topic(name: str) -> Topic:
    """Return one of the topics in NAMES."""
    first, _, text = (FOLDER / f"{name}.md").read_text("utf-8").partition("\n\n")
    return Topic(name, first.removeprefix("# "), text)


FENCE = "```"
CELL = re.compile(r"(?<!\\)\|")
EMPHASIS = re.compile(r"\*\*([^*]+)\*\*")


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Words to be filled into lines."""

    text: str


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a list."""

    text: str


@dataclass(frozen=True, slots=True)
class Code:
    """Lines to be shown as they are."""

    text: str


@dataclass(frozen=True, slots=True)
class Grid:
    """A table: its head, where texts may be empty, and its rows; all have the same number of cells."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


Block = Paragraph | Item | Code | Grid


def blocks_of(text: str) -> list[Block]:
    """Return what a text is made of, in order."""
    return [_block(chunk) for chunk in _chunks(text)]


def _chunks(text: str) -> Iterator[list[str]]:
    """Yield the lines of each block: what stands between two fences, else between blank lines."""
    chunk: list[str] = []
    fenced = False
    for line in text.splitlines():
        begins = not fenced and line.startswith((FENCE, "- "))
        if chunk and (begins or not (line or fenced)):
            yield chunk
            chunk = []
        if line or fenced:
            chunk.append(line)
        if line.startswith(FENCE):
            fenced = not fenced
    if chunk:
        yield chunk


def _block(chunk: Sequence[str]) -> Block:
    first = chunk[0]
    if first.startswith(FENCE):
        return Code("\n".join(chunk[1:-1]))
    if first.startswith("    "):
        return Code(dedent("\n".join(chunk)))
    if first.startswith("|"):
        head, _, *rows = (_cells(line) for line in chunk)
        return Grid(head, tuple(rows))
    text = EMPHASIS.sub(r"\1", " ".join(line.strip() for line in chunk))
    return Item(text.removeprefix("- ")) if first.startswith("- ") else Paragraph(text)


def _cells(line: str) -> tuple[str, ...]:
    """Return the texts of a row.

    >>> _cells("| `all` | which runs are kept: all \\\\| none |")
    ('`all`', 'which runs are kept: all | none')
    """
    return tuple(cell.strip().replace("\\|", "|") for cell in CELL.split(line.strip())[1:-1])


GAP = "  "


def as_text(text: str, *, width: int) -> str:
    """Return a topic's text in lines of at most `width` characters; code and long words stay whole."""
    blocks = blocks_of(text)
    parts: list[str] = []
    for before, block in zip([None, *blocks], blocks, strict=False):
        between = "\n" if isinstance(before, Item) and isinstance(block, Item) else "\n\n"
        parts += [between if parts else "", _shown(block, width)]
    return "".join(parts) + "\n"


def _shown(block: Block, width: int) -> str:
    if isinstance(block, Code):
        return indent(block.text, "    ")
    if isinstance(block, Grid):
        return "\n".join(table_lines(block, width=width))
    first, rest = ("- ", "  ") if isinstance(block, Item) else ("", "")
    return fill(
        block.text,
        width,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )


def table_lines(grid: Grid, *, width: int) -> Iterator[str]:
    """Yield the lines of a table whose longest columns are narrowed until it fits."""
    head = tuple(cell.upper() for cell in grid.head)
    rows = [head, *grid.rows] if any(head) else list(grid.rows)
    columns = list(zip(*rows, strict=True))
    least = [max(len(word) for cell in column for word in cell.split()) for column in columns]
    widths = _narrowed([max(map(len, column)) for column in columns], least, width)
    for row in rows:
        cells = [
            wrap(cell, size, break_long_words=False, break_on_hyphens=False)
            for cell, size in zip(row, widths, strict=True)
        ]
        for line in zip_longest(*cells, fillvalue=""):
            yield GAP.join(text.ljust(size) for text, size in zip(line, widths, strict=True)).rstrip()


def _narrowed(widths: Sequence[int], least: Sequence[int], width: int) -> list[int]:
    """Return the widths of columns that together take `width` characters, if words can be kept whole.

    >>> _narrowed([4, 100], [4, 9], 40), _narrowed([30, 30], [25, 9], 42), _narrowed([30, 30], [30, 30], 42)
    ([4, 34], [25, 15], [30, 30])
    """
    narrowed = list(widths)
    room = width - len(GAP) * (len(narrowed) - 1)
    while sum(narrowed) > room and (spare := [at for at in range(len(least)) if narrowed[at] > least[at]]):
        narrowed[max(spare, key=narrowed.__getitem__)] -= 1
    return narrowed
