"""Records as people and programs read them: a table, aligned text, JSON, CSV.

A table has one line per row. Where a terminal is too narrow, columns that can be cut are cut first, down to
their `least` characters. Then columns leave, in the order of their `leaves`: 1 is the first to go. What room
is left goes to those that were cut, the narrowest first.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, TypeVar

import click

from taskrunner.named_tuple import NamedTuple
from taskrunner.views.columns import as_json, csv_lines, harmless

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from taskrunner.runner.console import ProgressLine
    from taskrunner.views.columns import Column, Context, Listing, Record

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


F = TypeVar("F", bound="Callable[..., Any]")
T = TypeVar("T")


def format_options(function: F) -> F:
    """Give a reading command --full, --json and --csv, as `output_format`."""
    function = click.option(
        "--full", "output_format", flag_value="full", help="Cut nothing to the width of the terminal."
    )(function)
    function = click.option("--csv", "output_format", flag_value="csv", help="Print CSV with a header line.")(
        function
    )
    return click.option("--json", "output_format", flag_value="json", help="Print one JSON array.")(function)


def json_option(function: F) -> F:
    """Give a reading command --json, as `output_format`."""
    return click.option("--json", "output_format", flag_value="json", help="Print one JSON array.")(function)


def is_for_programs(output_format: str | None) -> bool:
    """Return whether JSON or CSV was asked for."""
    return output_format in ("json", "csv")


def show_listing(
    rows: Sequence[T], listing: Listing[T], context: Context, *, output_format: str | None, empty: str
) -> None:
    """Print rows as the user wants them; where there are none, people see `empty` on stderr."""
    if output_format == "json":
        show_json(listing.records(rows, context))
    elif output_format == "csv":
        show_csv(listing.keys, listing.records(rows, context))
    elif not rows:
        click.echo(empty, err=True)
    else:
        fits = sys.stdout.isatty() and output_format != "full"
        cells = listing.cells(rows, context, brief=fits)
        _show_table(cells, listing.shown, [STYLES[listing.style(row, context)] for row in rows], fits=fits)


def say(text: object, *, err: bool = False, nl: bool = True) -> None:
    """Print a text for people, to stderr if `err`: what of it came from a task or a file does no harm."""
    click.echo(harmless(str(text)), err=err, nl=nl)


def say_with_heading(line: str, style: str) -> None:
    """Print a line, its first word in a style where there are colours."""
    heading = line.split(" ")[0]
    click.echo(painted(heading, style) + line[len(heading) :] if style and has_colours() else harmless(line))


def show_json(records: Iterable[Record]) -> None:
    """Print one array of objects: times as ISO 8601 in UTC."""
    click.echo(as_json(list(records)))


def show_text(text: str) -> None:
    """Print a text that may be long and may hold control characters, which are made harmless."""
    show_long(harmless(text))


def show_long(text: str) -> None:
    """Print a text of our own that may be long, on a terminal with $PAGER where it does not fit."""
    from shutil import get_terminal_size

    size = get_terminal_size()
    lines = sum(1 + len(click.unstyle(line)) // max(1, size.columns) for line in text.splitlines())
    if sys.stdout.isatty() and lines >= size.lines and os.environ.get("TERM", "dumb") != "dumb":
        click.echo_via_pager(text)
    else:
        click.echo(text, nl=False)


def show_csv(keys: Sequence[str], records: Iterable[Record]) -> None:
    """Print records as CSV with a header line."""
    sys.stdout.writelines(csv_lines(keys, records))


def _show_table(
    cells: Sequence[Sequence[str]], columns: Sequence[Column[Any]], styles: Sequence[str], *, fits: bool
) -> None:
    """Print one line a row: fitted to the width of the terminal if it `fits`, else with nothing cut."""

    shorten = first_line if fits else one_line
    cells = [[harmless(shorten(cell)) for cell in row] for row in cells]
    layout = fitted(cells, columns, terminal_width()) if fits else whole(cells, columns)
    coloured = [columns[number].is_state for number in layout.shown]
    paints, printed = has_colours(), []
    for line, style in zip(lines_of(cells, columns, layout), ("", *styles), strict=True):
        if style and paints:
            shown = [
                painted(cell, style) if is_state else cell
                for cell, is_state in zip(line, coloured, strict=True)
            ]
            printed.append(GAP.join(shown))
        else:
            printed.append(GAP.join(line).rstrip())
    click.echo("\n".join(printed), color=paints)


def terminal_width() -> int:
    """Return how many columns the terminal has."""
    from shutil import get_terminal_size  # late: it brings archives, for which a shell's TAB would wait

    return get_terminal_size().columns


def has_colours() -> bool:
    """Return whether stdout is a terminal that may be sent colours."""
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") not in ("", "dumb")


def painted(text: str, style: str) -> str:
    """Return a text in a style; its blanks at the end stay plain."""
    word = text.rstrip()
    options: dict[str, Any] = {"dim": True} if style == ASIDE else {"fg": style}
    return click.style(word, **options) + text[len(word) :] if word else text


BAD = "red"
"""What failed, or keeps a task from running."""

ASIDE = "dim"
"""What does not run, and is not meant to."""

LATE = "magenta"
"""What is paused, or waits longer than it should; yellow cannot be read on white."""

STYLES = {"bad": BAD, "aside": ASIDE, "late": LATE, "": ""}
"""How views say that a row is shown -> its colour."""

DONE = "magenta"
TO_DO = "bright_black"
"""The two parts of a bar."""


WIDEST_BAR = 40


def new_progress_line() -> ProgressLine:
    """Return the progress line for this stdout: a bar where a line can be redrawn, else plain lines."""
    from taskrunner.runner.console import ProgressLine

    can_redraw = sys.stdout.isatty() and os.environ.get("TERM", "dumb") not in ("", "dumb")
    return ProgressLine(bar if can_redraw else plain_line, redraws=can_redraw)


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

    width = terminal_width()
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
