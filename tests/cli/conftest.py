"""Sites for the real program."""

from pathlib import Path

import pytest

from tests.cli.program import FORUM, Program


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
