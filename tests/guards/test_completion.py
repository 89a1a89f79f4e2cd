"""A TAB in a shell, for which somebody waits: it imports little, and goes the short ways to names and ids."""

import os
import subprocess
import sys

import pytest

from tests.cli.conftest import site as site
from tests.cli.program import Program
from tests.patience import DEADLINE

DEAR = {
    *("croniter", "psycopg", "rich", "setproctitle"),
    *("importlib.metadata", "logging", "pathlib", "socket", "subprocess", "tomllib", "zoneinfo"),
    *(
        "taskrunner.config.load",
        "taskrunner.plugins.declare",
        "taskrunner.runner",
        "taskrunner.installation",
        "forum",
    ),
}
"""What completion can do without. Click is not: it knows what a word of a command line stands for."""

TELLING = """
import atexit, sys
atexit.register(lambda: print(*sys.modules, file=sys.stderr))
sys.argv = ["taskrun"]
from taskrunner.__main__ import main
main()
"""
LONG_AGO = (1_500_000_000, 1_500_000_000)


@pytest.fixture
def settled(site: Program) -> Program:
    """A site whose files are older than its caches, after the cron that wrote them."""
    for file in (site.root / "taskrunner.toml", *(site.root / "plugins").glob("*.py")):
        os.utime(file, LONG_AGO)
    site.prints("cron")
    return site


def imported_to_complete(site: Program, line: str) -> set[str]:
    """Return all that is imported by the end; `-X importtime` leaves out what `import_module` imports."""
    return set(site.completes(line, program=(sys.executable, "-c", TELLING)).stderr.split())


def test_names_need_neither_the_database_nor_the_plugins(settled: Program) -> None:
    lines = ("taskrun show forum.", "taskrun why forum.", "taskrun adhoc queue forum.")
    imported = {line: imported_to_complete(settled, line) for line in lines}

    assert [] == [line for line in lines if "taskrunner.plugins.registry" not in imported[line]]
    assert [] == [
        (line, module)
        for line in lines
        for module in imported[line] & {*DEAR, "sqlite3", "_ctypes", "taskrunner.records"}
    ]


def test_ids_are_asked_for_on_the_shortest_way(settled: Program) -> None:
    lines = ("taskrun log show ", "taskrun kill ", "taskrun why ")
    imported = {line: imported_to_complete(settled, line) for line in lines}

    assert [] == [line for line in lines if "taskrunner.store" not in imported[line]]
    assert [] == [(line, module) for line in lines for module in imported[line] & DEAR]


def test_commands_are_completed_and_listed_without_importing_any(site: Program) -> None:
    helping = TELLING.replace('["taskrun"]', '["taskrun", "--help"]')
    listing = subprocess.run(
        [sys.executable, "-c", helping], env=os.environ, capture_output=True, text=True, timeout=DEADLINE
    )
    imported = imported_to_complete(site, "taskrun ") & set(listing.stderr.split())

    assert "click" in imported
    assert set() == {name for name in imported if name.startswith("taskrunner.cli.")}
