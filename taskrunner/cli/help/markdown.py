"""The Markdown that topics are written in: paragraphs, `- ` items, tables, code in fences or indented."""

from __future__ import annotations

import re
from dataclasses import dataclass
from textwrap import dedent
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

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
