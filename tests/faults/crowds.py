"""Many crons at once, and signals that ask them to leave."""

import os
import random
import signal
import time
from collections import Counter
from contextlib import suppress

from tests.faults.invariants import Findings, check
from tests.faults.kills import queue
from tests.faults.site import FaultySite, ended, ended_all

FULL = 2
"""The limit of the class `Few`."""


def stampedes(site: FaultySite, seed: int, rounds: int, *, crowd: int) -> Findings:
    """Start many crons at one moment, again and again, on a queue of two classes, one of them limited."""
    del seed
    queued: set[int] = set()
    codes: Counter[int] = Counter()
    most: Counter[str] = Counter()
    for _ in range(rounds):
        queued |= queue(site, crowd, first=len(queued) + 1)
        queued |= queue(site, crowd // 2, "faulty.Few", first=len(queued) + 1)
        pids = [site.start_cron() for _ in range(crowd)]
        codes.update(ended_all(pids, meanwhile=lambda: _look(site, most), pause=lambda: 0.01))
    while _waiting(site):
        codes[site.cron()] += 1
    found = check(site, queued, kills=0)
    found.expect(set(codes) == {0}, f"I10: exit codes {dict(codes)}")
    found.expect(not site.errors(), f"shown: {site.errors()[-2000:]}")
    found.expect(most["faulty.Few"] <= FULL, f"{most['faulty.Few']} of the limited class at once")
    found.expect(most.total() and max(most.values()) <= site.slots, f"slots: {most}")
    return found


def polite_signals(site: FaultySite, seed: int, rounds: int) -> Findings:
    """Ask crons to leave, once or twice, while they run tasks: nothing is charged, nothing is lost."""
    chance = random.Random(seed)  # noqa: S311
    queued: set[int] = set()
    codes: Counter[int] = Counter()
    for _ in range(rounds):
        queued |= queue(site, 3, first=len(queued) + 1)
        pid = site.start_cron()
        begun = len(site.notes())
        while len(site.notes()) == begun:
            time.sleep(0.002)
        for _ in range(chance.randint(1, 2)):
            time.sleep(chance.uniform(0, 0.02))
            with suppress(ProcessLookupError):
                os.kill(pid, chance.choice((signal.SIGTERM, signal.SIGINT)))
        code = ended(pid)
        codes[code if code >= 0 else 128 - code] += 1  # as a shell says it: the second came after the goodbye
        site.make_due()
    while _waiting(site):
        site.cron()
        site.make_due()
    found = check(site, queued, kills=0)
    found.expect(set(codes) <= {0, 130, 143}, f"I10: exit codes {dict(codes)}")
    found.expect(found.crashed == 0, f"{found.crashed} runs are recorded as crashed")
    return found


def _look(site: FaultySite, most: Counter[str]) -> None:
    """Note how many tasks of each class run now, if that is more than ever before."""
    with site.opened() as opened:
        for name, (count, _) in opened.store.adhoc.running_classes().items():
            most[name] = max(most[name], count)


def _waiting(site: FaultySite) -> bool:
    with site.opened() as opened:
        return bool(opened.store.adhoc.list(limit=1))
