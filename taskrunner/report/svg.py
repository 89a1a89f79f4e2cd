"""Figures as inline SVG: narrow enough for a phone, told apart by lightness and shape, not by colour."""

from __future__ import annotations

from math import ceil, floor, log10
from typing import TYPE_CHECKING

from taskrunner.report.markup import Markup, element, joined

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH = 360
"""Units of a figure's width; about those of a phone's screen."""

LEFT, RIGHT = 8, 352
DARKEST = 0.85
LONGEST_LABEL = 52


def figure(name: str, caption: str, description: str, height: float, *content: str) -> Markup:
    """Return a figure with its caption; `description` is read out instead of the picture. `name`: unique."""
    title = element("title", caption, id=f"{name}-title")
    told = element("desc", description, id=f"{name}-desc")
    picture = element(
        "svg",
        title,
        told,
        *content,
        viewBox=f"0 0 {WIDTH} {height:g}",
        role="img",
        aria_labelledby=f"{name}-title {name}-desc",
    )
    return element("figure", picture, element("figcaption", caption), id=name)


def intervals(rows: Sequence[tuple[str, float, float, float, str]]) -> tuple[Markup, float]:
    """Return (drawing, height) of shares with their intervals: (name, low, share, high, note) in each row."""
    parts = [_axis([(share, f"{share:.0%}") for share in (0.0, 0.25, 0.5, 0.75, 1.0)], len(rows))]
    for number, (name, low, share, high, note) in enumerate(rows):
        middle = 30 + number * 34
        parts += [
            _label(name, note, middle - 10),
            element("line", x1=_x(low), x2=_x(high), y1=middle, y2=middle, class_="thin"),
            *(
                element("line", x1=_x(at), x2=_x(at), y1=middle - 4, y2=middle + 4, class_="thin")
                for at in (low, high)
            ),
            element("circle", cx=_x(share), cy=middle, r=4, class_="ink"),
        ]
    return joined(*parts), len(rows) * 34 + 32


def spans(rows: Sequence[tuple[str, float, float, float, str]]) -> tuple[Markup, float]:
    """Return (drawing, height) of lengths on a logarithmic axis: (name, p50, p95, longest, note) in each row.

    A bar goes from p50 to p95, a thin line from there to the longest.
    """
    numbers = [max(0.001, number) for row in rows for number in row[1:4]]
    low, high = floor(log10(min(numbers))), ceil(log10(max(numbers)))
    high = max(high, low + 1)

    def share(seconds: float) -> float:
        return (log10(max(0.001, seconds)) - low) / (high - low)

    marks = [((power - low) / (high - low), _seconds(10.0**power)) for power in range(low, high + 1)]
    parts = [_axis(marks, len(rows))]
    for number, (name, p50, p95, longest, note) in enumerate(rows):
        middle = 30 + number * 34
        parts += [
            _label(name, note, middle - 10),
            element("line", x1=_x(share(p95)), x2=_x(share(longest)), y1=middle, y2=middle, class_="thin"),
            element(
                "rect",
                x=_x(share(p50)),
                y=middle - 4,
                width=max(2.0, _x(share(p95)) - _x(share(p50))),
                height=8,
                class_="ink",
            ),
        ]
    return joined(*parts), len(rows) * 34 + 32


def cells(
    rows: Sequence[Sequence[float]], names: Sequence[str], headings: Sequence[str]
) -> tuple[Markup, float]:
    """Return (drawing, height) of a grid whose cells are the darker the more they hold."""
    most = max((max(row) for row in rows), default=0.0)
    size = (RIGHT - 40) / len(headings)
    height = 14
    parts = [
        element("text", heading, x=40 + (column + 0.5) * size, y=10, class_="mark middle")
        for column, heading in enumerate(headings)
    ]
    for number, (name, row) in enumerate(zip(names, rows, strict=True)):
        top = 16 + number * height
        parts.append(element("text", name, x=34, y=top + 10, class_="mark end"))
        for column, value in enumerate(row):
            dark = DARKEST * value / most if most else 0.0
            parts.append(_cell(40 + column * size, top, size, height, dark))
    parts.append(_scale(16 + len(names) * height + 8))
    return joined(*parts), 16 + len(names) * height + 30


def bars(values: Sequence[float], *, marks: Sequence[tuple[int, str]]) -> tuple[Markup, float]:
    """Return (drawing, height) of upright bars, with `marks` (index, text) below, the highest at the side."""
    most = max(values, default=0) or 1
    step = (RIGHT - 40) / len(values)
    parts = [_level(20, f"{most:g}"), _level(120, "0")]
    for number, value in enumerate(values):
        tall = 100 * value / most
        if value:
            parts.append(
                element(
                    "rect",
                    x=40 + number * step + 0.5,
                    y=120 - tall,
                    width=step - 1,
                    height=tall,
                    class_="ink",
                )
            )
    parts += [
        element("text", text, x=40 + (at + 0.5) * step, y=134, class_="mark middle") for at, text in marks
    ]
    return joined(*parts), 140


def days(before: Sequence[float], after: Sequence[float]) -> tuple[Markup, float]:
    """Return (drawing, height) of the load of two days of 1,440 minutes: dashed before, solid after."""
    most = max(*before, *after, 0.001)
    parts = [_level(20, f"{most:.1f}"), _level(120, "0")]
    for load, name in ((before, "dashed"), (after, "line")):
        step = (RIGHT - 40) / 96
        peaks = [max(load[start : start + 15]) for start in range(0, 1440, 15)]
        points = " ".join(
            f"{'M' if number == 0 else 'L'}{40 + number * step:.1f} {120 - 100 * peak / most:.1f}"
            f"H{40 + (number + 1) * step:.1f}"
            for number, peak in enumerate(peaks)
        )
        parts.append(element("path", d=points, class_=name))
    hours = range(0, 25, 3)
    parts += [
        element("text", f"{hour:02}", x=40 + hour / 24 * (RIGHT - 40), y=134, class_="mark middle")
        for hour in hours
    ]
    return joined(*parts), 140


def _x(share: float) -> float:
    return LEFT + 4 + min(1.0, max(0.0, share)) * (RIGHT - LEFT - 16)


def _axis(marks: Sequence[tuple[float, str]], rows: int) -> Markup:
    bottom = rows * 34 + 10
    lines = [element("line", x1=_x(at), x2=_x(at), y1=4, y2=bottom, class_="guide") for at, _ in marks]
    texts = [
        element("text", text, x=_x(at), y=bottom + 14, class_=f"mark {_anchor(at)}".rstrip())
        for at, text in marks
    ]
    return joined(*lines, *texts)


def _anchor(at: float) -> str:
    return "middle" if 0 < at < 1 else ("end" if at else "")


def _label(name: str, note: str, y: float) -> Markup:
    shown = name if len(name) <= LONGEST_LABEL else f"…{name[-LONGEST_LABEL + 1 :]}"
    return joined(
        element("text", shown, x=LEFT, y=y, class_="name"),
        element("text", note, x=RIGHT, y=y, class_="mark end"),
    )


def _cell(x: float, y: float, width: float, height: float, dark: float) -> Markup:
    return element("rect", x=x, y=y, width=width, height=height, fill_opacity=f"{dark:.3f}", class_="cell")


def _scale(y: float) -> Markup:
    boxes = [_cell(120 + number * 20, y, 20, 10, DARKEST * number / 5) for number in range(6)]
    return joined(
        element("text", "nothing", x=114, y=y + 9, class_="mark end"),
        *boxes,
        element("text", "busiest", x=246, y=y + 9, class_="mark"),
    )


def _level(y: float, text: str) -> Markup:
    return joined(
        element("line", x1=40, x2=RIGHT, y1=y, y2=y, class_="guide"),
        element("text", text, x=34, y=y + 4, class_="mark end"),
    )


def _seconds(seconds: float) -> str:
    return f"{seconds:g} s"
