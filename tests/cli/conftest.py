"""Sites for the real program, and sites whose processes are ended with the test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.processes import RealSite
from tests.cli.program import FORUM, Program


@pytest.fixture
def sqlite_template() -> None:
    """None: the first command makes the database."""


@pytest.fixture
def site(tmp_path: Path, database_line: str) -> Program:
    """A site with a plugin `forum`, where nothing ran yet."""
    program = Program(tmp_path, database_line=database_line)
    program.configure()
    program.write("forum", FORUM)
    return program


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory, module_database_line: str) -> Program:
    """A site where tasks ran, failed and wait; its tests only read."""
    program = Program(tmp_path_factory.mktemp("used"), database_line=module_database_line)
    program.configure()
    program.write("forum", FORUM)
    program.prints("cron")
    program.prints("run-task", "Mail", "--data", '{"to": "Ada"}')
    program.prints("schedule", "Quiet", "17 4 * * *")
    return program


@pytest.fixture
def live(tmp_path: Path, database_line: str) -> Iterator[RealSite]:
    """A site whose tasks a test can hold at a gate."""
    live = RealSite.made_in(tmp_path, database_line)
    yield live
    live.end()
