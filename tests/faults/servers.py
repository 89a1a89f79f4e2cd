"""PostgreSQL goes away: its connections are killed, it crashes and comes back."""

import random
import time
from collections import Counter
from collections.abc import Callable

import psycopg

from tests.faults.invariants import Findings, check
from tests.faults.kills import queue
from tests.faults.site import FaultySite, ended_all
from tests.server.postgres import PostgresServer

KILL_ONE = """
select pg_terminate_backend(pid) from pg_stat_activity
where datname = %s and application_name like 'taskrun%%' order by random() limit 1
"""
HOSTS = ("here", "there")


TASKS = 200
"""How many are queued when none is left, as long as there is more harm to be done."""


def killed_connections(site: FaultySite, server: PostgresServer, seed: int, times: int) -> Findings:
    """End a random connection of taskrunner every 50 ms, so many times, while two hosts drain a queue."""
    name = site.database.rpartition("/")[2]

    def harm() -> None:
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute(KILL_ONE, (name,))

    return _drain_under(harm, site, times, pause=lambda: 0.05)


def crashing_server(site: FaultySite, server: PostgresServer, seed: int, times: int) -> Findings:
    """Crash and restart the server every second at the latest, while two hosts drain a queue."""
    chance = random.Random(seed)  # noqa: S311
    return _drain_under(
        lambda: server.restart("immediate"), site, times, pause=lambda: chance.uniform(0.2, 1)
    )


def _drain_under(
    harm: Callable[[], None], site: FaultySite, times: int, *, pause: Callable[[], float]
) -> Findings:
    for host in HOSTS:
        site.config(host)
    queued: set[int] = set()
    codes: Counter[int] = Counter()
    harmed = 0

    def harm_once() -> None:
        nonlocal harmed
        harm()
        harmed += 1

    while harmed < times:
        if not _left(site):
            queued |= queue(site, TASKS, first=len(queued) + 1)
        pids = [site.start_cron(host=host) for host in HOSTS for _ in range(2)]
        codes.update(ended_all(pids, meanwhile=harm_once, pause=pause))
    finish(site)
    found = check(site, queued, kills=codes.total())
    found.expect(set(codes) <= {0, 69, 75}, f"I10: exit codes {dict(codes)}")
    found.expect("Traceback" not in site.errors(), f"a traceback: {site.errors()[-400:]}")
    return found


def finish(site: FaultySite) -> None:
    """Let calm crons of all hosts do the rest."""
    deadline = time.monotonic() + 120
    while _left(site) != 0 and time.monotonic() < deadline:
        site.make_due()
        for host in HOSTS:
            site.cron(host=host)
    site.let_time_pass()
    for host in HOSTS:
        queue(site, 1, first=1_000_000)
        site.cron(host=host)


def _left(site: FaultySite) -> int:
    """Return how many tasks wait; many where the server cannot be asked just now."""
    try:
        with site.opened() as opened:
            return len(opened.store.adhoc.list()) + len(opened.store.runners.list())
    except Exception as error:
        if "database" not in str(error):
            raise
        return 1
