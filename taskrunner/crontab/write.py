"""A crontab as a plugin that people read and change: a class for each line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskrunner.crontab.parse import split_comment
from taskrunner.crontab.records import Comment, Job, Left
from taskrunner.tasks import ShellTask

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from taskrunner.crontab.records import Account, Crontab, Variables

LINE_LENGTH = 88
"""Characters of a line, as ruff and black have it where nobody tells them."""


def literal(text: str) -> str:
    r"""Return a text as a literal, in the quotes that need fewer backslashes.

    >>> print(literal('say "hi"'), literal("it's"), literal("a\\b\n\x1b"), literal("é\udce9"))
    'say "hi"' "it's" "a\\b\n\x1b" "é\udce9"
    """
    quote = "'" if text.count('"') > text.count("'") else '"'
    return quote + "".join(_in_literal(character, quote) for character in text) + quote


def assignment(name: str, value: str, *, indent: int = 4) -> str:
    """Return `name = value`; in brackets on a line of its own, where it fits only there."""
    blanks = " " * indent
    is_short = indent + len(name) + len(" = ") + len(value) <= LINE_LENGTH
    fits_nowhere = indent + 4 + len(value) > LINE_LENGTH
    if is_short or fits_nowhere:
        return f"{blanks}{name} = {value}"
    return f"{blanks}{name} = (\n{blanks}    {value}\n{blanks})"


def mapping(name: str, values: Mapping[str, str]) -> str:
    """Return `name = {…}` with a line for each pair."""
    lines = [f"        {literal(key)}: {literal(value)},\n" for key, value in values.items()]
    return f"    {name} = {{\n{''.join(lines)}    }}"


def comment(text: str, *, indent: int = 0) -> str:
    r"""Return a text as a comment of one line.

    >>> comment("a\tb\n\x1b "), comment("")
    ('# a b\\n\\x1b', '#')
    """
    shown = visible(text)
    return f"{' ' * indent}# {shown}" if shown else f"{' ' * indent}#"


def docstring(lines: Sequence[str]) -> str | None:
    """Return lines as a docstring of a class, None: they hold what could end it, or what cannot be shown."""
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


def _in_literal(character: str, quote: str) -> str:
    if character in ("\\", quote):
        return f"\\{character}"
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
        assignment("cwd", literal(given["HOME"])),
    ]
    if given["SHELL"] != ShellTask.shell:
        lines.append(assignment("shell", literal(given["SHELL"])))
    if zone := variables.get("CRON_TZ"):
        lines.append(assignment("timezone", literal(zone)))
    commands_get = {key: value for key, value in given.items() if key not in NOT_FOR_COMMANDS}
    return "\n".join([*lines, mapping("environment", commands_get)])


def _from_line(name: str, variables: Variables) -> str:
    return "" if name == BASE else f" from line {variables.line} on"


def _class(job: Job, base: str) -> str:
    _, at_end = split_comment(job.entry.command)
    about = [*job.about] or [at_end or f"Line {job.line} of the crontab"]
    told = docstring(about)
    lines = [f"class {job.name}({base}):", *([f"{told}\n"] if told else []), comment(job.text, indent=4)]
    if told is None:
        lines.append(assignment("title", literal(visible(about[0]))))
    lines.append(assignment("schedule", literal(job.entry.schedule)))
    lines.append(assignment("command", literal(job.entry.command)))
    if job.entry.stdin:
        lines.append(assignment("stdin", literal(job.entry.stdin)))
    return "\n".join(lines)
