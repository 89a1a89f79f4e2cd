"""`taskrun help`: topics, commands, the man page; and that every help text can be read."""

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
from taskrunner.cli.help_text import FOLDER, NAMES, Code, Grid, Item, Paragraph, as_text, blocks_of, topic
from taskrunner.cli.man import man_page
from taskrunner.config import Config, load_config
from taskrunner.config.schema import all_settings
from tests.cli.program import PROGRAM
from tests.patience import DEADLINE

NARROW = 80
MARKDOWN = """\
Two
lines **bold**.
- one
  more
- two

```toml
a = 1

b = 2
```

    $ code

| a | |
|---|---|
| x | y |
"""


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
    return [(name, example) for name in NAMES for example in fence.findall(topic(name).text)]


def test_every_file_of_a_topic_is_one_of_the_topics() -> None:
    assert set(NAMES) == {file.stem for file in FOLDER.iterdir()}


def test_help_names_every_topic_and_command(tmp_path: Path) -> None:
    told = taskrun("help", folder=tmp_path).stdout

    assert [] == [name for name in NAMES if f"\n  {name} " not in told]
    assert [] == [name for name in COMMANDS if not re.search(rf"\b{name}\b", told)]
    assert [] == [line for line in told.splitlines() if len(line) > NARROW]


def test_a_topic_is_shown_with_its_title(tmp_path: Path) -> None:
    told = taskrun("help", "exit-codes", folder=tmp_path).stdout

    assert told.startswith(
        "What taskrun ends with\n\nCODE      MEANS\n0         done, also when nothing was due"
    )


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


@pytest.mark.parametrize("name", NAMES)
def test_a_topic_fits_a_narrow_terminal_but_for_code_and_long_words(name: str) -> None:
    lines = as_text(topic(name).text, width=NARROW).splitlines()

    too_long = [line for line in lines if len(line) > NARROW and not line.startswith("    ")]
    assert [] == [line for line in too_long if max(map(len, line.split())) < NARROW // 4]


@pytest.mark.parametrize("name", NAMES)
def test_nothing_of_a_topic_is_lost_in_a_terminal(name: str) -> None:
    words = re.findall(r"\w+", re.sub(r"(?m)^```\w*$", "", topic(name).text).lower())

    assert sorted(set(words)) == sorted(set(re.findall(r"\w+", as_text(topic(name).text, width=500).lower())))


def test_markdown_is_read_block_by_block() -> None:
    assert [
        Paragraph("Two lines bold."),
        Item("one more"),
        Item("two"),
        Code("a = 1\n\nb = 2"),
        Code("$ code"),
        Grid(("a", ""), (("x", "y"),)),
    ] == blocks_of(MARKDOWN)


def test_every_setting_is_explained_in_a_topic() -> None:
    explained = " ".join(topic(name).text for name in NAMES)
    settings = {keys[-1] for keys in all_settings(Config)}

    assert [] == sorted(name for name in settings if not re.search(rf"\b{name}\b", explained))


def test_every_exit_code_of_an_error_is_explained() -> None:
    [table] = [block for block in blocks_of(topic("exit-codes").text) if isinstance(block, Grid)]
    explained = {int(code) for row in table.rows for code in row[0].split(",")}

    assert (
        set() == {error.exit_code for error in vars(errors).values() if isinstance(error, type)} - explained
    )


@pytest.mark.parametrize(("name", "example"), fenced("toml"))
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
    return man_page(click.Context(main, info_name="taskrun"))


def test_the_man_page_has_every_command_and_topic(page: str) -> None:
    sections = re.findall(r"(?m)^\.S[SH] (.*)$", page.replace("\\-", "-"))

    assert [] == [path for path in CONTEXTS if path not in sections]
    assert [] == [name for name in NAMES if name.upper() not in sections and name != "exit-codes"]
    assert {"NAME", "SYNOPSIS", "EXIT STATUS"} <= set(sections)


def test_the_man_page_is_ascii_and_has_no_request_but_those_of_man(page: str) -> None:
    requests = set(re.findall(r"(?m)^[.'](\w*)", page))

    assert page.isascii()
    assert {"TH", "SH", "SS", "PP", "TP", "IP", "B", "BR", "EX", "EE", "in", "nh"} == requests


def test_the_man_page_escapes_what_roff_would_obey(page: str) -> None:
    known = {"e", "-", "(", "[", "f", "&"}

    assert known >= {
        page[at + 1] for at, letter in enumerate(page) if letter == "\\" and page[at - 1] != "\\"
    }
