"""Large tables: 10,000 scheduled tasks, 1,000,000 waiting ones, a log of 1,000,000 runs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from taskrunner.db import open_database
from taskrunner.records import ClaimInfo
from taskrunner.store import Store
from taskrunner.store.runs import LogFilter
from tests.benchmarks.measuring import Line, alternating
from tests.benchmarks.sites import tidy
from tests.store.store_rows import declare, run_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.benchmarks.sites import Databases

ROUNDS = 30
SMALL, LARGE = 1_000, 1_000_000
SCHEDULED = 10_000
BATCH = 1_000
"""Rows that housekeeping deletes at once."""

LOG_COLUMNS = (
    "run_id", "type", "name", "plugin", "adhoc_id", "user", "due_at", "started_at", "ended_at", "outcome",
    "message", "output", "log_file", "db_reads", "db_writes", "cpu_seconds", "max_rss", "attempt", "hostname",
    "pid",
)  # fmt: skip


def measure(_folder: Path, databases: Databases) -> Iterator[Line]:
    """Give what is asked of large tables beside the same of small ones."""
    for kind in databases.kinds:
        few, many = (_with_scheduled(databases.new(kind), count) for count in (100, SCHEDULED))
        beside = "with 100 tasks"
        mine, floor = alternating(_due(many), _due(few), ROUNDS)
        yield Line(f"{kind}: is one of {SCHEDULED:,} scheduled tasks due", mine, beside, floor)
        mine, floor = alternating(_claiming(many), _claiming(few), ROUNDS)
        yield Line(f"{kind}: claim one of {SCHEDULED:,} scheduled tasks", mine, beside, floor)
        short, long = (_with_log(databases.new(kind), count) for count in (SMALL, LARGE))
        beside = f"with {SMALL:,} runs"
        for what, asked in (
            ("`log`", LogFilter()),
            ("`log NAME`", LogFilter(names=("a.Task7",))),
            ("`log --failed NAME`", LogFilter(names=("a.Task7",), failed_only=True)),
        ):
            mine, floor = alternating(_log(long, asked), _log(short, asked), ROUNDS)
            yield Line(f"{kind}: {what} of {LARGE:,} runs", mine, beside, floor)
        mine, floor = alternating(_cleaning(long), _adding(short), ROUNDS)
        yield Line(f"{kind}: clean up a batch of {BATCH:,} of {LARGE:,} runs", mine, "adding one run", floor)


def _with_scheduled(url: str, count: int) -> Store:
    store = Store(open_database(url))
    with store.transaction():
        for number in range(count):
            declare(store, f"a.Task{number}", next_run_at=number)
    tidy(url)
    return store


def _with_log(url: str, count: int) -> Store:
    """Return a store with so many runs of ten tasks, every tenth failed."""
    database = open_database(url)
    for at in range(0, count, 50_000):
        rows = [_log_row(number) for number in range(at, min(count, at + 50_000))]
        with database.transaction():
            database.insert("task_log", LOG_COLUMNS, rows)
    tidy(url)
    return Store(database)


def _log_row(number: int) -> tuple[object, ...]:
    outcome = "ok" if number // 10 % 10 else "failed"
    return (
        f"RUN{number:08}", "adhoc", f"a.Task{number % 10}", "a", number, None, 1.0, 1.0 * number,
        number + 0.5, outcome, None, "some output\n" * 5, "/log", 0, 0, 0.0, 1, 1, "host", 1,
    )  # fmt: skip


def _due(store: Store) -> Callable[[], object]:
    return lambda: store.scheduled.is_due(time.time())


def _claiming(store: Store) -> Callable[[], object]:
    def claim() -> None:
        with store.transaction():
            store.scheduled.claim(ClaimInfo("R", "RUN", time.time(), "h", 1), phase_started_at=time.time())
            store.scheduled.release_claims("R")

    return claim


def _log(store: Store, wanted: LogFilter) -> Callable[[], object]:
    return lambda: store.log.list(wanted)


def _cleaning(store: Store) -> Callable[[], object]:
    return lambda: store.log.cleanup("a.Task7", before=1e12, keep_runs=20, limit=BATCH)


def _adding(store: Store) -> Callable[[], object]:
    numbers = iter(range(1 << 40))
    return lambda: store.log.add(run_of(f"NEW{next(numbers)}"))
