"""README.md: its commands do what it says."""

import re
from pathlib import Path

import click
import pytest

from taskrunner.cli import COMMANDS, main
from taskrunner.cli.help_text import NAMES, topic
from tests.contrib.example_site import ExampleSite
from tests.guards.readme_session import (
    MAN_PAGE,
    README,
    Session,
    blocks,
    man_page,
    normalised,
    steps_of,
    topics,
)

DOCUMENTS = sorted([*README.parent.glob("*.md"), *README.parent.glob("contrib/**/*.md")])


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


def test_make_run_prints_what_readme_says(tmp_path: Path) -> None:
    """Parts of it, with … for what is left out; it runs these three commands on the example site."""
    site = ExampleSite.copied_to(tmp_path / "example")
    told = [site.taskrun("cron", "--verbose"), site.taskrun("list"), site.taskrun("log", "--limit", "10")]
    printed = normalised("\n".join(done.stdout for done in told))

    (block,) = re.findall(r"(?s)```console\n\$ make run\n(.*?)\$ make test\n```", README.read_text("utf-8"))

    parts = [normalised(part) for part in block.split("…\n") if part]
    assert parts
    for part in parts:
        assert part in printed


def anchors(document: Path) -> set[str]:
    """Return what the headings of a document are linked by, as GitHub makes it."""
    text = re.sub(r"(?s)```.*?```", "", document.read_text("utf-8"))
    headings = re.findall(r"(?m)^#+ (.*)$", text)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(README.parent)))
def test_links_lead_somewhere(document: Path) -> None:
    text = re.sub(r"(?s)```.*?```|`[^`\n]*`", "", document.read_text("utf-8"))
    links = [link for link in re.findall(r"\]\(([^)]+)\)", text) if "://" not in link]

    for link in links:
        path, _, anchor = link.partition("#")
        target = document.parent / path if path else document
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_the_first_commands_are_make_run_and_make_test() -> None:
    commands = re.findall(r"(?m)^\$ (.*)$", README.read_text("utf-8"))

    assert ["make run", "make test"] == commands[:2]


@pytest.mark.parametrize("name", NAMES)
def test_a_topic_of_help_stands_in_readme_word_for_word(name: str) -> None:
    assert topic(name).text.strip() == topics()[name]


def test_readme_names_no_topic_that_is_not_there() -> None:
    assert set(NAMES) == set(topics())


def test_the_man_page_is_what_the_program_prints() -> None:
    """`python -m tests.guards.readme_session` writes it anew."""
    assert MAN_PAGE.read_text("utf-8") == man_page()
