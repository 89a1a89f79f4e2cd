"""kill -9 of the runner, at random instants and at named points."""

import itertools
import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.faults.invariants import Findings, check
from tests.faults.site import FaultySite, ended, kill

TASKS_PER_KILL = 3
LONGEST = 0.25
"""Seconds after its start at which the latest kill comes: a cron with work takes about as long."""

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
    return _run(site, kills, lambda: _start_and_kill(site, chance.uniform(0, LONGEST)))


def kills_while_renewing(site: FaultySite, seed: int, kills: int) -> Outcome:
    """Kill crons at random instants that start anew after each of their tasks, then let one finish."""
    chance = random.Random(seed)  # noqa: S311
    longest = TASKS_PER_KILL * LONGEST_RENEWAL
    return _run(site, kills, lambda: _start_and_kill(site, chance.uniform(0, longest)), "faulty.Clears")


def _start_and_kill(site: FaultySite, seconds: float) -> bool:
    pid = site.start_cron()
    time.sleep(seconds)
    done, _ = os.waitpid(pid, os.WNOHANG)
    if not done:
        kill(pid)
    return not done


POINTS = (
    *("before claim", "after claim", "before note", "after note"),
    *("before settle", "after settle", "after commit", "mid log write"),
)


def kills_at_points(site: FaultySite, seed: int, kills: int) -> Outcome:
    """Kill crons at points of the runner's own code, some tasks after their start; each point in its turn."""
    chance = random.Random(seed)  # noqa: S311
    points = itertools.cycle(POINTS)

    def one() -> bool:
        point, times = next(points), chance.randint(1, TASKS_PER_KILL)
        if ended(site.start_cron(before=lambda: die_at(point, times))) != -signal.SIGKILL:
            raise AssertionError(f"{point}: no cron has come to it {times} times")
        return True

    return _run(site, kills, one)


def _run(site: FaultySite, kills: int, one: Callable[[], bool], name: str = "faulty.Work") -> Outcome:
    queued: set[int] = set()
    hits, latest = 0, 0
    while hits < kills:
        queued |= queue(site, TASKS_PER_KILL, name, first=len(queued) + 1)
        if one():
            hits += 1
            latest = max(latest, _crons_until_recorded(site))
        site.make_due()
    while _has_work(site):
        site.cron()
        site.make_due()
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
    from taskrunner.runner.log_file import LogFile
    from taskrunner.runner.presence import RunJournal

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
    places: dict[str, tuple[object, str]] = {
        "claim": (AdhocClaims, "next"),
        "note": (RunJournal, "write"),
        "settle": (settle, "settle"),
        "commit": (settle.Settler, "_write"),
    }
    owner, name = places[what]
    (before if where == "before" else after)(owner, name)
