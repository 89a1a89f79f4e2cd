"""Runs whose process died: each gets its log row, and its task is free again."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from taskrunner.records import Run
from taskrunner.runner.aftermath import forget_note, noted_end
from taskrunner.runner.ended import Ended
from taskrunner.runner.last_words import cause_of_death
from taskrunner.runner.output.log_file import open_for_reading, read_output
from taskrunner.runner.presence import lock_name

if TYPE_CHECKING:
    from taskrunner.records import RunnerRow, RunningRow
    from taskrunner.runner.turn import Turn
    from taskrunner.site import Site

PIECE = 1024 * 1024


def dead_runners(site: Site) -> list[RunnerRow]:
    """Return the runners whose process is gone but whose row is not."""
    return [row for row in site.store.runners.list() if not site.locks.is_held(lock_name(row.id))]


def recover(site: Site, turn: Turn, *, now: float) -> None:
    """Record every run whose runner is dead: as it had ended, else as crashed, with what it had printed."""
    for runner in dead_runners(site):
        for running in site.store.runners.running():
            if running.runner_id == runner.id:
                _settle_dead(turn, running, now)
        site.store.runners.remove(runner.id)
        site.locks.forget(lock_name(runner.id))
        forget_note(site.config.state_dir, runner.id)


def _settle_dead(turn: Turn, running: RunningRow, now: float) -> None:
    noted = noted_end(turn.site.config.state_dir, running)
    ended = noted or Ended(_crashed_run(running, now), running.fail_delay, running.attempts_left)
    run = ended.run
    with turn.site.store.transaction():
        settled = turn.settler.settle(ended)
    if settled:
        told = f"it had ended ({run.outcome}) before its process died" if noted else run.message
        turn.executor.output.say(f"Recovered {run.type} task: {run.name} (run {run.run_id}): {told}")
        label = f"{running.title} ({running.name})" if running.type == "scheduled" else running.name
        turn.executor.report_failure(label, ended)
        turn.tell(ended)


def _crashed_run(running: RunningRow, now: float) -> Run:
    output = output_of_dead(running.log_file, running.run_id)
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


def output_of_dead(log_file: str | None, run_id: str) -> str:
    """Return what a run wrote before its process died, from its log file; "" where there is none."""
    if log_file is None:
        return ""
    try:
        descriptor = open_for_reading(log_file)
    except OSError as error:
        return f"(its log file {log_file} cannot be read: {error.strerror})"
    try:
        start = _find(descriptor, f"... run id {run_id}\n".encode())
        return "" if start is None else read_output(descriptor, start, os.fstat(descriptor).st_size)
    finally:
        os.close(descriptor)


def _find(descriptor: int, text: bytes) -> int | None:
    """Return the offset behind a text in a file, read piece by piece."""
    offset = 0
    while piece := os.pread(descriptor, PIECE + len(text), offset):
        found = piece.find(text)
        if found >= 0:
            return offset + found + len(text)
        offset += PIECE
    return None
