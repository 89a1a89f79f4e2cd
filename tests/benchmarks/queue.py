"""The adhoc queue: putting in, taking out, and what its length costs."""

from __future__ import annotations

import os
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from taskrunner.db import open_database
from taskrunner.queueing import enqueue, new_task, queue_adhoc_task, queue_adhoc_tasks
from taskrunner.records import ClaimInfo
from taskrunner.runner.claim import classes_by_turn
from taskrunner.store import Store
from taskrunner.task import AdhocTask
from tests.benchmarks.measuring import Line, alternating
from tests.benchmarks.sites import Site
from tests.databases import connect_to, placeholder
from tests.store.store_rows import run_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from taskrunner.store.tasks import NewTask
    from tests.benchmarks.sites import Databases

CLAIMS = 200
LENGTHS = (1_000, 100_000, 1_000_000)
BULK = 10_000
FULL = "full.Class"
OTHER = "other.Class"
LIMITS = {FULL: 1}
LONG_AGO = (1_500_000_000, 1_500_000_000)

INSERT = (
    "insert into task_adhoc (name, plugin, custom_data, identity, created_at, next_run_at, attempts_left)"
    " values (?, ?, ?, ?, ?, ?, ?)"
)


class Mail(AdhocTask):
    """What is queued one by one."""

    name = "work.Trivial"

    def execute(self) -> None:
        """Do nothing."""


def measure(folder: Path, databases: Databases) -> Iterator[Line]:
    """Give queueing beside bare inserts, and claims behind a long queue beside those of an empty one."""
    for kind in databases.kinds:
        yield _single(folder / f"single_{kind}", databases.new(kind), kind)
        yield _bulk(folder / f"bulk_{kind}", databases.new(kind), databases.new(kind), kind)
        empty = _claiming(Store(open_database(databases.new(kind))))
        for length in LENGTHS:
            store = Store(open_database(databases.new(kind)))
            _fill(store, length)
            mine, floor = alternating(_claiming(store), empty, CLAIMS)
            what = f"{kind}: claim behind {length:,} rows of a full class"
            yield Line(what, mine, "claim with an empty queue", floor)


def _single(folder: Path, url: str, kind: str) -> Line:
    Site(folder, url)
    os.utime(folder / "taskrunner.toml", LONG_AGO)
    values = _values(_task(OTHER, 1))

    def bare() -> None:
        with closing(connect_to(url)) as connection:
            connection.execute(INSERT.replace("?", placeholder(url)), values)
            connection.commit()

    with patch.dict(os.environ, {"TASKRUN_CONFIG": str(folder / "taskrunner.toml")}):
        mine, floor = alternating(lambda: queue_adhoc_task(Mail({"n": 1})), bare, CLAIMS)
    return Line(f"{kind}: queue one task from a program", mine, "connect, insert, commit", floor)


def _class_of_plugin(folder: Path) -> type[AdhocTask]:
    """Return a class as a web program that imports a plugin's file has it: its name is not known yet."""
    module = ModuleType("bench_work")
    module.__file__ = str(folder / "plugins" / "work.py")
    sys.modules[module.__name__] = module
    exec(Path(module.__file__).read_text(), vars(module))
    found: type[AdhocTask] = vars(module)["Trivial"]
    return found


def _bulk(folder: Path, url: str, bare_url: str, kind: str) -> Line:
    Site(folder, url)
    os.utime(folder / "taskrunner.toml", LONG_AGO)
    trivial = _class_of_plugin(folder)
    open_database(bare_url).close()
    rows = [_values(_task(OTHER, number)) for number in range(BULK)]
    connection = connect_to(bare_url)

    def bare() -> None:
        cursor = connection.cursor()
        if isinstance(connection, sqlite3.Connection):
            cursor.executemany(INSERT, rows)
        else:
            with cursor.copy(f"copy {INSERT[12 : INSERT.index(' values')]} from stdin") as copy:
                for row in rows:
                    copy.write_row(row)
        connection.commit()

    with patch.dict(os.environ, {"TASKRUN_CONFIG": str(folder / "taskrunner.toml")}):
        mine, floor = alternating(lambda: queue_adhoc_tasks(map(trivial, range(BULK))), bare, 5)
    connection.close()
    way = "executemany" if kind == "SQLite" else "COPY"
    what = f"{kind}: queue {BULK:,} tasks of a plugin in bulk"
    return Line(what, mine, f"{way} of ready rows", floor)


def _fill(store: Store, length: int) -> None:
    """Queue so many due tasks of a class of which one runs already, the most it may."""
    now = time.time()
    for at in range(0, length, 50_000):
        enqueue(store, [_task(FULL, number) for number in range(at, min(length, at + 50_000))], now)
    store.adhoc.claim(FULL, ClaimInfo("R", f"first-{length}", now + 1, "host", 1)).get()


def _claiming(store: Store) -> Callable[[], None]:
    """Return what queues one task of another class and claims it, as the picker does."""
    numbers = iter(range(1 << 40))

    def claim() -> None:
        now = time.time()
        run_id = f"run-{next(numbers)}"
        with store.transaction():
            store.adhoc.add([_task(OTHER, 0)], now)
            waiting = store.adhoc.queue_state(now + 1).get().due
            chosen = classes_by_turn(waiting, running_classes=0, running=1, limit=3, limits=LIMITS)
            row = store.adhoc.claim(chosen[0].name, ClaimInfo("R", run_id, now + 1, "host", 1)).get()
            assert row is not None and row.name == OTHER
            store.adhoc.finish(run_of(run_id)).get()

    return claim


def _task(name: str, number: int) -> NewTask:
    return new_task(name, {"n": number}, user=None, next_run_at=0.0, retry=True, attempts=12)


def _values(task: NewTask) -> tuple[Any, ...]:
    return task.name, task.plugin, task.custom_data, task.identity, 0.0, task.next_run_at, task.attempts_left
