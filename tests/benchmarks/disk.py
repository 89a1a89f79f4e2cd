"""What a drain asks of the disk: how often it waits for it, and what a disk costs that takes its time.

A library is preloaded that counts `fsync` and `fdatasync`, and lets each take a millisecond, as a disk that
keeps what it promises: many machines sync in 30 µs.
"""

from __future__ import annotations

import struct
import sys
from contextlib import closing, contextmanager
from statistics import median
from typing import TYPE_CHECKING

from tests.benchmarks import peers, preload
from tests.benchmarks.measuring import Line
from tests.benchmarks.sites import Site, milliseconds_per_run
from tests.databases import connect_to

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.benchmarks.sites import Databases

TASKS = 1_000
ROUNDS = 3
MILLISECOND = 1_000


def measure(folder: Path, databases: Databases) -> Iterator[Line]:
    """Give syncs and time of a task on a disk of 1 ms beside others; on PostgreSQL its transactions."""
    library = preload.build(folder)
    if library is None:
        print("syncs are not counted: apt-get install gcc", file=sys.stderr)
    else:
        yield from _on_sqlite(folder, databases, SlowDisk(folder, library))
    if databases.server is not None:
        yield _commits(folder / "commits", databases)


def _on_sqlite(folder: Path, databases: Databases, disk: SlowDisk) -> Iterator[Line]:
    syncs, bare_syncs, mine, bare = [], [], [], []
    others: dict[str, list[float]] = {}
    for number in range(ROUNDS):
        for name, drain, counted, taken in (
            ("cron", Site.drain, syncs, mine),
            ("bare", Site.drain_barely, bare_syncs, bare),
        ):
            site = Site(folder / f"disk_{name}_{number}", databases.new("SQLite"))
            site.queue(TASKS)
            with disk.counting(counted):
                drain(site, 1, disk.environ)
            taken.append(milliseconds_per_run(site.url))
        for peer in peers.PEERS:
            if peer.kind == "SQLite" and peer.is_installed:
                taken = others.setdefault(peer.name, [])
                taken.append(peer.drain(databases.new("SQLite"), TASKS, disk.environ))
    what, beside = "SQLite, a sync takes 1 ms: a task", "bare script, a commit each"
    yield Line("SQLite: syncs for a task", median(syncs), beside, median(bare_syncs), unit="")
    for name, times in ((beside, bare), *others.items()):
        yield Line(what, median(mine), name, median(times))


class SlowDisk:
    """A disk that takes a millisecond for each sync of the programs that are started with `environ`."""

    def __init__(self, folder: Path, library: dict[str, str]) -> None:
        self._count = folder / "syncs"
        self._count.write_bytes(bytes(8))
        self.environ = library | {
            "SYNC_COUNT": str(self._count),
            "SYNC_MICROSECONDS": str(MILLISECOND),
        }

    @contextmanager
    def counting(self, into: list[float]) -> Iterator[None]:
        """Note how many syncs there are inside the block for each task."""
        before = self._syncs()
        yield
        into.append((self._syncs() - before) / TASKS)

    def _syncs(self) -> int:
        (count,) = struct.unpack("L", self._count.read_bytes())
        return int(count)


def _commits(folder: Path, databases: Databases) -> Line:
    counts = []
    for name, drain in (("cron", Site.drain), ("bare", Site.drain_barely)):
        site = Site(folder / name, databases.new("PostgreSQL"))
        site.queue(TASKS)
        before = _transactions(site.url)
        drain(site, 1)
        counts.append((_transactions(site.url) - before) / TASKS)
    mine, bare = counts
    return Line("PostgreSQL: transactions for a task", mine, "bare script, a commit each", bare, unit="")


def _transactions(url: str) -> int:
    """Return how many transactions wrote in a database so far, and 1 for asking."""
    with closing(connect_to(url, autocommit=True)) as connection:
        (count,) = connection.execute("select txid_current()").fetchone()
    return int(count)
