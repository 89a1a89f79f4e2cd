"""The man page, from the commands and the topics; the macros are those of man(7)."""

from __future__ import annotations

import re
from inspect import cleandoc
from textwrap import wrap
from typing import TYPE_CHECKING

import click

from taskrunner import __version__
from taskrunner.cli.help_text import NAMES, Code, Grid, Item, Paragraph, blocks_of, table_lines, topic

if TYPE_CHECKING:
    from collections.abc import Iterator

    from taskrunner.cli.help_text import Block

SECTIONS = {"exit-codes": "EXIT STATUS"}
"""Topics whose section has the name that man pages give it."""

SUMMARY = "run scheduled and queued Python tasks from one crontab line"
COMMON = {"--config", "--help"}
"""Options that are described once, for all commands; so are those whose value is `output_format`."""

WIDTH = 72
"""Of tables and code: what a terminal of 80 characters shows of lines that are not filled."""

WIDEST_INPUT = 78
"""Of lines that are filled: what mandoc's linter asks for."""

CODE = re.compile(r"`([^`]+)`")
SPECIAL = {"\\": r"\e", "-": r"\-", "'": r"\(aq", "^": r"\(ha", "~": r"\(ti", "`": r"\(ga"}


def man_page(program: click.Context) -> str:
    """Return taskrun(1), as `man` reads it."""
    return "\n".join(_lines(program)) + "\n"


def _lines(program: click.Context) -> Iterator[str]:
    yield f'.TH TASKRUN 1 "" "taskrunner {__version__}" "User Commands"'
    yield ".nh"
    yield from (".SH NAME", rf"taskrun \- {SUMMARY}")
    yield from (".SH SYNOPSIS", r".B taskrun", r"[\-\-config FILE] COMMAND [ARGUMENTS]...")
    yield from (".SH DESCRIPTION", *_filled(program.command.help or ""))
    yield ".SH OPTIONS"
    for parameter in program.command.get_params(program):
        yield from _option(parameter)
    yield from (
        *(".TP", r"\fB\-\-json\fR, \fB\-\-csv\fR"),
        "For programs: one array of objects; commands that show a table have both.",
    )
    yield ".SH COMMANDS"
    yield from _commands(program)
    for name in NAMES:
        found = topic(name)
        yield from (f".SH {SECTIONS.get(name, name.upper())}", f".B {_plain(found.title)}.")
        for block in blocks_of(found.text):
            yield from _block(block)
    yield from (".SH SEE ALSO", ".BR crontab (5),", ".BR cron (8),", ".BR systemd.timer (5)")


def _commands(above: click.Context) -> Iterator[str]:
    group = above.command
    if not isinstance(group, click.Group):
        return
    for name in group.list_commands(above):
        if (command := group.get_command(above, name)) is None:
            continue
        context = click.Context(command, info_name=name, parent=above)
        yield f".SS {_plain(context.command_path)}"
        pieces = " ".join(command.collect_usage_pieces(context))
        yield rf"\fB{_plain(context.command_path)}\fR {_plain(pieces)}"
        yield from _paragraphs(command.help or "")
        for parameter in command.get_params(context):
            if parameter.name != "output_format" and not COMMON & set(parameter.opts):
                yield from _option(parameter)
        yield from _commands(context)


def _paragraphs(text: str) -> Iterator[str]:
    r"""Yield the help text of a command; click shows a paragraph that begins with \b as it is."""
    for paragraph in cleandoc(text).split("\n\n"):
        if paragraph.startswith("\b"):
            yield from _block(Code(paragraph.removeprefix("\b\n")))
        else:
            yield from _block(Paragraph(paragraph))


def _option(parameter: click.Parameter) -> Iterator[str]:
    if not isinstance(parameter, click.Option):
        return
    names = ", ".join(rf"\fB{_plain(name)}\fR" for name in sorted(parameter.opts, key=len))
    yield from (".TP", names + _value(parameter), *_filled(parameter.help or ""))


def _value(option: click.Option) -> str:
    if option.is_flag or option.count:
        return ""
    words = option.type.choices if isinstance(option.type, click.Choice) else ()
    return rf" \fI{_plain(option.metavar or '|'.join(map(str, words)) or 'VALUE')}\fR"


def _block(block: Block) -> Iterator[str]:
    match block:
        case Paragraph():
            yield from (".PP", *_filled(block.text))
        case Item():
            yield from (r".IP \(bu 2", *_filled(block.text))
        case Code():
            yield from (".PP", ".in +2n", ".EX", *map(_line, block.text.splitlines()), ".EE", ".in")
        case Grid() if len(block.head) == 2:  # noqa: PLR2004
            for term, meaning in block.rows:
                yield from (".TP", _inline(term), *_filled(meaning))
        case Grid():
            yield from (".PP", ".EX", *map(_line, table_lines(block, width=WIDTH)), ".EE")


def _filled(text: str) -> Iterator[str]:
    """Yield a text in lines that roff fills anew."""
    lines = wrap(_inline(text), WIDEST_INPUT, break_long_words=False, break_on_hyphens=False)
    yield from map(_safe, lines)


def _inline(text: str) -> str:
    r"""Return a text whose `code` is bold.

    >>> _inline("`.x` is - so to say - 'it'")
    '\\fB.x\\fR is \\- so to say \\- \\(aqit\\(aq'
    """
    parts = CODE.split(text)
    return _safe(
        "".join(rf"\fB{_plain(part)}\fR" if at % 2 else _plain(part) for at, part in enumerate(parts))
    )


def _line(text: str) -> str:
    return _safe(_plain(text))


def _safe(line: str) -> str:
    """Return a line that is no request of roff."""
    return rf"\&{line}" if line.startswith((".", r"\(aq")) else line


def _plain(text: str) -> str:
    """Return a text in ASCII that roff prints as it is: "\\[u2026]" for an ellipsis."""
    shown = "".join(SPECIAL.get(character, character) for character in text)
    return "".join(letter if letter.isascii() else rf"\[u{ord(letter):04X}]" for letter in shown)
