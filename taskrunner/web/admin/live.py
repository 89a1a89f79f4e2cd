"""What a run prints while it runs: the end of it for a page, and all that follows as text that grows."""

from __future__ import annotations

import codecs
import os
import time
from threading import BoundedSemaphore
from typing import TYPE_CHECKING

from taskrunner.files import open_file
from taskrunner.liveness import DIED, dead_runner_ids
from taskrunner.runner.log_file import Tail, start_of_run
from taskrunner.views.columns import harmless
from taskrunner.views.runs import took

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from taskrunner.installation import Site
    from taskrunner.records import RunningRow

ON_A_PAGE = 8 * 1024
FROM_BEFORE = 256 * 1024
"""Bytes of what was printed already that are shown at first."""

LONGEST = 600.0
"""Seconds for which one request is answered: each takes a thread of the web server."""

MOST_AT_ONCE = 4
"""Runs that are followed at once in this process: the other threads are for pages."""

PLACES = BoundedSemaphore(MOST_AT_ONCE)
LOOK_INTERVAL = 0.2
ASK_INTERVAL = 1.0


def tail_of(row: RunningRow) -> str:
    """Return the end of what a run of this host has printed so far."""
    tail = _opened(row, most=ON_A_PAGE)
    if tail is None:
        return ""
    try:
        return tail.read(tail.size()).decode("utf-8", "replace")
    finally:
        os.close(tail.descriptor)


def follow(site: Site, row: RunningRow, *, clock: Callable[[], float]) -> Iterator[bytes]:
    """Yield what a run of this host prints until it ends, for ten minutes at most."""
    if not PLACES.acquire(blocking=False):
        yield f"{MOST_AT_ONCE} runs are followed already: close one of those pages.\n".encode()
        return
    try:
        yield from _followed(site, row, clock=clock)
    finally:
        PLACES.release()


def _followed(site: Site, row: RunningRow, *, clock: Callable[[], float]) -> Iterator[bytes]:
    tail = _opened(row, most=FROM_BEFORE)
    if tail is None:
        yield f"The log file {row.log_file} cannot be read.\n".encode("utf-8", "replace")
        return
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    until, asked_at = clock() + LONGEST, float("-inf")
    try:
        while True:
            end = tail.size()
            if end > tail.offset or clock() - asked_at >= ASK_INTERVAL:
                # asked after the size was taken: what was written up to there is of this run
                asked_at = clock()
                if last := _end_of(site, row):
                    yield _shown(decoder.decode(tail.rest(), final=True))
                    yield f"\n{last}\n".encode("utf-8", "replace")
                    return
                if asked_at >= until:
                    yield f"\n{row.name} is still running: load this page again to read on.\n".encode()
                    return
            text = decoder.decode(tail.read(end))
            yield _shown(text)  # also nothing: so a server notices that nobody reads any more
            time.sleep(LOOK_INTERVAL)
    finally:
        os.close(tail.descriptor)


def _shown(text: str) -> bytes:
    return harmless(text).encode("utf-8", "replace")


def _end_of(site: Site, row: RunningRow) -> str:
    """Return how a run has ended, or "" while it still runs."""
    if any(one.run_id == row.run_id for one in site.store.runners.running()):
        return f"{row.name}: {DIED}" if row.runner_id in dead_runner_ids(site, time.time()) else ""
    runs = site.store.log.find(row.run_id)
    return f"{row.name}: {runs[0].outcome}, it took {took(runs[0])}" if runs else f"{row.name} has ended"


def _opened(row: RunningRow, *, most: int) -> Tail | None:
    """Open a log file where the output of a run begins, or so many bytes before its end.

    None if it cannot be read.
    """
    try:
        descriptor = open_file(row.log_file or "", os.O_RDONLY)
    except OSError:
        return None
    end = os.fstat(descriptor).st_size
    start = start_of_run(descriptor, row.run_id)
    return Tail(descriptor, end if start is None else max(start, end - most))
