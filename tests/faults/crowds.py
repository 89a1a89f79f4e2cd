"""Many crons at once, and signals that ask them to leave."""

import os
import random
import signal
import time
from collections import Counter
from contextlib import suppress

from tests.faults.invariants import Findings, check
from tests.faults.kills import queue
from tests.faults.site import FaultySite, Note, ended

FULL = 2
"""The limit of the class `Few`."""


def stampedes(site: FaultySite, seed: int, rounds: int, *, crowd: int) -> Findings:
    """Start many crons at one moment, again and again, on a queue of two classes, one of them limited."""
    del seed
    queued: set[int] = set()
    codes: Counter[int] = Counter()
    for _ in range(rounds):
        queued |= queue(site, crowd, first=len(queued) + 1)
        queued |= queue(site, crowd // 2, "faulty.Few", first=len(queued) + 1)
        pids = [site.start_cron() for _ in range(crowd)]
        codes.update(ended(pid) for pid in pids)
    while _waiting(site):
        codes[site.cron()] += 1
    found = check(site, queued, kills=0)
    found.expect(set(codes) == {0}, f"I10: exit codes {dict(codes)}")
    found.expect(not site.errors(), f"shown: {site.errors()[-2000:]}")
    at_once = {name: _most_at_once(site.notes(), name) for name in ("faulty.Few", "faulty.")}
    found.expect(0 < at_once["faulty.Few"] <= FULL, f"of the limited class at once: {at_once}")
    found.expect(at_once["faulty."] <= site.slots, f"slots: {at_once}")
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


def _most_at_once(notes: list[Note], names: str) -> int:
    """Return how many adhoc tasks whose names begin so were at work at once, by their own account."""
    most = now = 0
    for note in sorted(notes, key=lambda note: (note.at, note.what)):  # at one moment, an effect goes before
        if note.name.startswith(names) and note.number:
            now += 1 if note.what == "start" else -1
            most = max(most, now)
    return most


def _waiting(site: FaultySite) -> bool:
    with site.opened() as opened:
        return bool(opened.store.adhoc.list(limit=1))
