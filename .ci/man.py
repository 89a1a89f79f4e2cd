"""Print taskrun(1), the man page: from the commands, and the pages of docs that a man page has sections for.

`python -m tests.guards.readme_session` writes it into contrib/man. The macros are those of man(7).
"""

from __future__ import annotations

import re
import sys
from inspect import cleandoc
from textwrap import wrap
from typing import TYPE_CHECKING

import click
from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

from taskrunner import __version__
from taskrunner.cli import main
from taskrunner.cli.help import topic, topics

if TYPE_CHECKING:
    from collections.abc import Iterator

SUMMARY = "run scheduled and queued Python tasks from one crontab line"
COMMON = {"--config", "--help"}
"""Options that are described once, for all commands; so are those whose value is `output_format`."""

SECTIONS = {
    "config": "CONFIGURATION",
    "schedules": "SCHEDULES",
    "environment": "ENVIRONMENT",
    "exit-codes": "EXIT STATUS",
}
"""The topics that stand in the man page as well; the others are named in it."""

WIDEST_INPUT = 78
"""Of lines that are filled: what mandoc's linter asks for."""

CODE = re.compile(r"`([^`]+)`")
SPECIAL = {"\\": r"\e", "-": r"\-", "'": r"\(aq", "^": r"\(ha", "~": r"\(ti", "`": r"\(ga"}


def man_page(program: click.Context) -> str:
    """Return the page, as `man` reads it."""
    return "\n".join(_lines(program)) + "\n"


def _lines(program: click.Context) -> Iterator[str]:
    yield f'.TH TASKRUN 1 "" "taskrunner {__version__}" "User Commands"'
    yield ".nh"
    yield from (".SH NAME", rf"taskrun \- {SUMMARY}")
    yield from (".SH SYNOPSIS", r".B taskrun", r"[\-\-config FILE] COMMAND [ARGUMENTS]...")
    yield from (".SH DESCRIPTION", *_filled(_prose(program.command.help or "")))
    yield ".SH OPTIONS"
    for parameter in program.command.get_params(program):
        yield from _option(parameter)
    yield from (
        *(".TP", r"\fB\-\-json\fR, \fB\-\-csv\fR"),
        "For programs: one array of objects; commands that show a table have both.",
    )
    yield ".SH COMMANDS"
    yield from _commands(program)
    yield from (".SH TOPICS", "Each is a page that", r"\fBtaskrun help\fR \fITOPIC\fR", "shows.")
    for name, about in topics().items():
        yield from (".TP", rf"\fB{_plain(name)}\fR", *_filled(_prose(about)))
    for name, section in SECTIONS.items():
        yield from (f".SH {section}", *_page(topic(name)))
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
            yield from _code(paragraph.removeprefix("\b\n"))
        else:
            yield from (".PP", *_filled(_prose(paragraph)))


def _option(parameter: click.Parameter) -> Iterator[str]:
    if not isinstance(parameter, click.Option):
        return
    names = ", ".join(rf"\fB{_plain(name)}\fR" for name in sorted(parameter.opts, key=len))
    yield from (".TP", names + _value(parameter), *_filled(_prose(parameter.help or "")))


def _value(option: click.Option) -> str:
    if option.is_flag or option.count:
        return ""
    words = option.type.choices if isinstance(option.type, click.Choice) else ()
    return rf" \fI{_plain(option.metavar or '|'.join(map(str, words)) or 'VALUE')}\fR"


def _page(text: str) -> Iterator[str]:
    """Yield a page of docs, without its first heading: the section has a name."""
    markdown = MarkdownIt("commonmark").enable("table")
    for block in SyntaxTreeNode(markdown.parse(text)).children[1:]:
        yield from _block(block)


def _block(block: SyntaxTreeNode) -> Iterator[str]:
    match block.type:
        case "heading":
            yield f".SS {_inline(block)}"
        case "paragraph":
            yield from (".PP", *_filled(_inline(block)))
        case "bullet_list" | "ordered_list":
            for number, item in enumerate(block.children, 1):
                mark = r"\(bu 2" if block.type == "bullet_list" else f"{number}. 3"
                yield from (f".IP {mark}", *_filled(_inline(item.children[0])))
        case "fence" | "code_block":
            yield from _code(block.content.rstrip("\n"))
        case "table":
            for term, *cells in (row.children for row in block.children[-1].children):
                yield from (".TP", _safe(_inline(term)), *_filled("; ".join(map(_inline, cells))))
        case other:
            raise ValueError(f"the man page knows no {other}")


def _inline(node: SyntaxTreeNode) -> str:
    """Return the text in a node, what is code or strong in bold."""
    if node.type in ("text", "code_inline"):
        text = _plain(node.content)
    else:
        text = " " if node.type == "softbreak" else "".join(map(_inline, node.children))
    return rf"\fB{text}\fR" if node.type in ("code_inline", "strong") else text


def _prose(text: str) -> str:
    """Return a text of click in one line, its `code` in bold."""
    parts = CODE.split(" ".join(text.split()))
    return "".join(rf"\fB{_plain(part)}\fR" if at % 2 else _plain(part) for at, part in enumerate(parts))


def _code(text: str) -> Iterator[str]:
    yield from (".PP", ".in +2n", ".EX", *(_safe(_plain(line)) for line in text.splitlines()), ".EE", ".in")


def _filled(text: str) -> Iterator[str]:
    """Yield a text in lines that roff fills anew."""
    lines = wrap(text, WIDEST_INPUT, break_long_words=False, break_on_hyphens=False)
    yield from map(_safe, lines)


def _safe(line: str) -> str:
    """Return a line that is no request of roff."""
    return rf"\&{line}" if line.startswith((".", r"\(aq")) else line


def _plain(text: str) -> str:
    r"""Return a text in ASCII that roff prints as it is: "\[u2026]" for an ellipsis."""
    shown = "".join(SPECIAL.get(character, character) for character in text)
    return re.sub(r"[^\x00-\x7f]", lambda found: rf"\[u{ord(found[0]):04X}]", shown)


if __name__ == "__main__":
    sys.stdout.write(man_page(click.Context(main, info_name="taskrun", **main.context_settings)))
