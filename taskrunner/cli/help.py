"""taskrun help: the topics, the commands, and both as a man page."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import click

from taskrunner.cli.render import say, show_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from click.shell_completion import CompletionItem

WIDEST = 100
"""Characters of a line: as wide as the help of a command."""


def _complete(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the topics and commands that begin so; they are few, and need no site."""
    from click.shell_completion import CompletionItem

    from taskrunner.cli.help_text import NAMES, topic

    about = {name: topic(name).title for name in NAMES}
    offered = about | dict.fromkeys(_commands(context.find_root()))
    found = [name for name in offered if name.startswith(incomplete)]
    return [CompletionItem(name, help=offered[name]) for name in found]


@click.command("help")
@click.argument("words", nargs=-1, metavar="[TOPIC | COMMAND]", shell_complete=_complete)
@click.option("--man", is_flag=True, help="Print the man page: taskrun help --man > taskrun.1")
@click.pass_context
def help_(context: click.Context, words: tuple[str, ...], man: bool) -> None:
    """Explain a topic or a command. Without either: list the topics."""
    program = context.find_root()
    if man:
        from taskrunner.cli.man import man_page

        say(man_page(program), nl=False)
    elif words:
        show_text("\n".join(_explained(program, words)))
    else:
        show_text("\n".join(_contents(program)) + "\n")


def _contents(program: click.Context) -> Iterator[str]:
    """Yield the lines of the table of contents."""
    from taskrunner.cli.help_text import NAMES, topic

    yield "taskrun help TOPIC"
    yield from (f"  {name:<12} {topic(name).title}" for name in NAMES)
    yield "\ntaskrun help COMMAND"
    yield click.wrap_text(", ".join(_commands(program)), _width(), "  ", "  ")
    yield "\nAll of it: taskrun help --man | man -l -"


def _explained(program: click.Context, words: tuple[str, ...]) -> Iterator[str]:
    """Yield the topic, the help of the command, or both, as `config` is."""
    from taskrunner.cli.help_text import NAMES, as_text, topic

    name = " ".join(words)
    if name in NAMES:
        found = topic(name)
        yield f"{found.title}\n\n{as_text(found.text, width=_width())}"
    if name not in NAMES or name in _commands(program):
        yield _help_of(program, words) + "\n"


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
    from difflib import get_close_matches

    from taskrunner.cli.help_text import NAMES

    known = _commands(context) + (list(NAMES) if context.parent is None else [])
    near = get_close_matches(word, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _commands(context: click.Context) -> list[str]:
    group = context.command
    return group.list_commands(context) if isinstance(group, click.Group) else []


def _width() -> int:
    return min(shutil.get_terminal_size().columns, WIDEST)
