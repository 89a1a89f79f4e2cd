"""Writes down every few minutes how busy the machine is, in a SQLite database of its own."""

import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from taskrunner import Every, ScheduledTask, mtrace

SITE = Path(__file__).parent.parent
DATABASE = SITE / "data" / "activity.db"
KEPT_SECONDS = 28 * 86_400

CREATE = "create table if not exists load (measured_at real, minute_1 real, minute_5 real, minute_15 real)"
ADD = "insert into load values (?, ?, ?, ?)"
FORGET = "delete from load where measured_at < ?"
COUNT = "select count(*) from load"


class MeasureLoad(ScheduledTask):
    """Write down how busy this machine is."""

    schedule = Every(minutes=5)

    def execute(self) -> None:
        """Add a row to data/activity.db, and forget those older than four weeks."""
        load, now = os.getloadavg(), time.time()
        count = record(load, now)
        mtrace("load {:.2f} {:.2f} {:.2f}".format(*load))
        mtrace(f"measurements in data/activity.db: {count}")


def record(load: tuple[float, float, float], now: float) -> int:
    """Store a measurement and return how many there are; `now` is in epoch seconds."""
    DATABASE.parent.mkdir(exist_ok=True)
    with closing(sqlite3.connect(DATABASE)) as connection, connection:
        connection.execute(CREATE)
        connection.execute(ADD, (now, *load))
        connection.execute(FORGET, (now - KEPT_SECONDS,))
        return int(connection.execute(COUNT).fetchone()[0])
