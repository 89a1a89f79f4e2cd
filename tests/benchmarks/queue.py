"""The adhoc queue: putting in, taking out, and what its length costs."""

from __future__ import annotations

import json
import sqlite3
import time
from typing import TYPE_CHECKING

from taskrunner.db.sqlite import open_sqlite
from taskrunner.queueing import enqueue, new_task
from taskrunner.runner.limits import order
from taskrunner.store import Store
from taskrunner.store.claim import Stamp
from tests.benchmarks.measuring import Line, alternating
from tests.store.store_rows import run_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from taskrunner.store.adhoc import NewTask

CLAIMS = 200
LENGTHS = (1_000, 100_000, 1_000_000)
FULL = "full.Class"
OTHER = "other.Class"
LIMITS = {FULL: 1}


def measure(folder: Path) -> Iterator[Line]:
    """Give queueing beside bare inserts, and claims behind a long queue beside those of an empty one."""
    yield _queueing(folder)
    empty = _claiming(_store(folder / "empty", 0))
    for length in LENGTHS:
        long = _claiming(_store(folder / f"long{length}", length))
        mine, floor = alternating(long, empty, CLAIMS)
        yield Line(f"claim behind {length:,} rows of a full class", mine, "claim with an empty queue", floor)


def _queueing(folder: Path) -> Line:
    store = _store(folder / "queueing", 0)
    tasks = [_task(OTHER, number) for number in range(10_000)]
    connection = sqlite3.connect(folder / "bare.db", isolation_level=None)
    connection.execute(
        "create table task_adhoc (id integer primary key, name, plugin, data, identity, at, left)"
    )
    rows = [(task.name, task.plugin, task.custom_data, task.identity, task.next_run_at, 12) for task in tasks]

    def bare() -> None:
        connection.execute("begin immediate")
        connection.executemany(
            "insert into task_adhoc (name, plugin, data, identity, at, left) values (?, ?, ?, ?, ?, ?)", rows
        )
        connection.execute("commit")

    mine, floor = alternating(lambda: enqueue(store, tasks, time.time()), bare, 5)
    return Line("queue 10,000 tasks in bulk", mine, "bare executemany, one index less each", floor)


def _store(folder: Path, length: int) -> Store:
    """Return a store with so many due tasks of a class of which one runs already, the most it may."""
    folder.mkdir()
    store = Store(open_sqlite(str(folder / "taskrunner.db")))
    now = time.time()
    for at in range(0, length, 50_000):
        enqueue(store, [_task(FULL, number) for number in range(at, min(length, at + 50_000))], now)
    if length:
        store.adhoc.claim(FULL, Stamp("R", f"first-{length}", now + 1, "host", 1))
    return store


def _claiming(store: Store) -> Callable[[], None]:
    """Return what queues one task of another class and claims it, as the picker does."""
    count = iter(range(1 << 40))

    def claim() -> None:
        now = time.time()
        run_id = f"run-{next(count)}"
        with store.transaction():
            store.adhoc.add([_task(OTHER, 0)], now)
            waiting = store.adhoc.waiting_classes(now + 1)
            chosen = order(waiting, running_classes=0, running=1, limit=3, limits=LIMITS)
            row = store.adhoc.claim(chosen[0].name, Stamp("R", run_id, now + 1, "host", 1))
            assert row is not None and row.name == OTHER
            store.adhoc.finish(run_of(run_id))

    return claim


def _task(name: str, number: int) -> NewTask:
    return new_task(
        name, json.loads(f'{{"n": {number}}}'), user=None, next_run_at=0.0, retry=True, attempts=12
    )
