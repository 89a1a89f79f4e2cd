"""The presence of a runner: its identity, its lock and its row; its renewal, and how it leaves.

Runs of one whose process died are recovered: each gets its log row, and its task is free again.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from taskrunner.errors import StoreError, StoreRefusedError
from taskrunner.files import open_file
from taskrunner.formatting import new_id
from taskrunner.hosts import note_crons
from taskrunner.liveness import LOCK_PREFIX, dead_runners, lock_name
from taskrunner.records import ClaimInfo
from taskrunner.runner import messages as lines
from taskrunner.runner.job import BY_HAND, FinishedRun, running_job
from taskrunner.runner.journal import read_journal, remove_journal, remove_old_journals, set_journal_aside
from taskrunner.runner.log_file import before_next_run, read_output, start_of_run
from taskrunner.runner.settle import settle, without_text
from taskrunner.task import flush_output

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from types import FrameType

    from taskrunner.records import RunningRow
    from taskrunner.runner import Runner
    from taskrunner.runner.journal import Journal


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


FATAL = "Fatal Python error: "
TIMEOUT = "Timeout ("
TRACEBACK = "(most recent call first):\n"
"""What faulthandler writes of a signal that no program survives, of the time that is up, and below both."""

LINES = 6
"""Lines above the traceback in which they stand."""


def crash_reason(output: str) -> tuple[str, str]:
    r"""Return the outcome of a run whose process died, and why as far as that is known, else "".

    >>> below = "\nCurrent thread 0x7f (most recent call first):\n  File ..."
    >>> crash_reason("so farFatal Python error: Segmentation fault\n" + below)
    ('crashed', 'Segmentation fault')
    >>> crash_reason("so far\nTimeout (0:00:11)!\nThread 0x7f (most recent call first):\n  File ...")
    ('timeout', 'it did not end in time')
    >>> crash_reason("Fatal Python error: so it says"), crash_reason("")
    (('crashed', ''), ('crashed', ''))
    >>> crash_reason("so far\nCron process ended by an error of its own: disk is full\n")
    ('crashed', 'disk is full')
    """
    last_line = output.rstrip("\n").rpartition("\n")[2]
    if lines.RUNNER_DIED in last_line:
        return "crashed", last_line.partition(lines.RUNNER_DIED)[2]
    last_lines = output.rpartition(TRACEBACK)[0].splitlines()[-LINES:]
    for line in reversed(last_lines):  # which may begin with what the task had written of its last one
        if TIMEOUT in line and line.endswith(")!"):
            return "timeout", "it did not end in time"
        if FATAL in line:
            return "crashed", line.rpartition(FATAL)[2]
    return "crashed", ""


SETTLED = 60.0
"""Seconds after which a lock that is free and has no runner's row will never have one."""


def recover(runner: Runner, *, now: float) -> None:
    """Record every run whose runner is dead: as it had ended, else as crashed, with what it had printed."""
    site, state_dir = runner.site, runner.site.config.state_dir
    for dead in dead_runners(site, now):
        journal, claimed = read_journal(state_dir, dead.id), site.store.runners.claimed(dead.id)
        _give_back(runner, [running for running in claimed if not journal.has_started(running)])
        started = [running for running in claimed if journal.has_started(running)]
        in_batch = len(claimed) > 1
        by_hand = dead.command == BY_HAND
        settled = [
            _settle_dead(runner, running, journal, now, in_batch=in_batch, by_hand=by_hand)
            for running in started
        ]
        if not all(settled):
            continue
        site.store.runners.remove(dead.id)
        site.locks.forget(lock_name(dead.id))
        remove_journal(state_dir, dead.id)
    known = {row.id for row in site.store.runners.list()}
    remove_old_journals(state_dir, known, before=now - SETTLED)
    site.locks.sweep(LOCK_PREFIX, before=now - SETTLED)


def _give_back(runner: Runner, waiting: list[RunningRow]) -> None:
    """Give back what had been claimed together with other tasks, and had not started."""
    if waiting:
        count = runner.site.store.adhoc.give_back([one.run_id for one in waiting], interrupted=True)
        runner.output.say(lines.given_back(count, waiting[0].name))


def _settle_dead(
    runner: Runner, running: RunningRow, journal: Journal, now: float, *, in_batch: bool, by_hand: bool
) -> bool:
    """Settle a run of a dead runner; return whether that was possible.

    What the database refuses is set aside, and never keeps this cron from its work.
    """
    noted = journal.finished_run(running)
    finished = noted or _crashed_run(
        running, now, started_at=journal.started.get(running.run_id), in_batch=in_batch, by_hand=by_hand
    )
    try:
        _settle_as(runner, running, finished, is_noted=noted is not None)
    except StoreRefusedError as error:
        set_journal_aside(runner.site.config.state_dir, running.runner_id)
        runner.output.say(lines.refused(running.name, error))
        return _settle_without_text(runner, running, finished, error)
    return True


def _settle_without_text(
    runner: Runner, running: RunningRow, finished: FinishedRun, error: StoreRefusedError
) -> bool:
    """Settle a run without the texts that were refused, else as crashed; return whether that was possible."""
    crashed = _crashed_run(running, finished.run.ended_at, by_hand=finished.by_hand)
    for tried in (finished, crashed):
        try:
            _settle_as(runner, running, without_text(tried, error), is_noted=tried is finished)
        except StoreRefusedError as again:
            error = again
        else:
            return True
    runner.output.say(f"Cannot recover {running.type} task: {running.name}: {error}")
    return False


def _settle_as(runner: Runner, running: RunningRow, finished: FinishedRun, *, is_noted: bool) -> None:
    run = finished.run
    with runner.site.store.transaction():
        is_settled = settle(runner.site, finished)
    if is_settled.get():
        what = f"it had ended ({run.outcome}) before that was written down" if is_noted else run.message
        runner.output.say(f"Recovered {run.type} task: {run.name} (run {run.run_id}): {what}")
        runner.settler.report_recovered(running_job(running).label, finished)


def _crashed_run(
    running: RunningRow,
    now: float,
    *,
    started_at: float | None = None,
    in_batch: bool = False,
    by_hand: bool = False,
) -> FinishedRun:
    """Return a run that had started, or of which nobody knows whether it had."""
    is_doubtful = bool(running.behind) and started_at is None
    running = running._replace(started_at=started_at or running.started_at)
    output, written_at = output_of_dead(running.log_file, running.run_id, hostname=running.hostname)
    if in_batch:  # of which others may have run behind it
        output = before_next_run(output)
    outcome, reason = crash_reason(output)
    signs = (running.started_at, written_at, running.progress_at or 0.0)
    run = running_job(running).run(
        outcome=outcome,
        ended_at=max(running.started_at, min(max(signs), now)),
        noticed_at=now,
        message=f"the process died (pid {running.pid} on {running.hostname}){reason and f': {reason}'}"
        + ("; it is not known whether it had started" if is_doubtful and not written_at else ""),
        output=output,
        log_file=running.log_file,
    )
    return FinishedRun(run, running.fail_delay, running.attempts_left, by_hand=by_hand)


def output_of_dead(log_file: str | None, run_id: str, *, hostname: str) -> tuple[str, float]:
    """Return what a run wrote before its process died, and when its log file was last written, else 0.

    The output is "" where there is no log file.
    """
    if log_file is None:
        return "", 0.0
    try:
        descriptor = open_file(log_file, os.O_RDONLY)
    except OSError as error:
        return f"(its log file {log_file} on {hostname} cannot be read here: {error.strerror})", 0.0
    try:
        start, status = start_of_run(descriptor, run_id), os.fstat(descriptor)
        if start is None:
            return "", 0.0
        return read_output(descriptor, start, status.st_size), status.st_mtime
    finally:
        os.close(descriptor)
