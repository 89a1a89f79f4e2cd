"""Counts the visits that the page has noted, by day."""

import sqlite3
import time
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from taskrunner import Every, ScheduledTask, mtrace

DATA = Path(__file__).parent.parent / "data"
SCHEMA = (
    "create table if not exists day (day text primary key, visits integer not null)",
    "create table if not exists counted (file text primary key)",
)
ADD = "insert into day values (?, ?) on conflict (day) do update set visits = visits + excluded.visits"


class CountVisits(ScheduledTask):
    """Count the visits."""

    schedule = Every(minutes=1)

    def execute(self) -> None:
        """Count each file of visits once, also if a run before was killed while it did so."""
        DATA.mkdir(exist_ok=True)
        visits = DATA / "visits"
        if visits.exists():
            visits.rename(DATA / f"visits-{time.time_ns()}")
        with closing(sqlite3.connect(DATA / "counts.db")) as counts:
            counts.execute(SCHEMA[0])
            counts.execute(SCHEMA[1])
            for file in sorted(DATA.glob("visits-*")):
                mtrace(f"{count(counts, file)} visits in {file.name}")
                file.unlink()


def count(counts: sqlite3.Connection, file: Path) -> int:
    """Add the visits of a file to their days, and remember that it is counted, both or neither."""
    days = Counter(day(float(line)) for line in file.read_text("utf-8").splitlines())
    with counts:
        if counts.execute("insert or ignore into counted values (?)", (file.name,)).rowcount:
            counts.executemany(ADD, days.items())
    return sum(days.values())


def day(moment: float) -> str:
    """Return the day of a moment.

    >>> day(1_800_000_000)
    '2027-01-15'
    """
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d}"
