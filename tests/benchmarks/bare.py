"""The floor of a drain: nothing but the statements that settle one task and claim the next.

`python -m tests.benchmarks.bare URL`: drains the queue, prints nothing, runs nothing, keeps no log file.
"""

from __future__ import annotations

import os
import sqlite3
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from taskrunner.db.postgres import with_percent_names
from taskrunner.db.sql import adapt
from taskrunner.formatting import new_id
from taskrunner.store import QUERIES
from tests.store.store_rows import run_of

NAME = "work.Trivial"


def text(query: str, dialect: str) -> str:
    """Return a query file as the driver wants it."""
    sql = adapt(Path(QUERIES, f"{query}.sql").read_text("utf-8"), dialect)
    return with_percent_names(sql) if dialect == "postgres" else sql


def claim_info() -> dict[str, Any]:
    """Return the parameters of a claim."""
    now = time.time()
    return {"name": NAME, "runner_id": "R", "run_id": new_id(now), "now": now, "hostname": "h", "pid": 1}


def log_row(claimed: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters of a log row."""
    run = run_of(claimed["run_id"], name=NAME, type="adhoc", adhoc_id=claimed["id"], outcome="ok")
    return run._asdict() | {"started_at": claimed["started_at"], "ended_at": time.time(), "output": "done\n"}


def drain(chain: Callable[[dict[str, Any] | None], dict[str, Any] | None]) -> None:
    """Settle and claim until nothing is left."""
    claimed = chain(None)
    while claimed is not None:
        claimed = chain(claimed)


def on_sqlite(path: str) -> Callable[[dict[str, Any] | None], dict[str, Any] | None]:
    """Return the chain of one task, in one transaction."""
    connection = sqlite3.connect(path, timeout=60, isolation_level=None)
    connection.row_factory = sqlite3.Row
    connection.execute("pragma synchronous = full")
    connection.execute("pragma journal_mode = truncate")
    add, finish, claim = (text(query, "sqlite") for query in ("log/add", "adhoc/finish", "adhoc/claim"))

    def chain(claimed: dict[str, Any] | None) -> dict[str, Any] | None:
        connection.execute("begin immediate")
        if claimed:
            connection.execute(finish, {"run_id": claimed["run_id"]}).fetchall()
            connection.execute(add, log_row(claimed))
        rows = connection.execute(claim, claim_info()).fetchall()
        connection.execute("commit")
        return dict(rows[0]) if rows else None

    return chain


def on_postgres(url: str) -> Callable[[dict[str, Any] | None], dict[str, Any] | None]:
    """Return the chain of one task, in one transaction and one way to the server and back."""
    connection = psycopg.connect(url, autocommit=True, row_factory=dict_row, prepare_threshold=2)
    add, finish, claim = (text(query, "postgres") for query in ("log/add", "adhoc/finish", "adhoc/claim"))

    def chain(claimed: dict[str, Any] | None) -> dict[str, Any] | None:
        with connection.pipeline():
            connection.execute("begin")
            if claimed:
                connection.execute(finish, {"run_id": claimed["run_id"]})
                connection.execute(add, log_row(claimed))
            cursor = connection.execute(claim, claim_info())
            connection.execute("commit")
        return cursor.fetchone()

    return chain


if __name__ == "__main__":
    os.dup2(2, 1)
    address = sys.argv[1]
    drain(
        on_sqlite(address.removeprefix("sqlite:")) if address.startswith("sqlite:") else on_postgres(address)
    )
