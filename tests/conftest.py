"""What tests of several folders need: an empty database of each kind, a store on it, a clock."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from taskrunner.db import Database, open_database
from taskrunner.store import Store

DATABASES: dict[str, Callable[[Path], Database]] = {
    "sqlite": lambda folder: open_database(f"sqlite:{folder / 'state' / 'taskrunner.db'}"),
}
"""How to open the database of a folder, of each kind; a new one has nothing but its tables."""


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


@pytest.fixture(params=DATABASES)
def open_another(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Database]]:
    """Open the database of this test once more, as another process would."""
    opened: list[Database] = []

    def open_another() -> Database:
        opened.append(DATABASES[request.param](tmp_path))
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
