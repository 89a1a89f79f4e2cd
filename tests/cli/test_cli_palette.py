"""Colours that can be read on a dark terminal and on a light one."""

import pytest
from rich.style import Style
from rich.terminal_theme import TerminalTheme

from taskrunner.cli import render as palette

XTERM = TerminalTheme(
    background=(0, 0, 0),
    foreground=(229, 229, 229),
    normal=[
        (0, 0, 0),
        (205, 0, 0),
        (0, 205, 0),
        (205, 205, 0),
        (0, 0, 238),
        (205, 0, 205),
        (0, 205, 205),
        (229, 229, 229),
    ],
    bright=[
        (127, 127, 127),
        (255, 0, 0),
        (0, 255, 0),
        (255, 255, 0),
        (92, 92, 255),
        (255, 0, 255),
        (0, 255, 255),
        (255, 255, 255),
    ],
)
"""What xterm shows for the 16 colours."""

BLACK, WHITE = (0, 0, 0), (255, 255, 255)
STYLES = {name: getattr(palette, name) for name in ("BAD", "ASIDE", "LATE", "DONE", "TO_DO")}


def luminance(colour: tuple[int, int, int]) -> float:
    """As WCAG 2 has it: https://www.w3.org/TR/WCAG21/#dfn-relative-luminance."""
    shares = (part / 255 for part in colour)
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: tuple[int, int, int], other: tuple[int, int, int]) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def readable(style: Style, background: tuple[int, int, int]) -> bool:
    """Text of the terminal's own colour can be read; half of it, where it is dim, nearly as well."""
    if style.color is None:
        return True
    return contrast(tuple(style.color.get_truecolor(XTERM)), background) >= 2.5


def test_the_measure_is_that_of_wcag() -> None:
    assert contrast(BLACK, WHITE) == pytest.approx(21)
    assert not readable(Style.parse("bright_yellow"), WHITE)
    assert not readable(Style.parse("blue"), BLACK)


@pytest.mark.parametrize("background", [BLACK, WHITE])
@pytest.mark.parametrize("name", STYLES)
def test_a_colour_can_be_read(name: str, background: tuple[int, int, int]) -> None:
    style = Style.parse(STYLES[name])

    assert readable(style, background)
    assert style.bgcolor is None
