"""Other task queues on the same work: one process, trivial tasks, what they print thrown away."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec

from tests.benchmarks.sites import NOTHING

HUEY = """
import sys, time
from huey import SqliteHuey
huey = SqliteHuey(filename=sys.argv[1].removeprefix("sqlite:"), fsync=True)
@huey.task()
def trivial(number):
    print("done")
for number in range(int(sys.argv[2])):
    trivial(number)
started_at = time.perf_counter()
while (task := huey.dequeue()) is not None:
    huey.execute(task)
print(time.perf_counter() - started_at, file=sys.stderr)
"""

PROCRASTINATE = """
import logging, sys, time
from procrastinate import App, PsycopgConnector
logging.disable(logging.CRITICAL)
app = App(connector=PsycopgConnector(conninfo=sys.argv[1]))
@app.task(name="trivial")
def trivial(number):
    print("done")
with app.open():
    app.schema_manager.apply_schema()
    trivial.batch_defer(*({"number": number} for number in range(int(sys.argv[2]))))
started_at = time.perf_counter()
app.run_worker(wait=False, listen_notify=False, install_signal_handlers=False)
print(time.perf_counter() - started_at, file=sys.stderr)
"""

PGQUEUER = """
import asyncio, logging, sys, time
import asyncpg
from pgqueuer import AsyncpgDriver, PgQueuer
from pgqueuer.types import QueueExecutionMode
logging.disable(logging.CRITICAL)
async def main():
    queue = PgQueuer(AsyncpgDriver(await asyncpg.connect(sys.argv[1])))
    await queue.qm.queries.install()
    @queue.entrypoint("trivial")
    async def trivial(job):
        print("done")
    tasks = int(sys.argv[2])
    await queue.qm.queries.enqueue(["trivial"] * tasks, [b"1"] * tasks, [0] * tasks)
    started_at = time.perf_counter()
    await queue.run(batch_size=BATCH, mode=QueueExecutionMode.drain)
    print(time.perf_counter() - started_at, file=sys.stderr)
asyncio.run(main())
"""


@dataclass(frozen=True, slots=True)
class Peer:
    """A library, the database it is measured on, and the script that drains its queue."""

    name: str
    package: str
    kind: str
    script: str

    @property
    def is_installed(self) -> bool:
        """Whether it can be measured here."""
        return find_spec(self.package) is not None

    def drain(self, url: str, tasks: int, environ: Mapping[str, str] = NOTHING) -> float:
        """Return the milliseconds for each task, without start-up and queueing."""
        done = subprocess.run(
            [sys.executable, "-c", self.script, url, str(tasks)],
            env=os.environ | dict(environ),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{self.name}: {done.stderr}")
        return float(done.stderr.split()[-1]) * 1000 / tasks


PEERS = (
    Peer("huey", "huey", "SQLite", HUEY),
    Peer("procrastinate", "procrastinate", "PostgreSQL", PROCRASTINATE),
    Peer("pgqueuer, batches of 1", "pgqueuer", "PostgreSQL", PGQUEUER.replace("BATCH", "1")),
    Peer("pgqueuer, batches of 10", "pgqueuer", "PostgreSQL", PGQUEUER.replace("BATCH", "10")),
)


def missing() -> list[str]:
    """Return the libraries that are not measured because they are not installed."""
    return sorted({peer.package for peer in PEERS if not peer.is_installed})
