"""The helper process of batches: when a task hangs, it gives back what was claimed with it and not started.

No thread: it works also while the task holds the interpreter for itself, in C code say. It decides nothing by
a clock: a line in the run journal does, and the order of its lines (see `journal`).
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from typing import TYPE_CHECKING, NoReturn

from taskrunner.child_process import is_ready
from taskrunner.files import open_file
from taskrunner.runner.journal import give_back, read_journal
from taskrunner.runner.log_file import KEPT_FROM_CHILDREN, kept_from_children, moved
from taskrunner.runner.settle import settle
from taskrunner.store import open_store

if TYPE_CHECKING:
    from pathlib import Path

    from taskrunner.installation import Site
    from taskrunner.runner.journal import RunJournal

INTERVAL = 0.2
"""Seconds between two looks at the journal."""

STANDSTILL = 0.8
"""Seconds in which nothing moved, after which the helper acts: with its interval, a second at most."""

PATIENCE = 0.5
"""Seconds for which its end is waited for."""


class BatchHelper:
    """A process beside that of a runner; it leaves when it has done its work, or when the runner is gone.

    It is nobody's child, so that no task which waits for its own children waits for it.
    """

    def __init__(self, site: Site, journal: RunJournal) -> None:
        leaving, ours = os.pipe()
        alive, its = os.pipe()
        self._ours, self._alive = moved(ours), moved(alive)
        kept_from_children(self._ours)
        kept_from_children(self._alive)
        child = os.fork()
        if child == 0:
            _live(site, journal, leaving, its)
        os.close(leaving)
        os.close(its)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(child, 0)

    def is_alive(self) -> bool:
        """Return whether it is there; also not if a task has closed the pipes that tell."""
        return self._ours.is_intact() and self._alive.is_intact() and not is_ready(self._alive.number)

    def leave(self) -> bool:
        """Let it leave; return whether it has."""
        KEPT_FROM_CHILDREN.discard(self._ours)
        self._ours.close()
        if self._alive.is_intact() and not is_ready(self._alive.number, seconds=PATIENCE):
            return False
        KEPT_FROM_CHILDREN.discard(self._alive)
        self._alive.close()
        return True


IDLE = 10.0
"""Seconds without any news after which it leaves: a long task may follow the short ones."""

LONGEST = 60
"""Seconds after which the kernel ends it, whatever it waits for."""


def _live(site: Site, journal: RunJournal, leaving: int, its: int) -> NoReturn:
    """Be the helper, which no signal to the group is meant for, and nobody's child."""
    try:
        nothing = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):  # whoever reads what the runner prints is not to wait for the helper
            os.dup2(nothing, number)
        for signal_number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(signal_number, signal.SIG_IGN)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        if os.fork() == 0:
            watch(leaving, site, journal)
    finally:
        os._exit(0)


def watch(leaving: int, site: Site, journal: RunJournal) -> None:
    """Look at the journal until nothing moves while tasks wait; then give those back."""
    size, moved_at = -1, 0.0
    while not is_ready(leaving, seconds=INTERVAL):
        try:
            now, size_now = time.monotonic(), os.stat(journal.path).st_size
        except OSError:  # the runner has left
            return
        if size_now != size:
            size, moved_at = size_now, now
        elif now - moved_at >= IDLE:
            return
        elif now - moved_at >= STANDSTILL and _has_waiting(journal.path):
            signal.alarm(LONGEST)
            give_back(journal.path)
            store = open_store(site.config.database, lock_database=site.config.lock_database)
            settle_waiting(site._replace(store=store), journal)
            return


TAIL = 64 * 1024


def _has_waiting(path: Path) -> bool:
    """Return whether tasks wait behind the last one that has started."""
    descriptor = open_file(path, os.O_RDONLY)
    try:
        tail = os.pread(descriptor, TAIL, max(0, os.fstat(descriptor).st_size - TAIL))
    finally:
        os.close(descriptor)
    starts = [line for line in tail.split(b"\n") if line.startswith(b"S ")]
    return bool(starts) and not starts[-1].endswith(b" 0")


def settle_waiting(site: Site, journal: RunJournal) -> None:
    """Settle what has ended well, and give back what has not started, of the batch whose task hangs.

    Called once the journal says so; the runner starts nothing of it from then on. What it settles itself
    later is not its own any more.
    """
    noted = read_journal(journal.state_dir, journal.runner_id)
    with site.store.transaction():
        waiting = []
        for row in site.store.runners.claimed(journal.runner_id):
            if row.run_id in noted.ended:
                if noted.ended[row.run_id].outcome == "ok" and (finished := noted.finished_run(row)):
                    settle(site, finished).get()
            elif not noted.has_started(row):
                waiting.append(row.run_id)
            elif row.behind:
                site.store.adhoc.note_start(row.run_id, noted.started[row.run_id])
        site.store.adhoc.give_back(waiting, interrupted=False)
