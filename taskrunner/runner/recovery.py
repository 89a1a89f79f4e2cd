"""Runs whose process died: each gets its log row, and its task is free again."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from taskrunner.files import open_file
from taskrunner.records import Run
from taskrunner.runner.job import Ended
from taskrunner.runner.log_file import read_output, start_of_run
from taskrunner.runner.presence import LOCK_PREFIX, forget_note, lock_name, noted_end, sweep_notes

if TYPE_CHECKING:
    from taskrunner.installation import Site
    from taskrunner.records import RunnerRow, RunningRow
    from taskrunner.runner.turn import Turn

FATAL = "Fatal Python error: "
TIMEOUT = "Timeout ("
TRACEBACK = "(most recent call first):\n"
"""What faulthandler writes of a signal that no program survives, of the time that is up, and below both."""

LINES = 6
"""Lines above the traceback in which they stand."""


def cause_of_death(output: str) -> tuple[str, str]:
    r"""Return the outcome, and what is known of why, "" for nothing.

    >>> below = "\nCurrent thread 0x7f (most recent call first):\n  File ..."
    >>> cause_of_death("so farFatal Python error: Segmentation fault\n" + below)
    ('crashed', 'Segmentation fault')
    >>> cause_of_death("so far\nTimeout (0:00:11)!\nThread 0x7f (most recent call first):\n  File ...")
    ('timeout', 'it did not end in time')
    >>> cause_of_death("Fatal Python error: so it says"), cause_of_death("")
    (('crashed', ''), ('crashed', ''))
    """
    last_lines = output.rpartition(TRACEBACK)[0].splitlines()[-LINES:]
    for line in reversed(last_lines):  # which may begin with what the task had written of its last one
        if TIMEOUT in line and line.endswith(")!"):
            return "timeout", "it did not end in time"
        if FATAL in line:
            return "crashed", line.rpartition(FATAL)[2]
    return "crashed", ""


SETTLED = 60.0
"""Seconds after which a lock that is free and has no runner's row will never have one."""

ABSENCE = 300.0
"""Seconds without a cron on a host, after which others do the books of its dead."""


def dead_runners(site: Site, now: float) -> list[RunnerRow]:
    """Return the runners whose process is gone but whose row is not, and whose books are for this host to do.

    A host does its own: it has the log files. Others do them when it starts no crons any more.
    """
    rows = site.store.runners.list()
    left_alone = _left_to_others(site, rows, now) if rows and site.store.is_shared else set()
    return [row for row in rows if row.id not in left_alone and not site.locks.is_held(lock_name(row.id))]


def _left_to_others(site: Site, rows: list[RunnerRow], now: float) -> set[str]:
    """Return the ids of runners whose host was heard of lately, by the clock of the database.

    Their lock alone does not tell: it goes with its session, which a runner that lives may lose.
    """
    since = now - site.store.settings.clock_ahead(now) - ABSENCE
    at_work = {host.hostname for host in site.store.hosts.list() if host.seen_at > since}
    others = (row for row in rows if row.hostname != site.hostname)
    return {row.id for row in others if row.hostname in at_work or row.began_at > since}


def recover(site: Site, turn: Turn, *, now: float) -> None:
    """Record every run whose runner is dead: as it had ended, else as crashed, with what it had printed."""
    for runner in dead_runners(site, now):
        for running in site.store.runners.running():
            if running.runner_id == runner.id:
                _settle_dead(turn, running, now)
        site.store.runners.remove(runner.id)
        site.locks.forget(lock_name(runner.id))
        forget_note(site.config.state_dir, runner.id)
    known = {row.id for row in site.store.runners.list()}
    sweep_notes(site.config.state_dir, known, before=now - SETTLED)
    site.locks.sweep(LOCK_PREFIX, before=now - SETTLED)


def _settle_dead(turn: Turn, running: RunningRow, now: float) -> None:
    noted = noted_end(turn.site.config.state_dir, running)
    ended = noted or Ended(_crashed_run(running, now), running.fail_delay, running.attempts_left)
    run = ended.run
    with turn.site.store.transaction():
        settled = turn.settler.settle(ended)
    if settled:
        told = f"it had ended ({run.outcome}) before that was written down" if noted else run.message
        turn.executor.output.say(f"Recovered {run.type} task: {run.name} (run {run.run_id}): {told}")
        label = f"{running.title} ({running.name})" if running.type == "scheduled" else running.name
        if run.failed:
            turn.executor.report_failure(label, ended)
        turn.tell(ended)


def _crashed_run(running: RunningRow, now: float) -> Run:
    output = output_of_dead(running.log_file, running.run_id, hostname=running.hostname)
    outcome, cause = cause_of_death(output)
    return Run(
        run_id=running.run_id,
        type=running.type,
        name=running.name,
        plugin=running.name.partition(".")[0],
        adhoc_id=running.adhoc_id,
        user=running.user,
        due_at=running.due_at,
        started_at=running.started_at,
        ended_at=now,
        outcome=outcome,
        message=f"the process died (pid {running.pid} on {running.hostname}){cause and f': {cause}'}",
        output=output,
        log_file=running.log_file,
        db_reads=0,
        db_writes=0,
        cpu_seconds=0.0,
        max_rss=0,
        attempt=running.attempt,
        hostname=running.hostname,
        pid=running.pid,
    )


def output_of_dead(log_file: str | None, run_id: str, *, hostname: str) -> str:
    """Return what a run wrote before its process died, from its log file; "" where there is none."""
    if log_file is None:
        return ""
    try:
        descriptor = open_file(log_file, os.O_RDONLY)
    except OSError as error:
        return f"(its log file {log_file} on {hostname} cannot be read here: {error.strerror})"
    try:
        start = start_of_run(descriptor, run_id)
        return "" if start is None else read_output(descriptor, start, os.fstat(descriptor).st_size)
    finally:
        os.close(descriptor)
