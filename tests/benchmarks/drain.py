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
            for number in range(ROUNDS):
                site = folder / f"drain_{kind}_{processes}_{number}"
                mine.append(_drain(site, databases.new(kind), processes))
                floor.append(_bare(site.with_suffix(".bare"), databases.new(kind), processes))
                if processes == 1:
                    for name, milliseconds in _others(site, databases, kind):
                        others.setdefault(name, []).append(milliseconds)
            what = f"{kind}: a task of {TASKS:,}, processes: {processes}"
            median = statistics.median(mine)
            yield Line(what, median, "bare script, same statements", statistics.median(floor))
            for name, times in others.items():
                yield Line(what, median, name, statistics.median(times))


def _drain(folder: Path, url: str, processes: int) -> float:
    site = Site(folder, url)
    site.queue(TASKS)
    return site.drain(processes)


def _bare(folder: Path, url: str, processes: int) -> float:
    Site(folder, url).queue(TASKS)
    together([[sys.executable, "-m", "tests.benchmarks.bare", url]] * processes)
    return milliseconds_per_run(url)


def _others(folder: Path, databases: Databases, kind: str) -> Iterator[tuple[str, float]]:
    if kind == "PostgreSQL" and databases.server is not None:
        url = databases.new(kind)
        Site(folder.with_suffix(".pgbench"), url).queue(TASKS)
        yield from pgbench.measure(folder, databases.server, url, TASKS)
    for peer in peers.PEERS:
        if peer.kind == kind and peer.is_installed:
            yield peer.name, peer.drain(databases.new(kind), TASKS)
