"""Draining the queue: trivial tasks, each with its output, its log row and its lines in the log file."""

from __future__ import annotations

import os
import sqlite3
import statistics
import time
from importlib.util import find_spec
from typing import TYPE_CHECKING

from taskrunner.db import open_database
from taskrunner.queueing import enqueue, new_task
from taskrunner.store import Store
from tests.benchmarks import peers, pgbench
from tests.benchmarks.measuring import Line
from tests.benchmarks.sites import NOTHING, Site, milliseconds_per_run, runs_of, tidy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.benchmarks.sites import Databases

TASKS = 1_000
ROUNDS = 3
PROCESSES = (1, 2, 4)
MANY, PAGE = 1_000_000, 50_000
SECONDS = 5
"""For how long a long queue is drained."""


def measure(folder: Path, databases: Databases) -> Iterator[Line]:
    """Give `taskrun cron` beside the bare statements; one process also beside pgbench and the peers."""
    for kind in databases.kinds:
        for processes in PROCESSES:
            mine, floor, others = [], [], dict[str, list[float]]()
            spent, floor_spent = [], []
            for number in range(ROUNDS):
                site = folder / f"drain_{kind}_{processes}_{number}"
                for wall, cpu, (milliseconds, processor) in (
                    (mine, spent, _drain(site, databases.new(kind), processes)),
                    (floor, floor_spent, _bare(site.with_suffix(".bare"), databases.new(kind), processes)),
                ):
                    wall.append(milliseconds)
                    cpu.append(processor)
                if processes == 1:
                    for name, milliseconds in _others(site, databases, kind):
                        others.setdefault(name, []).append(milliseconds)
            what = f"{kind}: a task of {TASKS:,}, processes: {processes}"
            median = statistics.median(mine)
            yield Line(what, median, "bare script, same statements", statistics.median(floor))
            processor, beside = statistics.median(spent), statistics.median(floor_spent)
            yield Line(f"{what}: processor", processor, "bare script, same statements", beside)
            for name, times in others.items():
                yield Line(what, median, name, statistics.median(times))
        yield _behind_many(folder / f"long_{kind}", databases, kind)
    if find_spec("pysqlite3"):
        yield from _newer_sqlite(folder, databases)


def _behind_many(folder: Path, databases: Databases, kind: str) -> Line:
    """Give the processor's time of a task while a million wait, beside a queue of a thousand."""
    costs = []
    for waiting in (TASKS, MANY):
        site = Site(
            folder.with_suffix(f".{waiting}"),
            databases.new(kind),
            settings=f"adhoc_max_runtime = {SECONDS}\n",
        )
        site.queue(1)
        start = site.drain(1)
        store = Store(open_database(site.url))
        for at in range(0, waiting, PAGE):
            tasks = [new_task("work.Trivial", {"n": at}, user=None, next_run_at=0.0, retry=True, attempts=12)]
            enqueue(store, tasks * min(PAGE, waiting - at), time.time())
        store.close()
        tidy(site.url)
        spent = site.drain(1)
        costs.append(max(0.001, spent - start) / (runs_of(site.url) - 1))
    few, many = costs
    return Line(f"{kind}: a task, {MANY:,} queued: processor", many, f"{TASKS:,} queued", few)


def _newer_sqlite(folder: Path, databases: Databases) -> Iterator[Line]:
    """Give the same drain with the SQLite that pysqlite3 brings, beside that of Python."""
    import pysqlite3

    instead = folder / "newer"
    instead.mkdir()
    (instead / "sitecustomize.py").write_text(
        "import sys, pysqlite3\nsys.modules['sqlite3'] = sys.modules['sqlite3.dbapi2'] = pysqlite3.dbapi2\n"
    )
    newer = {"PYTHONPATH": f"{instead}:{os.getcwd()}"}
    found: dict[str, list[float]] = {"newer": [], "own": []}
    for number in range(ROUNDS):
        for name, environ in (("newer", newer), ("own", NOTHING)):
            site = Site(folder / f"{name}_{number}", databases.new("SQLite"))
            site.queue(1)
            start = site.drain(1, environ)
            site.queue(TASKS)
            found[name].append(max(0.001, site.drain(1, environ) - start) / TASKS)
    mine, beside = (statistics.median(times) for times in found.values())
    what = f"SQLite {pysqlite3.sqlite_version}: a task of {TASKS:,}: processor"
    yield Line(what, mine, f"SQLite {sqlite3.sqlite_version}", beside)


def _drain(folder: Path, url: str, processes: int) -> tuple[float, float]:
    """Return the milliseconds that go by for a task, and those of a processor: start-up left out of both."""
    site = Site(folder, url)
    site.queue(1)
    start = site.drain(processes)
    site.queue(TASKS)
    spent = site.drain(processes)
    return milliseconds_per_run(url), max(0.001, spent - start) / TASKS


def _bare(folder: Path, url: str, processes: int) -> tuple[float, float]:
    site = Site(folder, url)
    site.queue(1)
    start = site.drain_barely(processes)
    site.queue(TASKS)
    spent = site.drain_barely(processes)
    return milliseconds_per_run(url), max(0.001, spent - start) / TASKS


def _others(folder: Path, databases: Databases, kind: str) -> Iterator[tuple[str, float]]:
    if kind == "PostgreSQL" and databases.server is not None:
        url = databases.new(kind)
        Site(folder.with_suffix(".pgbench"), url).queue(TASKS)
        yield from pgbench.measure(folder, databases.server, url, TASKS)
    for peer in peers.PEERS:
        if peer.kind == kind and peer.is_installed:
            yield peer.name, peer.drain(databases.new(kind), TASKS)
