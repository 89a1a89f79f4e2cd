"""A crontab as a plugin that people read and change: a class for each line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskrunner.crontab.parse import split_comment
from taskrunner.crontab.records import Comment, Job, Left
from taskrunner.tasks import ShellTask

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from taskrunner.crontab.records import Account, Crontab, Variables


def mapping(name: str, values: Mapping[str, str]) -> str:
    """Return `name = {…}` with a line for each pair."""
    lines = [f"        {key!r}: {value!r},\n" for key, value in values.items()]
    return f"    {name} = {{\n{''.join(lines)}    }}"


def comment(text: str, *, indent: int = 0) -> str:
    r"""Return a text as a comment of one line.

    >>> comment("a\tb\n\x1b "), comment("")
    ('# a b\\n\\x1b', '#')
    """
    shown = visible(text)
    return f"{' ' * indent}# {shown}" if shown else f"{' ' * indent}#"


def docstring(lines: Sequence[str]) -> str | None:
    """Return lines as a docstring of a class, or None if they hold what could end it or cannot be shown."""
    texts = [line.replace("\t", " ").strip() for line in lines]
    text = "\n    ".join(texts)
    plain = all(map(str.isprintable, texts)) and "\\" not in text and '"""' not in text
    if not plain or not text or text[0] == '"' or text[-1] == '"':
        return None
    if len(texts) == 1:
        return f'    """{text}"""'
    return f'    """{texts[0]}\n\n    {text.partition(chr(10))[2].strip()}\n    """'


def visible(text: str) -> str:
    """Return a text in one line, of which every character can be shown and stored."""
    return "".join(map(_visible, text)).strip()


def _visible(character: str) -> str:
    if character == "\t":
        return " "
    return character if character.isprintable() else repr(character)[1:-1]


HEAD = '''\
"""What was in the crontab: a class for each line, to be changed as you like."""

from taskrunner.tasks import ShellTask'''

BASE = "_Crontab"

DEFAULTS = {"SHELL": "/bin/sh", "PATH": "/usr/bin:/bin"}
"""What cron sets where a crontab does not (man 5 crontab)."""

NOT_FOR_COMMANDS = frozenset({"LOGNAME", "USER"})
"""What cron sets whatever a crontab says."""


def write_plugin(crontab: Crontab) -> str:
    """Return the source of the plugin; it compiles, whatever the crontab holds.

    What is not carried over, and comments, stand as comments where they stood.
    """
    blocks, base, variables = [HEAD], "", None
    for item in crontab.items:
        if not isinstance(item, Job):
            blocks.append(_as_comment(item))
            continue
        if item.variables != variables:
            variables, base = item.variables, f"{BASE}FromLine{item.variables.line}" if base else BASE
            blocks.append(_base_class(base, variables, crontab.account))
        blocks.append(_class(item, base))
    return "\n\n\n".join(blocks) + "\n"


def _as_comment(item: Comment | Left) -> str:
    if isinstance(item, Left):
        return f"{comment(f'Line {item.line} was not carried over: {item.reason}')}\n{comment(item.text)}"
    return "\n".join(map(comment, item.texts))


def _base_class(name: str, variables: Variables, account: Account) -> str:
    given = {"HOME": account.home} | DEFAULTS | dict(variables.values)
    lines = [
        f"class {name}(ShellTask):",
        f'    """What cron gives its commands{_from_line(name, variables)}."""\n',
        f"    cwd = {given['HOME']!r}",
    ]
    if given["SHELL"] != ShellTask.shell:
        lines.append(f"    shell = {given['SHELL']!r}")
    if zone := variables.get("CRON_TZ"):
        lines.append(f"    timezone = {zone!r}")
    commands_get = {key: value for key, value in given.items() if key not in NOT_FOR_COMMANDS}
    return "\n".join([*lines, mapping("environment", commands_get)])


def _from_line(name: str, variables: Variables) -> str:
    return "" if name == BASE else f" from line {variables.line} on"


def _class(job: Job, base: str) -> str:
    _, at_end = split_comment(job.entry.command)
    about = [*job.about] or [at_end or f"Line {job.line} of the crontab"]
    documented = docstring(about)
    lines = [
        f"class {job.name}({base}):",
        *([f"{documented}\n"] if documented else []),
        comment(job.text, indent=4),
    ]
    if documented is None:
        lines.append(f"    title = {visible(about[0])!r}")
    lines.append(f"    schedule = {job.entry.schedule!r}")
    lines.append(f"    command = {job.entry.command!r}")
    if job.entry.stdin:
        lines.append(f"    stdin = {job.entry.stdin!r}")
    return "\n".join(lines)
