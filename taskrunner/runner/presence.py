"""The presence of a runner: its identity, its lock and its row; its renewal, and how it leaves."""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from taskrunner.errors import StoreError
from taskrunner.formatting import new_id
from taskrunner.hosts import note_crons
from taskrunner.locks import lock_name
from taskrunner.records import ClaimInfo
from taskrunner.trace import flush_output

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from types import FrameType

    from taskrunner.runner import Runner


class RunnerIdentity(NamedTuple):
    """Who a runner is."""

    id: str
    hostname: str
    pid: int
    started_at: float
    command: str
    renewed_from: float | None = None

    @property
    def began_at(self) -> float:
        """When its process started, which may have been renewed since."""
        return self.started_at if self.renewed_from is None else self.renewed_from

    def claim_info(self, now: float) -> ClaimInfo:
        """Return what the claim of a new run writes down."""
        return ClaimInfo(self.id, new_id(now), now, self.hostname, self.pid)


@contextmanager
def present(runner: Runner) -> Iterator[None]:
    """Let a runner be known as one inside the block.

    When the database fails, the row stays: the next cron finds it without its lock, and recovers its run.
    """
    site, identity = runner.site, runner.identity
    name = lock_name(identity.id)
    lock = site.locks.acquire(name)
    if lock is None:
        raise StoreError(f"the lock of the new runner {identity.id} is held by another process")
    try:
        with site.store.transaction():
            crons = (
                None if site.store.is_shared else site.store.hosts.beat(site.hostname, identity.started_at)
            )
            site.store.runners.add(
                identity.id,
                hostname=identity.hostname,
                pid=identity.pid,
                started_at=identity.started_at,
                command=identity.command,
                log_file=str(runner.output.log_path),
            )
        if crons is not None:
            note_crons(site, crons)
        yield
        site.store.runners.remove(identity.id)
        site.locks.forget(name)
        runner.journal.forget()
    finally:
        lock.release()


class Renewal(NamedTuple):
    """What a cron that starts anew knows of the one before it.

    `started_at`: when the first one of the process started. `phase`: scheduled or adhoc, with its own start.
    `stop_since`: a stop that was asked for after this moment is still to be obeyed. The rest is counted.
    """

    started_at: float
    phase: str
    phase_started_at: float
    stop_since: float
    scheduled: int
    adhoc: int
    failed: int
    in_phase: int
    log_file: str

    def text(self) -> str:
        """Return it as `renewal_of` takes it."""
        import json  # late: few crons start anew

        return json.dumps(self._asdict(), separators=(",", ":"))


def renewal_of(text: str) -> Renewal:
    """Return what `Renewal.text` has made a text of. Raises ValueError."""
    import json

    try:
        return Renewal(**json.loads(text))
    except TypeError as error:
        raise ValueError(f"{text!r} is not of this version") from error


def start_anew(renewal: Renewal, config: Path, options: Sequence[str]) -> None:
    """Become a new `taskrun cron` of the same process id; return only where that fails. Raises OSError.

    No working directory is needed, and nothing is imported from it.
    """
    import subprocess

    flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    command = [sys.executable, *flags, "-P", "-m", "taskrunner", "--config", str(config), "cron"]
    flush_output()
    os.execv(sys.executable, [*command, *options, "--renewed", renewal.text()])  # noqa: S606


PATIENCE = 10.0
"""Seconds for which threads that tasks left running are waited for."""


def wait_for_threads() -> list[str]:
    """Wait a while for the threads that tasks have left; return the names of those that have not ended."""
    until = time.monotonic() + PATIENCE
    threads = [one for one in threading.enumerate() if one is not threading.main_thread() and not one.daemon]
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    return [thread.name for thread in threads if thread.is_alive()]


LONGEST_END = 15.0
"""Seconds after which the process ends whatever keeps it: an exit handler, a child it waits for, a thread."""


def leave(exit_code: int) -> NoReturn:
    """End this process within a bounded time, else processes would pile up; what kept it is named."""
    # In C code that lets no thread run, or when the interpreter is half gone: nothing can be named then.
    # A timer of the kernel counts by itself, whatever the clock of this process says.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, LONGEST_END + 5)
    threading.Thread(target=_end_late, args=(LONGEST_END, exit_code), daemon=True).start()
    if threads := wait_for_threads():
        _tell(f"Ended although a thread still runs: {', '.join(threads)}")
        flush_output()
        os._exit(exit_code)
    sys.exit(exit_code)


def _end_late(seconds: float, exit_code: int) -> None:
    """End this process after some seconds if it still lives, and name what has kept it."""
    select.select([], [], [], seconds)  # not sleep: that counts by the clock of this process
    multiprocessing = sys.modules.get("multiprocessing")
    children = multiprocessing.active_children() if multiprocessing is not None else []
    if children:
        named = ", ".join(f"{child.name} (pid {child.pid})" for child in children)
        kept = f"a process of multiprocessing still runs: {named}"
    else:
        frame = sys._current_frames().get(threading.main_thread().ident or 0)
        kept = f"an exit handler has not ended{f': {_place(frame)}' if frame else ''}"
    _tell(f"Ended after {seconds:g} s although {kept}")
    os._exit(exit_code)


def _place(frame: FrameType) -> str:
    """Return where the outermost function runs that is not the program's own."""
    code, found = frame.f_code, frame.f_back
    while found is not None and found.f_back is not None:
        code, found = found.f_code, found.f_back
    return f"{code.co_name}, {code.co_filename}, line {code.co_firstlineno}"


def _tell(line: str) -> None:
    os.write(2, f"taskrun: {line}\n".encode("utf-8", "backslashreplace"))
