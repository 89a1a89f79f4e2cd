"""The floor of a drain: what no drain can do without that keeps what each task prints, and commits each task.

`python -m tests.benchmarks.bare URL`: drains the queue. A task prints into a file, from which its output is
read back; two lines go to a log file; then it is settled and the next one claimed: on PostgreSQL in one
statement, on SQLite in one transaction. No time limit, no signals, no look at what the task left behind.
"""

from __future__ import annotations

import os
import sqlite3
import sys
import tempfile
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import psycopg

from taskrunner.formatting import new_id

if TYPE_CHECKING:
    from collections.abc import Callable

    Chain = Callable[["Task | None", str], tuple[int, str] | None]
    """Settles a task, keeps its run, and claims the next under a run id: its id and custom data."""

NAME, RUNNER, HOST = "work.Trivial", "R", "h"
SETTLE = "delete from task_adhoc where run_id = ?"
KEEP = (
    "insert into task_log (run_id, type, name, plugin, adhoc_id, started_at, ended_at, outcome, output,"
    " log_file, db_reads, db_writes, cpu_seconds, max_rss, attempt, hostname, pid)"
    " values (?, 'adhoc', ?, 'work', ?, ?, ?, 'ok', ?, ?, 0, 0, 0.0, 0, 1, ?, ?)"
)
CLAIM = (
    "update task_adhoc set runner_id = ?, run_id = ?, started_at = ?, hostname = ?, pid = ?,"
    " attempts_left = attempts_left - 1, tries = tries + 1, first_started_at = coalesce(first_started_at, ?)"
    " where id = (select id from task_adhoc where run_id is null and attempts_left > 0 and name = ?"
    " and next_run_at <= ? order by next_run_at, id limit 1{lock}) returning id, custom_data"
)


class Task(NamedTuple):
    """A claimed task, run: what a log row says of it."""

    id: int
    run_id: str
    started_at: float
    ended_at: float
    output: str


def drain(chain: Chain) -> None:
    """Run, settle and claim until nothing is left."""
    stdout = os.dup(1)
    with tempfile.TemporaryFile(buffering=0) as kept, tempfile.NamedTemporaryFile("ab", buffering=0) as log:
        done, run_id = None, new_id(time.time())
        while (claimed := chain(done, run_id)) is not None:
            started_at = time.time()
            log.write(f"Adhoc task: {NAME} {claimed[0]}\n".encode())
            kept.truncate(0)
            kept.seek(0)
            os.dup2(kept.fileno(), 1)
            print("done", flush=True)
            os.dup2(stdout, 1)
            output = os.pread(kept.fileno(), 1 << 20, 0)
            ended_at = time.time()
            log.write(output + f"... used {ended_at - started_at:.6f} seconds\n".encode())
            done = Task(claimed[0], run_id, started_at, ended_at, output.decode())
            run_id = new_id(ended_at)


def kept_as(done: Task) -> tuple[Any, ...]:
    """Return the parameters of KEEP."""
    times = done.started_at, done.ended_at
    return done.run_id, NAME, done.id, *times, done.output, "/log", HOST, os.getpid()


def claimed_as(run_id: str) -> tuple[Any, ...]:
    """Return the parameters of CLAIM."""
    now = time.time()
    return RUNNER, run_id, now, HOST, os.getpid(), now, NAME, now


def on_sqlite(path: str) -> Chain:
    """Return the chain of one task, in one transaction."""
    connection = sqlite3.connect(path, timeout=60, isolation_level=None)
    connection.execute("pragma synchronous = full")
    connection.execute("pragma journal_mode = truncate")
    claim = CLAIM.format(lock="")

    def chain(done: Task | None, run_id: str) -> tuple[int, str] | None:
        connection.execute("begin immediate")
        if done:
            connection.execute(SETTLE, (done.run_id,))
            connection.execute(KEEP, kept_as(done))
        rows: list[tuple[int, str]] = connection.execute(claim, claimed_as(run_id)).fetchall()
        connection.execute("commit")
        return rows[0] if rows else None

    return chain


def on_postgres(url: str) -> Chain:
    """Return the chain of one task: one statement, which is a transaction."""
    connection = psycopg.connect(url, autocommit=True, prepare_threshold=1)
    claim = CLAIM.format(lock=" for update skip locked").replace("?", "%s")
    both = f"with settled as ({SETTLE}), kept as ({KEEP}) {claim}".replace("?", "%s")

    def chain(done: Task | None, run_id: str) -> tuple[int, str] | None:
        if done is None:
            return connection.execute(claim, claimed_as(run_id), prepare=True).fetchone()
        values = (done.run_id, *kept_as(done), *claimed_as(run_id))
        return connection.execute(both, values, prepare=True).fetchone()

    return chain


if __name__ == "__main__":
    address = sys.argv[1]
    drain(
        on_sqlite(address.removeprefix("sqlite:")) if address.startswith("sqlite:") else on_postgres(address)
    )
