"""kill -9 of the runner, at random instants and at named points."""

import itertools
import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from tests.faults.invariants import Findings, check
from tests.faults.site import FaultySite, ended, kill

TASKS_PER_KILL = 16
"""Enough for batches: the first tasks of a class go alone."""

LONGEST = 0.25
"""Seconds at which the latest kill comes, after a cron was started or its first task was."""

AT_WORK = 0.8
"""How many of the kills wait for the first task; the others come while a cron starts."""

RENEWED_TASKS = 3
LONGEST_RENEWAL = 0.35
"""Seconds that a process takes to start anew, and to run a task."""


@dataclass
class Outcome:
    """What a round of kills came to: kills that hit, and crons until each crash was recorded."""

    findings: Findings
    kills: int
    latest_recovery: int


def random_kills(site: FaultySite, seed: int, kills: int) -> Outcome:
    """Kill crons at random instants while they drain a queue, then let one finish it."""
    chance = random.Random(seed)  # noqa: S311
    return _run(site, kills, lambda: start_and_kill(site, chance))


def kills_while_renewing(site: FaultySite, seed: int, kills: int) -> Outcome:
    """Kill crons at random instants that start anew after each of their tasks, then let one finish."""
    chance = random.Random(seed)  # noqa: S311
    longest = RENEWED_TASKS * LONGEST_RENEWAL
    one = partial(start_and_kill, site, chance, longest=longest)
    return _run(site, kills, one, "faulty.Clears", tasks=RENEWED_TASKS)


def start_and_kill(site: FaultySite, chance: random.Random, *, longest: float = LONGEST) -> bool:
    """Kill a cron, mostly while it runs tasks; return whether it was not done before."""
    seen = site.ledger_size()
    pid = site.start_cron()
    waits = chance.random() < AT_WORK
    while waits and site.ledger_size() == seen and not _is_done(pid):
        time.sleep(0.002)
    time.sleep(chance.uniform(0, longest))
    if _is_done(pid):
        os.waitpid(pid, 0)
        return False
    kill(pid)
    return True


def _is_done(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


POINTS = {
    **{"before claim": 5, "after claim": 5, "before start": 16, "after start": 16, "before note": 16},
    **{"after note": 16, "before settle": 5, "after settle": 5, "after commit": 5, "mid log write": 30},
    "after giving back": 12,
}
"""Point -> how often at least a cron comes to it that has `TASKS_PER_KILL` tasks to run.

start, note: the lines of the run journal before and after a run. Giving back: the helper process has taken
what had not started, and dies with the runner.
"""


def kills_at_points(site: FaultySite, seed: int, kills: int) -> Outcome:
    """Kill crons at points of the runner's own code, some tasks after their start; each point in its turn."""
    chance = random.Random(seed)  # noqa: S311
    points = itertools.cycle(POINTS)

    def one() -> bool:
        point = next(points)
        times = chance.randint(1, POINTS[point])
        if ended(site.start_cron(before=lambda: die_at(point, times))) != -signal.SIGKILL:
            raise AssertionError(f"{point}: no cron has come to it {times} times")
        return True

    return _run(site, kills, one)


def _run(
    site: FaultySite,
    kills: int,
    one: Callable[[], bool],
    name: str = "faulty.Work",
    *,
    tasks: int = TASKS_PER_KILL,
) -> Outcome:
    queued: set[int] = set()
    hits, latest = 0, 0
    while hits < kills:
        queued |= queue(site, tasks, name, first=len(queued) + 1)
        if one():
            hits += 1
            latest = max(latest, _crons_until_recorded(site))
        site.make_due()
    drain(site)
    site.let_time_pass()
    queued |= queue(site, 1, first=len(queued) + 1)
    site.cron()
    return Outcome(check(site, queued, kills=hits), hits, latest)


def _crons_until_recorded(site: FaultySite) -> int:
    """Return how many crons it takes until nothing of the dead is left."""
    with site.opened() as opened:
        if not opened.store.runners.running():
            return 0
    for count in range(1, 10):
        pid = site.start_cron("--quiet")
        ended(pid)
        with site.opened() as opened:
            if not opened.store.runners.running():
                return count
    return 10


def drain(site: FaultySite) -> None:
    """Let crons run until nothing is queued."""
    while _has_work(site):
        site.cron()
        site.make_due()


def _has_work(site: FaultySite) -> bool:
    with site.opened() as opened:
        return bool(opened.store.adhoc.list(limit=1))


def queue(site: FaultySite, count: int, name: str = "faulty.Work", *, first: int = 1) -> set[int]:
    """Queue tasks, each with a number; return their ids."""
    from taskrunner.queueing import enqueue, new_task

    now = time.time()
    with site.opened() as opened:
        tasks = [
            new_task(name, number, user=None, next_run_at=now, retry=True, attempts=1_000_000)
            for number in range(first, first + count)
        ]
        return set(enqueue(opened.store, tasks, now))


def die_at(point: str, times: int) -> None:
    """Let this process die when it comes to a point for the so-manieth time."""
    from taskrunner.runner import settle
    from taskrunner.runner.claim import AdhocClaims
    from taskrunner.runner.journal import RunJournal
    from taskrunner.runner.log_file import LogFile

    left = [times]

    def die() -> None:
        left[0] -= 1
        if left[0] <= 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def before(owner: object, name: str) -> None:
        function = getattr(owner, name)
        setattr(owner, name, lambda *args, **kwargs: (die(), function(*args, **kwargs))[1])

    def after(owner: object, name: str) -> None:
        function = getattr(owner, name)
        setattr(owner, name, lambda *args, **kwargs: (function(*args, **kwargs), die())[0])

    def half_a_write(log: LogFile, data: bytes) -> None:
        os.write(log.descriptor, data[: len(data) // 2])
        die()
        os.write(log.descriptor, data[len(data) // 2 :])

    if point == "mid log write":
        LogFile.write = half_a_write  # type: ignore[method-assign]
        return
    where, what = point.split(" ", 1)
    if point == "after giving back":
        RunJournal.start = given_back_before(RunJournal.start, left)  # type: ignore[method-assign]
    places: dict[str, tuple[object, str]] = {
        "giving back": (RunJournal, "start"),
        "claim": (AdhocClaims, "next"),
        "start": (RunJournal, "start"),
        "note": (RunJournal, "write"),
        "settle": (settle.Settler, "_settle_all"),
        "commit": (settle.Settler, "_write"),
    }
    owner, name = places[what]
    (before if where == "before" else after)(owner, name)


def given_back_before(start: Callable[..., bool], left: list[int]) -> Callable[..., bool]:
    """Return a start that comes behind the line of the helper process, where it is the last one."""
    from taskrunner.runner.journal import give_back

    def late(journal: Any, run_id: str, started_at: float, **settings: int) -> bool:
        if left[0] == 1 and journal.path.exists():
            give_back(journal.path)
        return start(journal, run_id, started_at, **settings)

    return late
