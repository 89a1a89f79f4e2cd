"""What the server itself can do: the statements of a drain, run by PostgreSQL's own pgbench."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from taskrunner.db.sql import adapt
from taskrunner.store import QUERIES
from tests.server.binaries import find_binaries

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.server.postgres import PostgresServer

LATENCY = re.compile(r"latency average = ([0-9.]+) ms")
VARIABLES = {
    "name": "work.Trivial", "runner_id": "R", "now": "4000000000", "hostname": "h", "pid": "1",
    "type": "adhoc", "plugin": "work", "adhoc_id": "1", "user": "nobody", "due_at": "1", "started_at": "1",
    "ended_at": "2", "outcome": "ok", "message": "none", "output": "done", "log_file": "f", "db_reads": "0",
    "db_writes": "0", "cpu_seconds": "0", "max_rss": "0", "attempt": "1",
}  # fmt: skip


def measure(folder: Path, server: PostgresServer, url: str, tasks: int) -> Iterator[tuple[str, float]]:
    """Give the milliseconds for claim, settling and log row of a task; nothing where there is no pgbench."""
    program = find_binaries().folder / "pgbench"
    if not program.exists():
        return
    queries = ("adhoc/claim", "log/add", "adhoc/finish")
    texts = [adapt(Path(QUERIES, f"{query}.sql").read_text("utf-8"), "postgres") for query in queries]
    lines = ["\\set run_id random(1, 1000000000000000)", "begin;", *(f"{text};" for text in texts), "commit;"]
    script = folder / "chain.pgbench"
    script.write_text("\n".join(lines))
    defined = [word for name, value in VARIABLES.items() for word in ("-D", f"{name}={value}")]
    done = subprocess.run(
        [program, "-n", "-M", "prepared", "-t", str(tasks), "-f", script, *defined, url],
        capture_output=True,
        text=True,
        check=True,
    )
    found = LATENCY.search(done.stdout)
    if found:
        yield "pgbench, same statements", float(found[1])
