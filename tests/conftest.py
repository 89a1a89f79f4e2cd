"""What tests of several folders need: an empty database of each kind, a store on it, a clock."""

import gc
import os
import shutil
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import pytest
from hypothesis import settings

from taskrunner.db import Database, open_database
from taskrunner.store import Store
from tests.databases import KINDS, PostgresDatabases, new_sqlite, sqlite_url
from tests.server.folder import roomy_folder
from tests.server.postgres import running_server
from tests.warm import make_forks_cheap

gc.disable()  # until all is collected: what is imported stays, and would be gone through again and again

settings.register_profile("same everywhere", derandomize=True, deadline=None)
settings.load_profile("same everywhere")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # started behind & of a shell
    signal.signal(signal.SIGINT, signal.default_int_handler)

IN_MEMORY = roomy_folder(room=4 << 30)
if not os.statvfs(IN_MEMORY).f_flag & os.ST_NOEXEC:  # tests run programs there
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(IN_MEMORY))


def pytest_collection(session: pytest.Session) -> None:
    """Let each of several testers begin to import elsewhere: what one has compiled no other has to.

    What cannot be imported is told when it is collected.
    """
    number, testers = (
        int(os.environ.get(name, "0").removeprefix("gw"))
        for name in ("PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT")
    )
    if testers > 1 and session.config.args == session.config.getini("testpaths"):
        files = sorted(Path(__file__).parent.glob("*/test_*.py"))
        first = number * len(files) // testers
        for file in (*files[first:], *files[:first]):
            with suppress(Exception):
                import_module(f"tests.{file.parent.name}.{file.stem}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes minutes: at the end all testers but one would wait for it."""
    items.sort(key=lambda item: not item.nodeid.startswith("tests/faults/"))


def pytest_collection_finish() -> None:
    """Tests fork, and so do crons that run in this process."""
    gc.enable()
    make_forks_cheap()


@pytest.fixture(scope="session", autouse=True)
def _files_in_memory_end_with_the_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Remove what a tester has made, unless it lies where --basetemp said."""
    folder = tmp_path_factory.getbasetemp()
    yield
    if folder.is_relative_to(os.environ.get("PYTEST_DEBUG_TEMPROOT", "/dev/null")):
        shutil.rmtree(folder, ignore_errors=True)


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def forward(self, seconds: float) -> float:
        self.now += seconds
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock at Fri, 15 Jan 2027 08:00:00 UTC."""
    return Clock(1_800_000_000.0)


@pytest.fixture(scope="session")
def postgres_databases() -> Iterator[PostgresDatabases]:
    """A PostgreSQL server of the tests' own; where there is none, the tests that ask for it fail."""
    with running_server() as server:
        yield PostgresDatabases(server)


@pytest.fixture
def postgres_url(postgres_databases: PostgresDatabases) -> Iterator[str]:
    """A PostgreSQL database with taskrunner's tables."""
    with postgres_databases.new() as url:
        yield url


@pytest.fixture(params=KINDS)
def database_kind(request: pytest.FixtureRequest) -> str:
    """Run a test once for each kind of database."""
    return str(request.param)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site with an SQLite database whose tables are made: to copy it is quicker."""
    folder = tmp_path_factory.mktemp("template")
    open_database(sqlite_url(folder)).close()
    return folder


@pytest.fixture
def database_url(request: pytest.FixtureRequest, database_kind: str, tmp_path: Path) -> str:
    """The database of a test, with taskrunner's tables."""
    if database_kind == "sqlite":
        return new_sqlite(tmp_path, request.getfixturevalue("sqlite_template"))
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def database_line(database_kind: str, database_url: str) -> str:
    """What the taskrunner.toml of a test says of its database; nothing where it has the default one."""
    return line_of(database_kind, database_url)


@pytest.fixture(scope="module", params=KINDS)
def module_database_line(request: pytest.FixtureRequest) -> Iterator[str]:
    """The same for a site that the tests of a module share."""
    if request.param == "sqlite":
        yield ""
        return
    with request.getfixturevalue("postgres_databases").new() as url:
        yield line_of(request.param, url)


def line_of(kind: str, url: str) -> str:
    return "" if kind == "sqlite" else f'database = "{url}"\n'


@pytest.fixture
def open_another(database_url: str) -> Iterator[Callable[[], Database]]:
    """Open the database of this test once more, as another process would."""
    opened: list[Database] = []

    def open_another() -> Database:
        opened.append(open_database(database_url))
        return opened[-1]

    yield open_another
    for database in opened:
        database.close()


@pytest.fixture
def database(open_another: Callable[[], Database]) -> Database:
    return open_another()


@pytest.fixture
def store(database: Database) -> Store:
    return Store(database)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say at the end of a run what was not tried, and why: nothing is left out in silence."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = Counter(str(report.longrepr[2]) for report in skipped if isinstance(report.longrepr, tuple))
    for reason, count in sorted(reasons.items()):
        terminalreporter.write_line(f"not tried: {count} tests: {reason.removeprefix('Skipped: ')}")


collect_ignore = ["browser", "faults/bad_tasks"]
"""What is run otherwise: with a browser, and by the program."""
