"""A crontab as a plugin that people read and change: a class for each line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskrunner.crontab.comments import split_comment
from taskrunner.crontab.literals import assignment, comment, docstring, literal, mapping, visible
from taskrunner.crontab.records import Comment, Job, Left
from taskrunner.tasks import ShellTask

if TYPE_CHECKING:
    from taskrunner.crontab.records import Account, Crontab, Variables

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
