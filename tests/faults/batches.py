"""Faults in the middle of a batch: a task that hangs, a helper process that acts or dies, lost power."""

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from tests.faults.invariants import Findings, check
from tests.faults.kills import drain, queue, start_and_kill
from tests.faults.site import FaultySite, ended

TASKS = 24
"""Enough for batches: the first tasks of a class go alone."""

HANGS = {
    "Python": "time.sleep({seconds})",
    "C": "__import__('ctypes').CDLL(None).sleep({seconds})",
    "C, interpreter held": "__import__('ctypes').PyDLL(None).sleep({seconds})",
}
"""How a task hangs; in the last way no other thread of its process works."""

BEGUN = '        mtrace(f"begun {self.custom_data}")\n'


@dataclass
class Hung:
    """What came of a batch whose task hung: how many seconds later the last of the others started."""

    findings: Findings
    latest: float


def hang(site: FaultySite, how: str, *, number: int, seconds: int) -> Hung:
    """Let a task hang while two crons drain a queue: see where and when the others start."""
    text = (site.root / "plugins" / "faulty.py").read_text("utf-8")
    sleep = f"        if self.custom_data == {number}:\n            {HANGS[how].format(seconds=seconds)}\n"
    site.write_plugin("faulty", text.replace(BEGUN, BEGUN + sleep))
    site.cron()
    ids = queue(site, TASKS)
    crons = [site.start_cron("--keep-alive", str(seconds)) for _ in range(2)]
    codes = [ended(pid) for pid in crons]
    site.cron()
    found = check(site, ids, kills=0)
    starts = [note for note in site.notes() if note.what == "start" and note.number]
    hung_at = next(note.at for note in starts if note.number == number)
    found.expect(codes == [0, 0], f"crons ended with {codes}")
    _expect_each_once(found, site, ids)
    return Hung(found, max(note.at for note in starts) - hung_at)


def _expect_each_once(found: Findings, site: FaultySite, ids: set[int]) -> None:
    starts = Counter(note.number for note in site.notes() if note.what == "start" and note.number)
    twice = sorted(number for number, count in starts.items() if count > 1)
    found.expect(not twice, f"tasks were started twice: {twice}")
    found.expect(found.finished == len(ids), f"{found.finished} of {len(ids)} tasks are done")


def helper_at_any_time(site: FaultySite, seed: int, rounds: int) -> Findings:
    """Let the helper process give back what waits whenever it looks, while two crons drain a queue."""
    return _rounds(site, seed, rounds, lambda chance: _act_after(chance.uniform(0, 0.004)))


def _act_after(seconds: float) -> None:
    from taskrunner.runner import batch

    batch.STANDSTILL = 0.0
    batch.INTERVAL = seconds


def helper_killed(site: FaultySite, seed: int, rounds: int) -> Findings:
    """Kill the helper process at some moment, or when it has taken the rest and has not given it back."""
    return _rounds(site, seed, rounds, lambda chance: _kill_helper(chance.choice((0.0, 0.005, 0.02, None))))


def _kill_helper(seconds: float | None) -> None:
    from taskrunner.runner import batch

    def die(*_: object) -> None:
        time.sleep(seconds or 0.0)
        os.kill(os.getpid(), signal.SIGKILL)

    if seconds is None:
        _act_after(0.001)
        batch.settle_waiting = die
    else:
        batch.watch = die


def _rounds(site: FaultySite, seed: int, rounds: int, fault: Callable[[random.Random], None]) -> Findings:
    chance = random.Random(seed)  # noqa: S311
    ids: set[int] = set()
    for _ in range(rounds):
        ids |= queue(site, TASKS, first=len(ids) + 1)
        crons = [
            site.start_cron(before=partial(fault, random.Random(chance.random())))  # noqa: S311
            for _ in range(2)
        ]
        for pid in crons:
            assert ended(pid) == 0
    site.cron()
    site.let_time_pass()
    site.cron()
    found = check(site, ids, kills=0)
    _expect_each_once(found, site, ids)
    return found


def power_lost(site: FaultySite, seed: int, rounds: int) -> Findings:
    """Kill a cron and cut its journal back to nothing: at most the batch it was at is repeated."""
    chance = random.Random(seed)  # noqa: S311
    ids: set[int] = set()
    most, allowed = 0, 0
    while rounds:
        ids |= queue(site, TASKS, first=len(ids) + 1)
        before = _repeated(site)
        if not start_and_kill(site, chance):
            continue
        rounds -= 1
        for journal in site.root.glob("*/state/ended/*.journal"):
            os.truncate(journal, 0)
        with site.opened() as opened:
            claimed = sum(row.run_id is not None for row in opened.store.adhoc.list())
        drain(site)
        most, allowed = max(most, _repeated(site) - before - claimed), allowed + claimed
    site.let_time_pass()
    site.cron()
    found = check(site, ids, kills=allowed, forgotten=allowed)
    found.expect(most <= 0, f"{most} more effects repeated than tasks were claimed")
    found.expect(found.finished == len(ids), f"{found.finished} of {len(ids)} tasks are done")
    return found


def _repeated(site: FaultySite) -> int:
    effects = Counter(note.number for note in site.notes() if note.what == "effect" and note.number)
    return effects.total() - len(effects)
