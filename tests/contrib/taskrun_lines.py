"""Commands of taskrun that stand in the files of contrib, and whether the program takes them."""

import re
import shlex

import click

from taskrunner.cli import COMMANDS, main
from tests.contrib.example_site import CONTRIB

FILES = [
    *("crontab", "logrotate", "docker/Dockerfile", "docker/compose.yaml", "docker/every-minute"),
    *("prometheus/taskrun.rules.yaml", "systemd/taskrun@.service", "systemd/taskrun@.timer"),
    *("systemd/taskrunner.toml", "systemd/sysusers.conf", "systemd/tmpfiles.conf"),
]
"""What administrators copy, but for Python and the example sites, which have tests of their own."""

COMMAND = re.compile(rf"(?<![\w.-])taskrun (?=--config|(?:{'|'.join(COMMANDS)})\b)[^;|&>`\n\\]*")
SHOWN = re.compile(r"`([^`]+)`|^#(?:   |\*)(.*)$|^(?! *#)(.*)$", re.MULTILINE)
"""Where a command stands: in backticks, in an indented or crontab line of a comment, outside of comments."""


def text_of(name: str) -> str:
    return (CONTRIB / name).read_text("utf-8")


def commands_in(text: str) -> list[str]:
    r"""Return the commands of taskrun in a text, without redirections.

    >>> commands_in("* * * * * /b/taskrun --config /a.toml cron >>/b 2>&1\n# taskrun list, `taskrun log`")
    ['taskrun --config /a.toml cron', 'taskrun log']
    """
    shown = "\n".join("".join(found) for found in SHOWN.findall(text))
    return [found.replace('"$@"', "").strip().removesuffix('"') for found in COMMAND.findall(shown)]


def fault_of(command: str) -> str:
    """Return what the program has against a command; "": nothing. Nothing is run."""
    _, *arguments = shlex.split(command)
    at = next(at for at, word in enumerate(arguments) if word in COMMANDS)
    above = click.Context(main, info_name="taskrun", obj={"config": None})
    if arguments[:at] and (at != 2 or arguments[0] != "--config"):
        return f"options before the command: {arguments[:at]}"
    found = main.get_command(above, arguments[at])
    assert found is not None
    try:
        found.make_context(arguments[at], arguments[at + 1 :], parent=above)
    except click.ClickException as error:
        return error.format_message()
    return ""
