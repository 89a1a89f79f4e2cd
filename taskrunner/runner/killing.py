"""Ending a run from outside: its process is asked twice, as by a person, then killed."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

from taskrunner.errors import TaskrunnerError
from taskrunner.runner.presence import lock_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from taskrunner.records import RunningRow
    from taskrunner.site import Site

BETWEEN = 0.3
"""Seconds between the two signals: the kernel makes one of two equal ones that wait together."""

INTERVAL = 0.1
PATIENCE_AFTER_KILL = 10.0


def kill_run(site: Site, row: RunningRow, *, grace: float) -> bool:
    """End a run of this host: TERM twice, and after `grace` seconds KILL; say whether that was needed.

    After TERM its own process records it as interrupted; after KILL, recovery records it as crashed.
    Raises TaskrunnerError: it runs on another host, or its process belongs to somebody else.
    """
    if row.hostname != site.hostname:
        raise TaskrunnerError(
            f"{row.name} runs on {row.hostname}, pid {row.pid}: it can be killed there only",
            hint=f"ssh {row.hostname} taskrun kill {row.run_id}",
        )
    for _ in range(2):
        if not _lives(site, row):
            return False
        _send(row, signal.SIGTERM)
        _wait(lambda: _goes_on(site, row), BETWEEN)
    if not _wait(lambda: _goes_on(site, row), grace):
        return False
    _send(row, signal.SIGKILL)
    if _wait(lambda: _lives(site, row), PATIENCE_AFTER_KILL):
        raise TaskrunnerError(f"pid {row.pid} does not even end when it is killed", hint=f"ps -l {row.pid}")
    return True


def _lives(site: Site, row: RunningRow) -> bool:
    """Say whether the process lives: its lock tells, so that a pid given to another program is left alone."""
    return site.locks.is_held(lock_name(row.runner_id))


def _goes_on(site: Site, row: RunningRow) -> bool:
    is_running = any(one.run_id == row.run_id for one in site.store.runners.running())
    return is_running and _lives(site, row)


def _send(row: RunningRow, number: signal.Signals) -> None:
    try:
        os.kill(row.pid, number)
    except ProcessLookupError:
        return
    except PermissionError as error:
        raise TaskrunnerError(
            f"pid {row.pid} of {row.name} belongs to another user", hint=f"sudo taskrun kill {row.run_id}"
        ) from error


def _wait(goes_on: Callable[[], bool], seconds: float) -> bool:
    """Wait while something goes on, at most so long; say whether it still does."""
    until = time.monotonic() + seconds
    while goes_on():
        if time.monotonic() >= until:
            return True
        time.sleep(INTERVAL)
    return False
