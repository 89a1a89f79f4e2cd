"""How far a task has come, as a bar or as a line."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING

from taskrunner.cli.palette import DONE, TO_DO
from taskrunner.cli.render import harmless

if TYPE_CHECKING:
    from taskrunner.runner.output.gauge import Gauge

WIDEST_BAR = 40


def new_gauge() -> Gauge:
    """Return the gauge for this stdout: a bar on a terminal that can redraw a line, else plain lines."""
    from taskrunner.runner.output.gauge import Gauge

    can_redraw = sys.stdout.isatty() and os.environ.get("TERM", "dumb") not in ("", "dumb")
    return Gauge(bar if can_redraw else plain_line, redraws=can_redraw)


def plain_line(done: float, total: float, text: str) -> str:
    """Return progress as text.

    >>> plain_line(3, 4, "courses\\n"), plain_line(7, 0, "")
    ('progress: 3/4 (75 %) courses', 'progress: 7')
    """
    share = f"/{total:g} ({min(1.0, done / total):.0%})".replace("%", " %") if total > 0 else ""
    return f"progress: {done:g}{share} {_one_line(text)}".rstrip()


def bar(done: float, total: float, text: str) -> str:
    """Return progress as a bar of one line, cut to the width of the terminal."""
    from rich.console import Console
    from rich.progress_bar import ProgressBar
    from rich.text import Text

    width = shutil.get_terminal_size().columns
    room = max(10, min(WIDEST_BAR, width // 3))
    console = Console(force_terminal=True, width=room, highlight=False)
    styles = {"style": TO_DO, "complete_style": DONE, "finished_style": DONE, "pulse_style": DONE}
    drawn = ProgressBar(total=total or None, completed=min(done, total or done), width=room, **styles)  # type: ignore[arg-type]
    with console.capture() as captured:
        console.print(drawn, end="")
    numbers = f" {done:g}/{total:g} {_one_line(text)}" if total > 0 else f" {done:g} {_one_line(text)}"
    cut = Text(numbers)
    cut.truncate(max(0, width - room - 1), overflow="ellipsis")
    return captured.get().rstrip("\n") + cut.plain


def _one_line(text: str) -> str:
    return harmless(" ".join(text.split()))
