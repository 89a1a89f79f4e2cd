"""taskrun help: the pages of the documentation, and the help of each command."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from taskrunner.cli.render import show_long, show_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from click.shell_completion import CompletionItem

WIDEST = 100
"""Characters of a line: as wide as the help of a command."""

LISTED = re.compile(r"(?m)^- \[[^\]]+\]\(([\w-]+)\.md\): (.*)$")
"""A line of the index: the file of a page, and what it is about."""

STYLES = {"markdown.code": "bold", "markdown.table.header": "bold", "markdown.table.border": "dim"}
"""Of a topic on a terminal: readable on any background."""


def pages() -> Path:
    """Return the folder of the pages: in the package where a wheel was installed, else beside it."""
    package = Path(__file__).parents[1]
    installed = package / "docs"
    return installed if installed.is_dir() else package.parent / "docs"


def topics() -> dict[str, str]:
    """Return what each topic is about, by its name, in the order of the index."""
    index = (pages() / "index.md").read_text("utf-8")
    return dict(LISTED.findall(index))


def topic(name: str) -> str:
    """Return the text of a topic, in Markdown."""
    return (pages() / f"{name}.md").read_text("utf-8")


def _complete(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the topics and commands that begin so; they are few, and need no site."""
    from click.shell_completion import CompletionItem

    offered = topics() | dict.fromkeys(_commands(context.find_root()))
    found = [name for name in offered if name.startswith(incomplete)]
    return [CompletionItem(name, help=offered[name]) for name in found]


@click.command("help")
@click.argument("words", nargs=-1, metavar="[TOPIC | COMMAND]", shell_complete=_complete)
@click.pass_context
def help_(context: click.Context, words: tuple[str, ...]) -> None:
    """Explain a topic or a command. Without either: list the topics."""
    program = context.find_root()
    if words:
        show_long("\n".join(_explained(program, words)))
    else:
        show_text("\n".join(_contents(program)) + "\n")


def _contents(program: click.Context) -> Iterator[str]:
    """Yield the lines of the table of contents."""
    described = topics()
    width = max(map(len, described))
    yield "taskrun help TOPIC"
    yield from (f"  {name:<{width}}  {about}" for name, about in described.items())
    yield "\ntaskrun help COMMAND"
    yield click.wrap_text(", ".join(_commands(program)), _width(), "  ", "  ")


def _explained(program: click.Context, words: tuple[str, ...]) -> Iterator[str]:
    """Yield the topic, the help of the command, or both, as `config` is."""
    name = " ".join(words)
    is_topic = name in topics()
    if is_topic:
        yield _rendered(topic(name)) if sys.stdout.isatty() else topic(name)
    if not is_topic or name in _commands(program):
        yield _help_of(program, words) + "\n"


def _rendered(text: str) -> str:
    """Return Markdown as a terminal shows it."""
    from rich.console import Console
    from rich.markdown import Markdown
    from rich.theme import Theme

    console = Console(width=_width(), theme=Theme(STYLES))
    with console.capture() as capture:
        # A theme without a background, and links as text: those to files lead nowhere in a terminal.
        console.print(Markdown(text, code_theme="ansi_light", hyperlinks=False))
    return capture.get()


def _help_of(program: click.Context, words: tuple[str, ...]) -> str:
    """Return what `taskrun WORDS --help` shows."""
    context = program
    for word in words:
        group = context.command
        command = group.get_command(context, word) if isinstance(group, click.Group) else None
        if command is None:
            raise click.UsageError(
                f"no topic or command {' '.join(words)!r}{_nearest(context, word)}", program
            )
        context = click.Context(command, info_name=word, parent=context)
    return context.get_help()


def _nearest(context: click.Context, word: str) -> str:
    from taskrunner.validate import did_you_mean

    known = _commands(context) + (list(topics()) if context.parent is None else [])
    return did_you_mean(word, known)


def _commands(context: click.Context) -> list[str]:
    group = context.command
    return group.list_commands(context) if isinstance(group, click.Group) else []


def _width() -> int:
    return min(shutil.get_terminal_size().columns, WIDEST)
