"""Pictures of block characters: a terminal shows them, no colour is needed."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

EIGHTHS = " ▏▎▍▌▋▊▉█"
RISING = " ▁▂▃▄▅▆▇█"
SHADES = " ░▒▓█"


def bar(value: float, most: float, width: int) -> str:
    """Return a bar as long as its value; what is more than nothing is seen.

    >>> bar(3, 8, 4), bar(8, 8, 4), bar(0.001, 8, 4), bar(0, 8, 4)
    ('█▌', '████', '▏', '')
    """
    eighths = round(8 * width * min(value, most) / most) if most > 0 else 0
    eighths = max(1, eighths) if value > 0 else 0
    return ("█" * (eighths // 8) + EIGHTHS[eighths % 8]).rstrip()


def profile(values: Sequence[float]) -> str:
    """Return a line that rises with the values; what is more than nothing is seen.

    >>> profile([0, 1, 4, 8])
    ' ▁▄█'
    """
    most = max(values, default=0)
    return "".join(RISING[max(1, round(8 * value / most))] if value > 0 else " " for value in values)


def shade(value: float, most: float) -> str:
    """Return how dark a cell is: blank only for nothing.

    >>> [shade(value, 8) for value in (0, 0.1, 3, 6, 8)]
    [' ', '░', '▒', '▓', '█']
    """
    return SHADES[min(4, ceil(4 * value / most))] if value > 0 else SHADES[0]


def columns(values: Sequence[float], *, height: int) -> list[str]:
    """Return upright bars, one character wide, as lines from the top.

    >>> columns([0, 1, 2, 4], height=2)
    ['   █', ' ▄██']
    """
    most = max(values, default=0)
    levels = [max(1, round(8 * height * value / most)) if value > 0 else 0 for value in values]
    return [
        "".join(RISING[max(0, min(8, level - 8 * row))] for level in levels).rstrip()
        for row in range(height - 1, -1, -1)
    ]


def grid(rows: Sequence[Sequence[float]], names: Sequence[str], *, cell: int, heading: str) -> list[str]:
    """Return rows of shaded cells, each `cell` characters wide, under a heading, their names before them.

    >>> grid([[0, 8], [2, 4]], ["00", "01"], cell=2, heading="a b")
    ['   a b', '00   ██', '01 ░░▒▒']
    """
    most = max((max(row) for row in rows), default=0)
    width = max(map(len, names))
    lines = [f"{'':{width}} {heading}"]
    for name, row in zip(names, rows, strict=True):
        lines.append(f"{name:>{width}} {''.join(shade(value, most) * cell for value in row)}".rstrip())
    return lines
