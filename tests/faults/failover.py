"""The primary dies for good, and its standby takes over: nothing is lost, or what is lost is told."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests.databases import ask
from tests.faults.invariants import Findings, check
from tests.faults.kills import queue
from tests.faults.servers import finish
from tests.faults.site import FaultySite, ended
from tests.patience import until
from tests.server.account import hand_over, run
from tests.server.postgres import PostgresServer, free_port, running_server

DATABASE = "failover"
TASKS = 60
LATE = 10
"""Tasks that are queued and done when the standby has lost sight of the primary."""


@contextmanager
def standby_of(primary: PostgresServer) -> Iterator[PostgresServer]:
    """Run a standby that receives all that its primary writes."""
    folder = primary.folder / "standby"
    folder.mkdir()
    hand_over(folder)
    data = folder / "data"
    run(
        primary.programs / "pg_basebackup",
        *("--pgdata", str(data), "--dbname", f"{primary.url()}?application_name=standby"),
        *("--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast", "--no-sync"),
        folder=folder,
    )
    standby = PostgresServer(primary.binaries, folder, free_port())
    with (data / "postgresql.conf").open("a", encoding="utf-8") as file:
        file.write(f"port = {standby.port}\nunix_socket_directories = '{folder}'\nhot_standby = on\n")
    data.chmod(0o700)
    try:
        standby.start()
        yield standby
    finally:
        standby.stop()


def alter(server: PostgresServer, setting: str, value: str) -> None:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(f"alter system set {setting} = '{value}'".encode())
        connection.execute("select pg_reload_conf()")


def promote(server: PostgresServer) -> None:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("select pg_promote(true, 60)")


def failover(folder: Path, *, synchronous: bool) -> tuple[Findings, str]:
    """Let the primary die while two hosts drain a queue; return what was broken, lost and told."""
    with running_server() as primary, standby_of(primary) as standby:
        primary.create_database(DATABASE)
        receiving = "select count(*) from pg_stat_replication where state = 'streaming'"
        until(lambda: ask(primary.url(), receiving) == [(1,)], "the standby receives")
        if synchronous:
            alter(primary, "synchronous_standby_names", "standby")
        hosts = f"{primary.host}:{primary.port},{standby.host}:{standby.port}"
        site = FaultySite(folder, f"postgresql://postgres@{hosts}/{DATABASE}?target_session_attrs=read-write")
        site.prepare(seconds=0.02)
        site.config("there")
        for host in ("here", "there"):
            site.cron(host=host)
        queued = queue(site, TASKS)
        if not synchronous:
            pids = [site.start_cron(host=host) for host in ("here", "there")]
            for pid in pids:
                ended(pid)
            replayed = "select pg_last_wal_receive_lsn() >= %s::pg_lsn"
            written = ask(primary.url(), "select pg_current_wal_lsn()")[0][0]
            until(lambda: ask(standby.url(), replayed.replace("%s", f"'{written}'"))[0][0], "it has all")
            alter(standby, "primary_conninfo", "")
            until(lambda: ask(primary.url(), receiving) == [(0,)], "the standby sees no more")
            late = queue(site, LATE, first=TASKS + 1)
            site.cron()
            queued |= late
        pids = [site.start_cron(host=host) for host in ("here", "there")]
        done = len(site.notes())
        while synchronous and len(site.notes()) < done + 20:
            time.sleep(0.01)
        primary.stop()
        codes = [ended(pid) for pid in pids]
        promote(standby)
        finish(site)
        told = site.errors().count("the database went back in time")
        found = check(site, queued, kills=len(pids) + LATE)
        starts = [
            note.number for note in site.notes() if note.what == "effect" and note.name == "faulty.Work"
        ]
        found.expect("Traceback" not in site.errors(), f"a traceback: {site.errors()[-400:]}")
        found.expect(set(codes) <= {0, 69, 75}, f"exit codes {codes}")
        words = f"{found.finished} done, crons ended with {codes}, told {told} times"
        if synchronous:
            found.expect(told == 0 and found.lost == 0, f"told {told}, lost {found.lost}")
        else:
            found.broken = [what for what in found.broken if not what.startswith(("I1", "I3", "I5"))]
            found.expect(told >= 1, "nobody told that the database went back in time")
            new_ids = queue(site, 3, first=2_000_000)
            found.expect(not new_ids & queued, f"ids given twice: {new_ids & queued}")
            words += f"; {LATE} done and forgotten, {found.lost} of them unknown to the new one"
            found.lost = 0
        return found, f"{words}; {len(starts)} effects"
