"""Topics as text of a given width."""

from __future__ import annotations

from itertools import zip_longest
from textwrap import fill, indent, wrap
from typing import TYPE_CHECKING

from taskrunner.cli.help.markdown import Code, Grid, Item, blocks_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from taskrunner.cli.help.markdown import Block

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
