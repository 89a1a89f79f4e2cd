"""`taskrun help`: topics and commands; the man page; and that every help text can be read."""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from taskrunner import errors
from taskrunner.cli import COMMANDS, main
from taskrunner.cli.help import topic, topics
from taskrunner.config import Config, load_config
from taskrunner.config.schema import all_settings
from tests.cli.program import PROGRAM, Program
from tests.guards.readme_session import DOCS, man_page
from tests.patience import DEADLINE

NARROW = 80
NAMES = list(topics())


def taskrun(*arguments: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*PROGRAM, *arguments],
        cwd=folder,
        env={"HOME": str(folder), "PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(filter(None, sys.path))},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=DEADLINE,
    )


def test_the_list_of_commands_says_what_the_help_of_each_says() -> None:
    context = click.Context(main, info_name="taskrun")
    commands = {name: main.get_command(context, name) for name in COMMANDS}

    assert {name: about for name, (_, about) in COMMANDS.items()} == {
        name: command and command.get_short_help_str(1000) for name, command in commands.items()
    }


def commands_below(above: click.Context) -> Iterator[click.Context]:
    """Yield the context of each command, and of those below it."""
    group = above.command
    assert isinstance(group, click.Group)
    for name in group.list_commands(above):
        command = group.get_command(above, name)
        assert command is not None
        context = click.Context(command, info_name=name, parent=above, terminal_width=NARROW)
        yield context
        if isinstance(command, click.Group):
            yield from commands_below(context)


PROGRAM_CONTEXT = click.Context(main, info_name="taskrun", terminal_width=NARROW)
CONTEXTS = {context.command_path: context for context in commands_below(PROGRAM_CONTEXT)}


def fenced(language: str) -> list[tuple[str, str]]:
    """Return the examples in a language, each with the topic it stands in."""
    fence = re.compile(rf"(?s)```{language}\n(.*?)```")
    return [(name, example) for name in NAMES for example in fence.findall(topic(name))]


def test_help_names_every_topic_and_command(tmp_path: Path) -> None:
    told = taskrun("help", folder=tmp_path).stdout

    assert [] == [name for name in NAMES if f"\n  {name} " not in told]
    assert [] == [name for name in COMMANDS if not re.search(rf"\b{name}\b", told)]
    assert [] == [line for line in told.splitlines() if len(line) > NARROW]


def test_a_topic_in_a_pipe_is_the_page_as_it_stands(tmp_path: Path) -> None:
    told = taskrun("help", "exit-codes", folder=tmp_path).stdout

    assert told == (DOCS / "exit-codes.md").read_text("utf-8")


def test_a_topic_on_a_terminal_is_laid_out(tmp_path: Path) -> None:
    shown = click.unstyle(Program(tmp_path, {"PAGER": "cat"}).shows("help", "exit-codes"))

    assert re.search(r"(?m)^ *Exit codes *$", shown)
    assert re.search(r"(?m)^ 75 +Busy, or the database did not answer in time: try\b", shown)
    assert "`" not in shown and "|---" not in shown


@pytest.mark.parametrize("command", ["list", "adhoc queue", "log"])
def test_help_of_a_command_is_what_its_option_help_prints(tmp_path: Path, command: str) -> None:
    shown = taskrun(*command.split(), "--help", folder=tmp_path).stdout

    assert shown == taskrun("help", *command.split(), folder=tmp_path).stdout


def test_a_word_that_is_topic_and_command_gets_both(tmp_path: Path) -> None:
    told = taskrun("help", "config", folder=tmp_path).stdout

    assert "[cron]\n" in told and "\nUsage: taskrun config [OPTIONS]\n" in told


@pytest.mark.parametrize(
    ("typed", "meant"), [("shedules", "schedules"), ("lst", "list"), ("adhoc canel", "cancel")]
)
def test_a_mistyped_word_gets_the_nearest_one(tmp_path: Path, typed: str, meant: str) -> None:
    done = taskrun("help", *typed.split(), folder=tmp_path)

    assert (2, "") == (done.returncode, done.stdout)
    assert f"no topic or command '{typed}'; did you mean '{meant}'?" in done.stderr


def test_without_a_command_a_newcomer_is_told_where_to_begin(tmp_path: Path) -> None:
    done = taskrun(folder=tmp_path)

    assert "New here?  taskrun init DIR " in done.stdout + done.stderr


def test_every_setting_is_explained_in_a_topic() -> None:
    explained = " ".join(map(topic, NAMES))
    settings = {keys[-1] for keys in all_settings(Config)}

    assert [] == sorted(name for name in settings if not re.search(rf"\b{name}\b", explained))


def test_every_exit_code_of_an_error_is_explained() -> None:
    rows = re.findall(r"(?m)^\| ([\d, ]+) \|", topic("exit-codes"))
    explained = {int(code) for row in rows for code in row.split(",")}

    assert (
        set() == {error.exit_code for error in vars(errors).values() if isinstance(error, type)} - explained
    )


@pytest.mark.parametrize(
    ("name", "example"), [found for found in fenced("toml") if "pyproject.toml" not in found[1]]
)
def test_an_example_of_the_configuration_can_be_loaded(tmp_path: Path, name: str, example: str) -> None:
    (tmp_path / "taskrunner.toml").write_text(example, "utf-8")
    environ = {"PING_URL": "https://example.org/ping", "HOME": str(tmp_path)}

    config = load_config(None, environ=environ, cwd=tmp_path)

    public = config.public()
    assert {} != {key: public[key] for key in tomllib.loads(example)}


@pytest.mark.parametrize(("name", "example"), fenced("python"))
def test_an_example_in_python_is_python(name: str, example: str) -> None:
    assert compile(example.replace("…", "..."), name, "exec")


@pytest.mark.parametrize("path", ["taskrun", *CONTEXTS])
def test_the_help_of_a_command_is_complete_in_80_columns(path: str) -> None:
    context = PROGRAM_CONTEXT if path == "taskrun" else CONTEXTS[path]
    shown = context.get_help()

    assert [] == [line for line in shown.splitlines() if len(line) > NARROW]
    assert [] == re.findall(r"(?m)^  [a-z-]+ .*\.\.\.$", shown), "a summary is cut"
    options = [option for option in context.command.get_params(context) if isinstance(option, click.Option)]
    assert [] == [option.name for option in options if not option.help]


@pytest.fixture(scope="module")
def page() -> str:
    return man_page()


def test_the_man_page_has_every_command_and_topic(page: str) -> None:
    sections = re.findall(r"(?m)^\.S[SH] (.*)$", page.replace("\\-", "-"))

    assert [] == [path for path in CONTEXTS if path not in sections]
    assert [] == [name for name in NAMES if f".TP\n\\fB{name}\\fR\n" not in page.replace("\\-", "-")]
    assert {"NAME", "SYNOPSIS", "CONFIGURATION", "SCHEDULES", "ENVIRONMENT", "EXIT STATUS"} <= set(sections)


def test_the_man_page_is_ascii_and_has_no_request_but_those_of_man(page: str) -> None:
    requests = set(re.findall(r"(?m)^[.'](\w*)", page))

    assert page.isascii()
    assert {"TH", "SH", "SS", "PP", "TP", "IP", "B", "BR", "EX", "EE", "in", "nh"} == requests


def test_the_man_page_escapes_what_roff_would_obey(page: str) -> None:
    known = {"e", "-", "(", "[", "f", "&"}

    assert known >= {
        page[at + 1] for at, letter in enumerate(page) if letter == "\\" and page[at - 1] != "\\"
    }
