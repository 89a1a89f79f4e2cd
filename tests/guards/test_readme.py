"""README.md: its commands do what it says."""

import re
from pathlib import Path

import click
import pytest

from taskrunner.cli import COMMANDS, main
from tests.guards.readme_session import README, Session, blocks, normalised, steps_of


def all_commands() -> list[str]:
    context = click.Context(main)
    names = []
    for name in COMMANDS:
        command = main.get_command(context, name)
        below = list(command.commands) if isinstance(command, click.Group) else []
        names += [f"taskrun {name}", *(f"taskrun {name} {inner}" for inner in below if inner != "list")]
    return names


def test_the_commands_print_what_readme_says(tmp_path: Path) -> None:
    session = Session(tmp_path.resolve())
    steps = [step for block in blocks() for step in steps_of(block)]

    for step in steps:
        assert normalised(step.printed) == normalised(session.run(step.command)), f"$ {step.command}"


@pytest.mark.parametrize("command", all_commands())
def test_every_command_has_a_transcript(command: str) -> None:
    shown = [step.command for block in blocks() for step in steps_of(block)]

    assert [] != [line for line in shown if re.search(rf"\b{command}\b", line)]


@pytest.mark.parametrize("command", all_commands())
def test_every_command_has_help(command: str) -> None:
    context, found = click.Context(main), main
    for name in command.split()[1:]:
        found = found.get_command(context, name)

    assert found.help


def test_the_first_commands_are_make_run_and_make_test() -> None:
    commands = re.findall(r"(?m)^\$ (.*)$", README.read_text("utf-8"))

    assert ["make run", "make test"] == commands[:2]
