"""Hosts as network namespaces, each with its name, and one server: links are cut, hosts switched off."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from tests.databases import ask
from tests.faults.invariants import Findings
from tests.patience import DEADLINE
from tests.server.postgres import PostgresServer, running_server

SLOW = """
import json, os, time
from taskrunner import AdhocTask

class Slow(AdhocTask):
    def execute(self):
        with open({ledger!r}, "a") as file:
            print("start", self.custom_data["name"], os.uname().nodename, flush=True, file=file)
        time.sleep(self.custom_data["seconds"])
        with open({ledger!r}, "a") as file:
            print("end", self.custom_data["name"], os.uname().nodename, flush=True, file=file)
"""
HELD = "select count(*) from pg_locks where locktype = 'advisory'"


def why_not() -> str:
    """Return why hosts cannot be made here, or "" if they can."""
    if os.geteuid() != 0:
        return "network namespaces take root"
    if not shutil.which("ip") or not shutil.which("unshare"):
        return "no iproute2: apt install iproute2"
    made = subprocess.run(["ip", "netns", "add", f"probe{os.getpid()}"], capture_output=True, check=False)
    if made.returncode:
        return f"no network namespaces here: {made.stderr.decode().strip()}"
    subprocess.run(["ip", "netns", "delete", f"probe{os.getpid()}"], check=False)
    return ""


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


@dataclass
class NetworkHost:
    """One host: its name, its folder, its side of a link to the server."""

    name: str
    number: int
    folder: Path
    net: int
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def space(self) -> str:
        return f"tr{os.getpid()}n{self.number}"

    @property
    def link(self) -> str:
        return f"tr{os.getpid() % 100_000}v{self.number}"

    @property
    def server_side(self) -> str:
        return f"10.{self.net}.{self.number}.1"

    def connect(self) -> None:
        """Make the namespace, and its link."""
        ip("netns", "add", self.space)
        ip("link", "add", self.link, "type", "veth", "peer", "name", "eth0", "netns", self.space)
        ip("addr", "add", f"{self.server_side}/24", "dev", self.link)
        ip("link", "set", self.link, "up")
        ip("-n", self.space, "addr", "add", f"10.{self.net}.{self.number}.2/24", "dev", "eth0")
        ip("-n", self.space, "link", "set", "eth0", "up")
        ip("-n", self.space, "link", "set", "lo", "up")

    def write(self, database: str, port: int, ledger: Path) -> None:
        """Write its configuration and its plugin."""
        self.folder.mkdir()
        (self.folder / "plugins").mkdir()
        (self.folder / "plugins" / "net.py").write_text(SLOW.format(ledger=str(ledger)))
        url = f"postgresql://postgres@{self.server_side}:{port}/{database}"
        (self.folder / "taskrunner.toml").write_text(f"database = '{url}'\n")

    def start(self, *arguments: str, name: str | None = None) -> subprocess.Popen[bytes]:
        """Start `taskrun` there, under the host's name or another."""
        inside = f"hostname {name or self.name} && exec {sys.executable} -m taskrunner {' '.join(arguments)}"
        command = ["ip", "netns", "exec", self.space, "unshare", "--uts", "sh", "-c", inside]
        with (self.folder / "out").open("ab") as out:
            process = subprocess.Popen(
                command, cwd=self.folder, env=without_site(), stdout=out, stderr=subprocess.STDOUT
            )
        self.processes.append(process)
        return process

    def cut(self) -> None:
        ip("link", "set", self.link, "down")

    def mend(self) -> None:
        ip("link", "set", self.link, "up")

    def remove(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.wait()
        subprocess.run(["ip", "netns", "delete", self.space], check=False, capture_output=True)
        subprocess.run(["ip", "link", "delete", self.link], check=False, capture_output=True)


@dataclass
class Network:
    """A server, hosts, and what their tasks wrote into the ledger."""

    server: PostgresServer
    hosts: list[NetworkHost]
    ledger: Path
    database: str = "taskrunner_net"

    @property
    def url(self) -> str:
        return self.server.url(self.database)

    def lines(self) -> list[str]:
        return self.ledger.read_text().splitlines() if self.ledger.exists() else []

    def held(self) -> int:
        return int(ask(self.server.url(), HELD)[0][0])

    def outcomes(self) -> dict[str, list[str]]:
        """Return how the runs of each task ended, by the name in its custom data."""
        found = ask(self.url, "select run_id, adhoc_id, outcome from task_log order by started_at")
        outcomes: dict[str, list[str]] = {}
        for _, adhoc_id, outcome in found:
            outcomes.setdefault(str(adhoc_id), []).append(outcome)
        return outcomes

    def queue(self, host: NetworkHost, seconds: float) -> None:
        """Queue a task of a host, which runs so long."""
        data = f'{{"name": "{host.name}", "seconds": {seconds}}}'
        host.start("adhoc", "queue", "net.Slow", "--data", f"'{data}'").wait(DEADLINE)


def without_site() -> dict[str, str]:
    """Return the environment without what names the site of another test."""
    return {name: value for name, value in os.environ.items() if not name.startswith("TASKRUN_")}


@contextmanager
def network(folder: Path, names: tuple[str, ...]) -> Iterator[Network]:
    """Have a server and hosts that reach it, each over a link of its own."""
    with running_server() as server, ExitStack() as stack:
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute("alter system set listen_addresses = '*'")
        net = 64 + os.getpid() % 64
        with (server.folder / "data" / "pg_hba.conf").open("a") as file:
            file.write(f"host all all 10.{net}.0.0/16 trust\n")
        server.restart()
        ledger = folder / "ledger"
        hosts = [NetworkHost(name, number + 1, folder / name, net) for number, name in enumerate(names)]
        made = Network(server, hosts, ledger)
        server.create_database(made.database)
        for host in hosts:
            stack.callback(host.remove)
            host.connect()
            host.write(made.database, server.port, ledger)
        yield made


def until(is_so: Callable[[], object], seconds: float) -> float:
    """Wait until something is so, at most some seconds; return after how many it was, or inf."""
    began = time.monotonic()
    while not is_so():
        if time.monotonic() - began > seconds:
            return float("inf")
        time.sleep(0.2)
    return time.monotonic() - began


def switched_off(folder: Path) -> tuple[float, dict[str, list[str]]]:
    """Switch a host off in mid-run; return when the server held nothing of it, and what was recorded."""
    with network(folder, ("one",)) as net:
        [one] = net.hosts
        net.queue(one, 3600)
        process = one.start("cron")
        until(net.lines, DEADLINE)
        one.cut()
        process.send_signal(signal.SIGKILL)
        process.wait()
        freed = until(lambda: net.held() == 0, 120)
        one.mend()
        one.start("cron", name="one-again").wait(DEADLINE)
        return freed, net.outcomes()


@dataclass
class Watch:
    """What changed in the database, and after how many seconds."""

    net: Network
    began: float = field(default_factory=time.monotonic)
    told: list[str] = field(default_factory=list)
    state: str = ""
    lines: list[str] = field(default_factory=list)

    def look(self) -> None:
        """Note what is new: runs that were recorded, runs under way, locks that are held."""
        names = [host.name for host in self.net.hosts]  # each queued one task, in this order
        seen = [
            f"task of {names[adhoc_id - 1]}: {outcome} on {host}: {message or ''}".rstrip(": ")
            for adhoc_id, outcome, host, message in ask(self.net.url, RECORDED)
        ]
        for line in seen:
            if line not in self.told:
                self.told.append(line)
                self.note(line)
        state = f"{self.net.held()} advisory locks held"
        if state != self.state:
            self.state = state
            self.note(state)

    def note(self, what: str) -> None:
        self.lines.append(f"{time.monotonic() - self.began:4.0f} s  {what}")

    def until(self, is_so: Callable[[], object], seconds: float) -> bool:
        """Look once a second until something is so, or some seconds are over; return whether it is."""
        end = time.monotonic() + seconds
        while not is_so() and time.monotonic() < end:
            self.look()
            time.sleep(1)
        return bool(is_so())


RECORDED = """
select adhoc_id, outcome, hostname, message from task_log where adhoc_id is not null order by ended_at
"""


def stopped_for(folder: Path, seconds: float) -> tuple[Findings, list[str]]:
    """Stop hosts in mid-run and let them go on later; return what was broken, and what was recorded when.

    One host is stopped by a signal alone: its kernel still answers. One sleeps like a machine that was put
    to sleep: nothing answers. One container is killed and started under another name with its old state. A
    fourth host starts a cron each minute.
    """
    found = Findings()
    with network(folder, ("stopped", "asleep", "container", "awake")) as net:
        stopped, asleep, container, awake = net.hosts
        runs = []
        for host in (stopped, asleep, container):
            net.queue(host, 30)
            runs.append(host.start("cron"))
            until(lambda: len(net.lines()) >= len(runs), DEADLINE)
        watch = Watch(net)
        watch.look()
        for host, run in zip((stopped, asleep), runs, strict=False):
            signal_all(run.pid, signal.SIGSTOP)
            watch.note(f"host {host.name}: SIGSTOP")
        asleep.cut()
        watch.note("host asleep: nothing answers")
        signal_all(runs[2].pid, signal.SIGKILL)
        watch.note("host container: SIGKILL; started anew as container-2")
        container.start("cron", name="container-2")
        while time.monotonic() - watch.began < seconds:
            awake.start("cron")
            watch.until(lambda: False, min(60, max(seconds - (time.monotonic() - watch.began), 0)))
        asleep.mend()
        for run in runs[:2]:
            signal_all(run.pid, signal.SIGCONT)
        watch.note("both go on")
        watch.until(lambda: all(run.poll() is not None for run in runs[:2]), DEADLINE)
        watch.note(f"their crons ended with {[run.poll() for run in runs[:2]]}")
        for _ in range(3):
            for host in (awake, stopped, asleep):
                host.start("cron").wait(DEADLINE)
            container.start("cron", name="container-2").wait(DEADLINE)
            watch.until(lambda: not ask(net.url, "select id from task_adhoc"), 70)
        watch.look()
        ok = [adhoc_id for adhoc_id, how in net.outcomes().items() for one in how if one == "ok"]
        found.twice = len(ok) - len(set(ok))
        found.lost = 3 - len(set(ok))
        found.finished = len(ok)
        found.expect(not found.lost and not found.twice, f"lost {found.lost}, twice {found.twice}")
        found.expect(net.held() == 0, "a lock is held when all is done")
        errors = [host.name for host in net.hosts if "Traceback" in (host.folder / "out").read_text()]
        found.expect(not errors, f"tracebacks on {errors}")
        watch.lines += [f"ledger: {line}" for line in net.lines()]
    return found, watch.lines


def signal_all(pid: int, number: int) -> None:
    """Signal a process and those below it."""
    listed = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    below: dict[int, list[int]] = {}
    for child, parent in (map(int, line.split()) for line in listed.splitlines()):
        below.setdefault(parent, []).append(child)
    pids = [pid]
    for one in pids:
        pids += below.get(one, [])
    for one in pids:
        os.kill(one, number)


def cut_for(folder: Path, seconds: float) -> tuple[Findings, str]:
    """Cut the links of two of three hosts in mid-run for some seconds; then let crons of all clear up."""
    found = Findings()
    with network(folder, ("one", "two", "three")) as net:
        for host in net.hosts:
            net.queue(host, seconds + 5)
        runs = [host.start("cron") for host in net.hosts]
        until(lambda: len(net.lines()) >= 3, DEADLINE)
        for host in net.hosts[:2]:
            host.cut()
        freed = until(lambda: net.held() <= 2, 60) if seconds >= 60 else 0.0
        began = time.monotonic()
        while time.monotonic() - began < seconds - freed:
            time.sleep(0.2)
        for host in net.hosts[:2]:
            host.mend()
        for run in runs:
            run.wait(DEADLINE)
        for _ in range(2):
            for host in net.hosts:
                host.start("cron").wait(DEADLINE)
        outcomes = net.outcomes()
        ok = {adhoc_id: how.count("ok") for adhoc_id, how in outcomes.items() if "ok" in how}
        waiting = {str(row[0]) for row in ask(net.url, "select id from task_adhoc where attempts_left > 0")}
        found.twice = sum(count > 1 for count in ok.values())
        found.lost = 3 - len(ok.keys() | waiting)
        found.expect(not found.lost and not found.twice, f"lost {found.lost}, twice {found.twice}")
        if freed == float("inf"):
            found.broken.append("a slot was held for more than a minute after its host had vanished")
        recorded = sorted(one for how in outcomes.values() for one in how)
        told = f"2 links cut {seconds:.0f} s, slots free after {freed:.0f} s, {', '.join(recorded)}"
    return found, told
