"""taskrun log follow: what a task prints, while it runs."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

import click

from taskrunner.cli.find import kept_run, run_under_way
from taskrunner.cli.options import KEPT_OR_RUNNING, config_option, length, opened_site
from taskrunner.cli.render import harmless, say
from taskrunner.cli.running import progress_text
from taskrunner.errors import TaskrunnerError

if TYPE_CHECKING:
    from taskrunner.installation import Site
    from taskrunner.records import RunningRow
    from taskrunner.runner.log_file import Tail

LOOK = 0.1
"""Seconds between two looks at the log file."""

ASK = 0.5
"""Seconds after which the database is asked whether the run goes on, though nothing was printed."""


@click.command("follow")
@click.argument("run", required=False, type=KEPT_OR_RUNNING)
@config_option
def follow(run: str | None) -> None:
    """Show what a running task prints, from its beginning, until it ends.

    RUN is the start of its id; not needed as long as only one task runs here. Ctrl-C leaves the task alone.
    """
    site = opened_site()
    row = _wanted(site, run)
    if row is None:
        _show_ended(site, run or "")
        return
    if row.hostname != site.hostname:
        raise TaskrunnerError(
            f"{row.name} runs on {row.hostname}: its log file {row.log_file} is there",
            hint=f"ssh {row.hostname} taskrun log follow {row.run_id}",
        )
    try:
        _follow(site, row)
    except KeyboardInterrupt:
        say(f"{row.name} goes on.", err=True)


def _wanted(site: Site, prefix: str | None) -> RunningRow | None:
    """Return the run that is meant; None: that one has ended. Raises TaskrunnerError: none, or several."""
    rows = site.store.runners.running()
    if prefix:
        return run_under_way(rows, prefix)
    here = [row for row in rows if row.hostname == site.hostname] or rows
    if len(here) == 1:
        return here[0]
    names = ", ".join(f"{row.name} {row.run_id}" for row in here)
    problem = f"{len(here)} tasks run: name one of {names}" if here else "nothing is running"
    raise TaskrunnerError(problem, hint="taskrun running")


def _show_ended(site: Site, prefix: str) -> None:
    run = kept_run(site, prefix)
    say(run.output, nl=not run.output.endswith("\n"))
    say(f"{run.name} has ended: {run.outcome}, it took {length(run.duration)}", err=True)


def _follow(site: Site, row: RunningRow) -> None:
    tail = _opened(row)
    asked_at, told = 0.0, ""
    while True:
        end = tail.size()
        if end > tail.offset or time.monotonic() - asked_at >= ASK:
            # asked after the size was taken: what was written up to there is of this run
            now = next((one for one in site.store.runners.running() if one.run_id == row.run_id), None)
            asked_at = time.monotonic()
            if now is None:
                break
            told = _tell_progress(now, told)
            _print(tail.read(end))
        time.sleep(LOOK)
    _print(tail.rest())
    _tell_end(site, row)


def _opened(row: RunningRow) -> Tail:
    """Open the log file where the output of a run begins. Raises TaskrunnerError."""
    from taskrunner.files import open_file
    from taskrunner.runner.log_file import Tail, start_of_run

    try:
        descriptor = open_file(row.log_file or "", os.O_RDONLY)
    except OSError as error:
        raise TaskrunnerError(f"cannot read the log file {row.log_file}: {error.strerror}") from error
    return Tail(descriptor, start_of_run(descriptor, row.run_id) or os.fstat(descriptor).st_size)


def _print(data: bytes) -> None:
    if data:
        say(harmless(data.decode("utf-8", "replace")), nl=False)
        sys.stdout.flush()


def _tell_progress(row: RunningRow, told: str) -> str:
    text = progress_text(row)
    if text and text != told:
        say(f"progress: {harmless(text)}", err=True)
    return text


def _tell_end(site: Site, row: RunningRow) -> None:
    runs = site.store.log.find(row.run_id)
    told = f"{runs[0].outcome}, it took {length(runs[0].duration)}" if runs else "its end is not recorded"
    say(f"{row.name}: {told}", err=True)
