"""Tasks by hand: one that is run or killed now, outside the phases of a cron."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

from taskrunner.errors import PluginError, StoreBusyError, TaskrunnerError
from taskrunner.liveness import lock_name
from taskrunner.planner import PLUGIN_DISABLED
from taskrunner.runner.batch import Ran
from taskrunner.runner.execute import Unloadable
from taskrunner.runner.job import FinishedRun, Job, adhoc_job, scheduled_job
from taskrunner.runner.journal import read_journal
from taskrunner.runner.messages import failed_by_hand, rfc2822
from taskrunner.runner.presence import present, recover
from taskrunner.runner.settle import record

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from taskrunner.installation import Site
    from taskrunner.plugins import Declaration
    from taskrunner.records import Run, RunningRow, ScheduledRow
    from taskrunner.runner import Runner, Summary

LOOK_INTERVAL = 0.5
"""Seconds between two looks whether a task that runs elsewhere has ended."""


def run_scheduled_task(runner: Runner, declaration: Declaration, *, force: bool, patience: float) -> Run:
    """Run a scheduled task now, whatever its schedule, recorded like any other run.

    A success plans the next run like any other; a failure leaves fail delay and next run as they were.

    Raises TaskrunnerError (without `force`: it is disabled, or refuses to run), StoreBusyError (it runs
    elsewhere for more than `patience` seconds).
    """
    if not force:
        refuse_disabled(runner.site, declaration.name)
    with runner.crash_noted(), runner.interruption.handled(), present(runner):
        recover(runner, now=runner.clock())
        row = _claim(runner, declaration.name, patience)
        job = scheduled_job(row)._replace(by_hand=True) if row else None
        run = _execute_and_settle(runner, job, asking=not force) if job else None
        if run is not None and run.failed:
            runner.output.say(failed_by_hand(declaration.name))
    if row is None:
        raise _busy(runner, declaration.name)
    if run is None:
        skipped = runner.site.store.scheduled.find(declaration.name)
        reason = skipped.skip_reason if skipped else ""
        raise TaskrunnerError(f"{declaration.name} refuses to run: {reason}", hint="--force runs it anyway")
    return run


def run_adhoc_class(runner: Runner, declaration: Declaration, custom_data: str, *, force: bool) -> Run:
    """Run an adhoc class once with some custom data (JSON), without queueing it; the run is recorded.

    Raises TaskrunnerError (without `force`: its plugin is disabled).
    """
    if not force and not runner.site.planner.plugin_runs(declaration):
        raise _refusal(declaration.name, PLUGIN_DISABLED)
    claim = runner.identity.claim_info(runner.clock())
    job = Job(
        type="adhoc",
        name=declaration.name,
        title=declaration.title,
        plugin=declaration.plugin,
        run_id=claim.run_id,
        due_at=None,
        started_at=claim.now,
        fail_delay=0,
        attempt=1,
        last_run_at=None,
        last_success_at=None,
        custom_data=custom_data,
        hostname=claim.hostname,
        pid=claim.pid,
    )
    with runner.crash_noted(), runner.interruption.handled(), present(runner):
        runner.site.store.runners.begin(
            runner.identity.id, job.run_id, name=job.name, started_at=job.started_at
        )
        result = runner.executor.execute(job, asking=False)
        if not isinstance(result, FinishedRun):
            raise result.error if isinstance(result, Unloadable) else TaskrunnerError(result.reason)
        with runner.site.store.transaction():
            record(runner.site, result.run)
    return result.run


def run_queue(runner: Runner) -> Summary:
    """Run the adhoc tasks that are due and selected, as the adhoc phase of a cron does."""
    return runner.work(only_adhoc=True)


def run_adhoc_tasks(runner: Runner, ids: Sequence[int]) -> Summary:
    """Run queued tasks whatever their time, their attempts and all limits; those that run elsewhere are left.

    Raises StoreBusyError (none could be had).
    """
    claimed = 0
    with runner.crash_noted(), runner.interruption.handled(), present(runner):
        recover(runner, now=runner.clock())
        for task_id in ids:
            if not runner.interruption.asked_to_stop:
                claimed += _run_adhoc_task(runner, task_id)
    if ids and not claimed:
        raise StoreBusyError(f"adhoc task {ids[0]} is running elsewhere or gone", hint="taskrun running")
    return runner.summary


def _run_adhoc_task(runner: Runner, task_id: int) -> bool:
    row = runner.site.store.adhoc.claim_id(task_id, runner.identity.claim_info(runner.clock()))
    if row is None:
        return False
    run = _execute_and_settle(runner, adhoc_job(row))
    runner.summary.adhoc += run is not None
    runner.summary.failed += run is None or run.failed
    return True


def _execute_and_settle(runner: Runner, job: Job, *, asking: bool = True) -> Run | None:
    """Run a claimed task and settle it; return its run, or None if it was passed over.

    Raises PluginError for a scheduled task whose plugin cannot be read just now.
    """
    runner.journal.open()
    result = runner.executor.execute(job, asking=asking)
    runner.settler.settle_and_claim(Ran([(job, result)]))
    if isinstance(result, Unloadable) and job.type == "scheduled":
        raise result.error
    return result.run if isinstance(result, FinishedRun) else None


def refuse_disabled(site: Site, name: str) -> None:
    """Raise TaskrunnerError if a task is off, so that only --force runs it by hand."""
    row = site.store.scheduled.find(name)
    if row is None:
        raise PluginError(f"{name} cannot be run: see what is wrong with it", hint="taskrun plugins")
    if row.blocked:
        raise _refusal(name, row.blocked)
    if row.disabled:
        decider = site.config.decided_by(name, "disabled")
        raise _refusal(name, f"disabled by {decider}" if decider else "disabled")


def _refusal(name: str, reason: str) -> TaskrunnerError:
    return TaskrunnerError(f"{name} is not run: {reason}", hint="--force runs it anyway")


def _claim(runner: Runner, name: str, patience: float) -> ScheduledRow | None:
    """Claim a task, waiting for it if it runs elsewhere; return None if it ran too long."""
    until = runner.clock() + patience
    while True:
        row = runner.site.store.scheduled.claim_named(name, runner.identity.claim_info(runner.clock()))
        if row is not None or runner.clock() >= until:
            return row
        runner.wait(LOOK_INTERVAL)


def _busy(runner: Runner, name: str) -> StoreBusyError:
    row = runner.site.store.scheduled.find(name)
    if row is None or row.started_at is None:
        return StoreBusyError(f"{name} was running elsewhere", hint="try again")
    since = rfc2822(row.started_at, runner.zone)
    return StoreBusyError(
        f"{name} is running on {row.hostname}, pid {row.pid}, since {since}", hint="--wait 60 waits for it"
    )


BETWEEN = 0.3
"""Seconds between the two signals: the kernel makes one of two equal ones that wait together."""

INTERVAL = 0.1
SETTLED_WITHIN = 2.0
"""Seconds for which the end of a run is waited for that is noted, and not in the database yet."""

PATIENCE_AFTER_KILL = 10.0


def kill_run(site: Site, row: RunningRow, *, grace: float) -> bool:
    """End a run of this host: TERM twice, and after `grace` seconds KILL; return whether that was needed.

    After TERM its own process records it as interrupted; after KILL, recovery records it as crashed.
    Raises TaskrunnerError: it runs on another host, or its process belongs to somebody else.
    """
    if row.hostname != site.hostname:
        raise TaskrunnerError(
            f"{row.name} runs on {row.hostname}, pid {row.pid}: it can only be killed there",
            hint=f"ssh {row.hostname} taskrun kill {row.run_id}",
        )
    for _ in range(2):
        if not _goes_on(site, row):
            _wait(lambda: _is_claimed(site, row), SETTLED_WITHIN)
            return False
        _send(row, signal.SIGTERM)
        _wait(lambda: _goes_on(site, row), BETWEEN)
    if not _wait(lambda: _goes_on(site, row), grace):
        return False
    _send(row, signal.SIGKILL)
    if _wait(lambda: _lives(site, row), PATIENCE_AFTER_KILL):
        raise TaskrunnerError(f"pid {row.pid} did not end even when it was killed", hint=f"ps -l {row.pid}")
    return True


def _lives(site: Site, row: RunningRow) -> bool:
    """Return whether the process lives, by its lock: a pid given to another program is left alone."""
    name = lock_name(row.runner_id)
    return not site.locks.proves_death(name) and site.locks.is_held(name)


def _goes_on(site: Site, row: RunningRow) -> bool:
    """Return whether a run has not ended: in a batch that still runs it has, when its journal says so."""
    journal = read_journal(site.config.state_dir, row.runner_id)
    return row.run_id not in journal.ended and _is_claimed(site, row) and _lives(site, row)


def _is_claimed(site: Site, row: RunningRow) -> bool:
    return any(one.run_id == row.run_id for one in site.store.runners.running())


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
    """Wait while something lasts, at most so long; return whether it still does."""
    until = time.monotonic() + seconds
    while goes_on():
        if time.monotonic() >= until:
            return True
        time.sleep(INTERVAL)
    return False
