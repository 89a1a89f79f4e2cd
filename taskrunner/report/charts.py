"""Charts: of block characters for a terminal, and as inline SVG for a page.

Block characters need no colour. An SVG is stretched to the room there is; words stand beside it.
"""

from __future__ import annotations

from math import ceil, log10
from typing import TYPE_CHECKING

from taskrunner.report.markup import Markup, element

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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


SHORTEST = 0.001
"""Seconds at the left end of a logarithmic scale."""


def picture(description: str, width: float, height: float, *content: str, class_: str = "") -> Markup:
    """Return a picture that fills its place; `description` is read out instead of it."""
    named = {"class_": class_} if class_ else {}
    return element(
        "svg",
        *content,
        viewBox=f"0 0 {width:g} {height:g}",
        preserveAspectRatio="none",
        role="img",
        aria_label=description,
        **named,
    )


def time_line(columns: Mapping[str, Sequence[int]], size: int, description: str) -> Markup:
    """Return a strip of time: for each class of ink the columns it fills, each one unit wide.

    What stands in several classes is drawn in the last of them; the second one is higher than the first.
    """
    drawn = []
    for high, (ink, filled) in enumerate(columns.items()):
        steps = (f"M{at} {1 - high}h{long}v{8 + 2 * high}h-{long}z" for at, long in _runs(filled))
        drawn.append(element("path", class_=ink, d="".join(steps)))
    track = element("rect", x=0, y=1, width=size, height=8, class_="track")
    return picture(description, size, 10, track, *drawn)


def spread(p50: float, p95: float, longest: float, scale: float) -> Markup:
    """Return a bar from p50 to p95 and a thin line on to the longest, up to `scale`, logarithmic."""
    first, second, third = (_place(seconds, scale) for seconds in (p50, p95, longest))
    return picture(
        "from p50 to p95, and to the longest",
        100,
        10,
        element("rect", x=0, y=4.5, width=100, height=1, class_="guide"),
        element("rect", x=second, y=4, width=max(0.4, third - second), height=2, class_="soft-ink"),
        element("rect", x=first, y=1, width=max(1.0, second - first), height=8, class_="bar"),
    )


def share(value: float, description: str, ink: str = "bar") -> Markup:
    """Return a bar as long as a share of one."""
    width = max(0.7, 100 * min(1.0, value)) if value > 0 else 0.0
    filled = [element("rect", x=0, y=1, width=width, height=8, class_=ink)] if width else []
    return picture(
        description, 100, 10, element("rect", x=0, y=1, width=100, height=8, class_="track"), *filled
    )


def bars(values: Sequence[float], description: str) -> Markup:
    """Return upright bars."""
    most = max(values, default=0) or 1
    drawn = "".join(
        f"M{at + 0.1:g} 100v-{max(1.0, 100 * value / most):.1f}h.8V100z"
        for at, value in enumerate(values)
        if value
    )
    ground = element("rect", x=0, y=99.5, width=len(values), height=0.5, class_="guide")
    return picture(
        description, len(values), 100, ground, element("path", d=drawn, class_="bar"), class_="tall"
    )


def days(before: Sequence[float], after: Sequence[float], description: str) -> Markup:
    """Return the load of two days of 1,440 minutes: before as an area, after as another in it."""
    most = max(*before, *after, 0.001)
    quarters = range(0, 1440, 15)
    tops = [[100 - 100 * max(load[at : at + 15]) / most for at in quarters] for load in (before, after)]
    area = "M0 100" + "".join(f"V{top:.1f}h1" for top in tops[0]) + "V100z"
    solid = "M0 100" + "".join(f"V{top:.1f}h1" for top in tops[1]) + "V100z"
    return picture(
        description,
        96,
        100,
        element("path", d=area, class_="guide"),
        element("path", d=solid, class_="bar"),
        class_="tall",
    )


def _runs(filled: Sequence[int]) -> list[tuple[int, int]]:
    """Return (first, how many) of neighbouring columns.

    >>> _runs([1, 2, 3, 7])
    [(1, 3), (7, 1)]
    """
    found: list[tuple[int, int]] = []
    for at in sorted(set(filled)):
        if found and found[-1][0] + found[-1][1] == at:
            found[-1] = (found[-1][0], found[-1][1] + 1)
        else:
            found.append((at, 1))
    return found


def _place(seconds: float, scale: float) -> float:
    highest = log10(max(scale, 1.0) / SHORTEST)
    return 98 * min(1.0, max(0.0, log10(max(seconds, SHORTEST) / SHORTEST) / highest))
