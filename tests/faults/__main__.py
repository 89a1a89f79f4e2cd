"""The fault suite: `python -m tests.faults [--seed N] [--quick]`, a table, and a last line that counts."""

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.conftest import line_of
from tests.databases import KINDS, sqlite_url
from tests.db.test_postgres_poolers import have_pgbouncer
from tests.faults.batches import HANGS, TASKS, hang, helper_at_any_time, helper_killed, power_lost
from tests.faults.clocks import STEPS, clock_steps
from tests.faults.crowds import polite_signals, stampedes
from tests.faults.failover import failover
from tests.faults.invariants import Findings
from tests.faults.kills import Outcome, kills_at_points, kills_while_renewing, random_kills
from tests.faults.network import cut_for, stopped_for, why_not
from tests.faults.nth import CODE, STATE, nth_faults
from tests.faults.plugins import bad_plugins
from tests.faults.poolers import refused_crons
from tests.faults.servers import crashing_server, killed_connections
from tests.faults.site import FaultySite
from tests.server.postgres import PostgresServer, running_server

Told = tuple[Findings, str]
SEVEN_MINUTES = 420.0


@dataclass
class Suite:
    """How often each fault is made, and what came of it."""

    folder: Path
    seed: int
    quick: bool
    server: PostgresServer
    failed: int = 0
    passed: int = 0

    def run(self) -> None:
        print(f"seed {self.seed}")
        print(f"{'fault':22} {'database':9} {'what was done':58} lost twice   time")
        for kind in KINDS:
            self._show("kill -9, any instant", kind, partial(self._kill, random_kills))
            self._show("kill -9, named points", kind, partial(self._kill, kills_at_points))
            if not self.quick:
                self._show("kill -9, renewal", kind, partial(self._kill, kills_while_renewing))
            for fault in (helper_at_any_time, helper_killed, power_lost):
                self._show(fault.__name__.replace("_", " "), kind, partial(self._batches, fault))
            for how in list(HANGS)[-1:] if self.quick else HANGS:
                self._show(f"hangs in {how}", kind, partial(self._hang, how))
            self._show("8 crons at once", kind, partial(self._crowd, 8, self._times(200, 3)))
            if not self.quick:
                self._show("64 crons at once", kind, partial(self._crowd, 64, 200))
            self._show("SIGTERM, SIGINT", kind, self._signals)
            self._show("clock steps", kind, self._clocks)
        connections, crashes = self._times(1000, 40), self._times(100, 3)
        self._show("connections killed", "postgres", partial(self._server, killed_connections, connections))
        self._show("server crashes", "postgres", partial(self._server, crashing_server, crashes))
        self._show("bad plugins", "sqlite", self._plugins)
        if not self.quick:  # these two have a quick form of their own
            self._show("n-th call", "sqlite", partial(self._nth, STATE))
            self._show("n-th call, code", "sqlite", partial(self._nth, CODE))
            self._show("failover, synchronous", "postgres", partial(self._failover, True))
            self._show("failover, asynchronous", "postgres", partial(self._failover, False))
            self._networks()
            if have_pgbouncer():
                self._show("pool of transactions", "postgres", self._pool)
            else:
                print("a pool of transactions was not tried: no pgbouncer")

    def _networks(self) -> None:
        if reason := why_not():
            print(f"hosts cut off were not tried: {reason}")
            return
        for seconds in (5, 60, 400):
            self._show("hosts cut off", "postgres", partial(self._network, seconds))
        self._show("hosts stopped", "postgres", self._stopped)

    def _pool(self, kind: str) -> Told:
        return refused_crons(self._site(kind, "pool"), self.server, 200)

    def _stopped(self, _: str) -> Told:
        folder = self.folder / "stopped"
        folder.mkdir()
        found, lines = stopped_for(folder, SEVEN_MINUTES)
        print(*lines, sep="\n")
        return found, f"SIGSTOP, and asleep, for {SEVEN_MINUTES:.0f} s, {found.finished} done"

    def _failover(self, synchronous: bool, _: str) -> Told:
        folder = self.folder / f"failover{synchronous:d}"
        folder.mkdir()
        return failover(folder, synchronous=synchronous)

    def _network(self, seconds: float, _: str) -> Told:
        folder = self.folder / f"network{seconds:.0f}"
        folder.mkdir()
        return cut_for(folder, seconds)

    def _nth(self, where: str, _: str) -> Told:
        folder = self.folder / f"nth_{where}"
        folder.mkdir()
        return nth_faults(folder, self.seed, None, where)

    def _show(self, label: str, kind: str, fault: Callable[[str], Told]) -> None:
        began = time.monotonic()
        found, told = fault(kind)
        self.failed += bool(found.broken)
        self.passed += not found.broken
        seconds, verdict = time.monotonic() - began, "BROKEN" if found.broken else "ok"
        counts = f"{found.lost:4} {found.twice:5} {seconds:6.0f} s  {verdict}"
        print(f"{label:22} {kind:9} {told:58} {counts}", flush=True)
        for what in found.broken:
            print(f"    {what}")

    def _kill(self, fault: Callable[[FaultySite, int, int], Outcome], kind: str) -> Told:
        done = fault(self._site(kind, fault.__name__), self.seed, self._times(1000, 15))
        told = f"{done.kills} kills, {done.findings.crashed} of a claimed task, recorded"
        return done.findings, f"{told} {'by the next cron' if done.latest_recovery <= 1 else 'LATER'}"

    def _batches(self, fault: Callable[[FaultySite, int, int], Findings], kind: str) -> Told:
        rounds = self._times(100, 2)
        found = fault(self._site(kind, fault.__name__), self.seed, rounds)
        return found, f"{rounds} rounds, {found.finished} tasks in batches"

    def _hang(self, how: str, kind: str) -> Told:
        number = random.Random(self.seed).randint(6, TASKS)  # noqa: S311
        hung = hang(self._site(kind, f"hang{len(how)}"), how, number=number, seconds=4 if self.quick else 6)
        hung.findings.expect(hung.latest < 2.0 or self.quick, f"another started {hung.latest:.1f} s later")
        return hung.findings, f"task {number} of {TASKS}; the last of the others {hung.latest:.1f} s later"

    def _crowd(self, crowd: int, rounds: int, kind: str) -> Told:
        found = stampedes(self._site(kind, f"crowd{crowd}"), self.seed, rounds, crowd=crowd)
        return found, f"{rounds} rounds, {found.finished} tasks, slots and limits held"

    def _signals(self, kind: str) -> Told:
        rounds = self._times(200, 5)
        found = polite_signals(self._site(kind, "signals", seconds=0.02), self.seed, rounds)
        return found, f"{rounds} crons asked to leave, no attempt charged"

    def _clocks(self, kind: str) -> Told:
        root = self.folder / f"clocks_{kind}"
        root.mkdir(mode=0o755)
        url = "" if kind == "sqlite" else self.server.create_database("clocks")
        found = clock_steps(root, database_line=line_of(kind, url))
        return found, f"{len(STEPS)} steps of 1 s to 20 years, {found.finished} runs, none stuck"

    def _server(
        self, fault: Callable[[FaultySite, PostgresServer, int, int], Findings], times: int, kind: str
    ) -> Told:
        site = self._site(kind, fault.__name__, slots=4, seconds=0.01)
        found = fault(site, self.server, self.seed, times)
        return found, f"{times} times; {found.finished} tasks by 2 hosts, {found.crashed} crashed meanwhile"

    def _plugins(self, kind: str) -> Told:
        found = bad_plugins(self._site(kind, "plugins"))
        return found, f"{found.finished} bad files, each named once, the others run"

    def _times(self, long: int, quick: int) -> int:
        return quick if self.quick else long

    def _site(self, kind: str, label: str, *, slots: int = 3, seconds: float = 0.003) -> FaultySite:
        name = f"{label}_{kind}"
        root = self.folder / name
        url = sqlite_url(root / "here") if kind == "sqlite" else self.server.create_database(name)
        site = FaultySite(root, url, slots)
        site.prepare(seconds=seconds)
        return site


@contextmanager
def suite(*, seed: int, quick: bool) -> Iterator[Suite]:
    """Give a suite with a folder and a server of its own."""
    folder = Path(tempfile.mkdtemp(prefix="taskrunner-faults-"))
    folder.chmod(0o755)
    try:
        with running_server() as server:
            yield Suite(folder, seed, quick, server)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    os.umask(0o022)
    with suite(seed=given.seed, quick=given.quick) as faults:
        faults.run()
        print(f"{faults.passed} passed, {faults.failed} failed")
    sys.exit(bool(faults.failed))


if __name__ == "__main__":
    main()
