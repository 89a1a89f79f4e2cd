"""README.md and docs: their commands do what they say, their links lead somewhere, nothing is left out."""

import re
from pathlib import Path

import click
import pytest

from taskrunner.cli import main
from taskrunner.cli.help import topics
from tests.guards.readme_session import (
    DOCS,
    LEFT_OUT,
    MAKE_RUN,
    MAN_PAGE,
    README,
    SESSIONS,
    File,
    Session,
    excerpts,
    make_run,
    man_page,
    normalised,
    page,
    parts,
    steps,
)

TOP = README.parent
DOCUMENTS = sorted([*TOP.glob("*.md"), *TOP.glob("contrib/**/*.md"), *DOCS.rglob("*.md")])
ROOM = 200
"""Lines of README.md: the front page."""


def all_commands() -> list[str]:
    """Return every command as it is typed, those of groups included."""

    def below(group: click.Group, path: str) -> list[str]:
        names = []
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            inner = below(command, f"{path} {name}") if isinstance(command, click.Group) else []
            names += [f"{path} {name}", *inner]
        return names

    context = click.Context(main)
    return below(main, "taskrun")


@pytest.mark.parametrize("names", SESSIONS, ids=lambda names: names[0])
def test_the_commands_print_what_the_pages_say(names: tuple[str, ...], tmp_path: Path) -> None:
    session = Session(tmp_path.resolve())

    for part in (part for name in names for part in parts(page(name).read_text("utf-8"))):
        if isinstance(part, File):
            session.write(part)
        else:
            assert normalised(part.printed) == normalised(session.run(part.command)), f"$ {part.command}"


def test_every_page_with_a_transcript_is_run() -> None:
    with_transcript = {path.stem for path in DOCS.glob("*.md") if steps(path.stem)}

    assert with_transcript == {name for names in SESSIONS for name in names}


def test_every_command_has_a_transcript() -> None:
    shown = "\n".join(step.command for names in SESSIONS for name in names for step in steps(name))

    assert [] == [command for command in all_commands() if not re.search(rf"\b{command}\b", shown)]


def test_every_command_has_help() -> None:
    helpless = []
    for command in all_commands():
        context, found = click.Context(main), main
        for name in command.split()[1:]:
            found = found.get_command(context, name)
        if not found.help:
            helpless.append(command)

    assert [] == helpless


def test_make_run_prints_what_readme_says(tmp_path: Path) -> None:
    """Parts of it, with … for what is left out; it runs these three commands on the example site."""
    printed = normalised(make_run(tmp_path / "example"))

    (block,) = MAKE_RUN.findall(README.read_text("utf-8"))

    shown = [normalised(part) for part in block.split(LEFT_OUT) if part]
    assert shown
    for part in shown:
        assert part in printed


def test_parts_of_a_long_output_are_found_again_by_their_first_and_last_lines() -> None:
    shown = "…\nbegun 08:00\nold\nended\n…\nlast\n"
    printed = "noise\nbegun 09:30\nnew\nand more\nended\nnoise\nlast\n"

    assert excerpts(shown, printed) == "…\nbegun 09:30\nnew\nand more\nended\n…\nlast\n"


def anchors(document: Path) -> set[str]:
    """Return what the headings of a document are linked by, as GitHub makes it."""
    text = re.sub(r"(?s)```.*?```", "", document.read_text("utf-8"))
    headings = re.findall(r"(?m)^#+ (.*)$", text)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def dead_links(document: Path) -> list[str]:
    """Return the links of a document to files that are not there, or to headings that they do not have."""
    text = re.sub(r"(?s)```.*?```|`[^`\n]*`", "", document.read_text("utf-8"))
    dead = []
    for link in re.findall(r"\]\(([^)]+)\)", text):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = document.parent / path if path else document
        if not target.exists() or (anchor and anchor not in anchors(target)):
            dead.append(link)
    return dead


def test_links_lead_somewhere() -> None:
    assert {} == {str(path.relative_to(TOP)): dead for path in DOCUMENTS if (dead := dead_links(path))}


def test_a_dead_link_is_noticed(tmp_path: Path) -> None:
    document = tmp_path / "a.md"
    document.write_text(
        "# A b\n[1](#a-b) [2](#c) [3](b.md) [4](a.md#a-b) [5](a.md#d) [6](https://example.org)\n"
    )

    assert ["#c", "b.md", "a.md#d"] == dead_links(document)


def test_readme_is_a_front_page() -> None:
    text = README.read_text("utf-8")

    assert len(text.splitlines()) <= ROOM
    assert ["make run", "make test"] == re.findall(r"(?m)^\$ (.*)$", text)[:2]


def test_the_index_lists_every_page_and_no_other() -> None:
    assert {path.stem for path in DOCS.glob("*.md")} - {"index"} == set(topics())


def test_the_man_page_is_that_of_the_program_as_it_is() -> None:
    """`python -m tests.guards.readme_session` writes it anew."""
    assert MAN_PAGE.read_text("utf-8") == man_page()
