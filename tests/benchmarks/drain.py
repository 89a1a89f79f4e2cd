"""Draining the queue: trivial tasks, each with its output, its log row and its lines in the log file."""

from __future__ import annotations

import statistics
import sys
from typing import TYPE_CHECKING

from tests.benchmarks import peers, pgbench
from tests.benchmarks.measuring import Line
from tests.benchmarks.sites import Site, milliseconds_per_run, together

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.benchmarks.sites import Databases

TASKS = 1_000
ROUNDS = 3
PROCESSES = (1, 2, 4)


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
    bare = [[sys.executable, "-m", "tests.benchmarks.bare", url]] * processes
    site.queue(1)
    start = together(bare)
    site.queue(TASKS)
    spent = together(bare)
    return milliseconds_per_run(url), max(0.001, spent - start) / TASKS


def _others(folder: Path, databases: Databases, kind: str) -> Iterator[tuple[str, float]]:
    if kind == "PostgreSQL" and databases.server is not None:
        url = databases.new(kind)
        Site(folder.with_suffix(".pgbench"), url).queue(TASKS)
        yield from pgbench.measure(folder, databases.server, url, TASKS)
    for peer in peers.PEERS:
        if peer.kind == kind and peer.is_installed:
            yield peer.name, peer.drain(databases.new(kind), TASKS)
