"""The bench still measures what it says: every part of it, with next to nothing to do."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from taskrunner.db import Database, open_database
from tests.benchmarks import (
    admin,
    disk,
    drain,
    idle,
    instructions,
    large,
    operator,
    peers,
    queue,
    report,
    web,
)
from tests.benchmarks.__main__ import ALONE
from tests.benchmarks.sites import Databases, databases

COUNTS = count(1)
"""What valgrind would count."""

TINY: list[tuple[ModuleType, dict[str, Any], int]] = [
    (admin, {"SIZES": ((2, 10), (3, 20)), "A_PLUGIN": 2, "ROUNDS": 1, "REQUESTS": 13, "QUEUED": 2}, 28),
    (disk, {"TASKS": 3, "ROUNDS": 1}, 1),
    (drain, {"TASKS": 3, "ROUNDS": 1, "PROCESSES": (1,), "MANY": 5, "PAGE": 2}, 6),
    (idle, {"ROUNDS": 1, "MANY": 5}, 6),
    (
        instructions,
        {"FEW": 1, "MANY": 2, "SCHEDULED": 2, "HAS_VALGRIND": True, "_count": lambda *_: next(COUNTS)},
        14,
    ),
    (large, {"SMALL": 20, "LARGE": 40, "SCHEDULED": 20, "ROUNDS": 1, "BATCH": 2}, 12),
    (operator, {"ROUNDS": 1, "LENGTHS": (20, 40)}, 5),
    (queue, {"LENGTHS": (5,), "CLAIMS": 2, "BULK": 3}, 6),
    (report, {"ROUNDS": 1, "FILES": 3}, 1),
    (web, {"ROUNDS": 1, "VISITS": 3}, 4),
]


@pytest.fixture(scope="module")
def all_databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    with databases(tmp_path_factory.mktemp("bench")) as found:
        yield found


@pytest.fixture
def closing(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Close what the bench opens: it leaves that to the end of its process."""
    opened: list[Database] = []

    def opening(url: str) -> Database:
        opened.append(open_database(url))
        return opened[-1]

    for part in (large, queue):
        monkeypatch.setattr(part, "open_database", opening)
    yield
    for database in opened:
        database.close()


@pytest.mark.usefixtures("closing")
@pytest.mark.parametrize(
    ("part", "sizes", "fewest"), TINY, ids=[part.__name__.rpartition(".")[2] for part, _, _ in TINY]
)
def test_each_part_of_the_bench_gives_its_lines(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    all_databases: Databases,
    part: ModuleType,
    sizes: dict[str, Any],
    fewest: int,
) -> None:
    for name, value in sizes.items():
        monkeypatch.setattr(part, name, value)
    monkeypatch.setattr(peers, "PEERS", ())

    lines = list(part.measure(tmp_path) if part in ALONE else part.measure(tmp_path, all_databases))

    assert len(lines) >= fewest
    assert all(line.milliseconds > 0 and line.beside_milliseconds > 0 for line in lines)
