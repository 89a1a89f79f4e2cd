"""A task started now, in a process of its own: only where the configuration allows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskrunner.administration.audit import Change, State, leave_row
from taskrunner.errors import TaskrunnerError
from taskrunner.runner.manual import refuse_disabled
from taskrunner.views.find import scheduled_task
from taskrunner.web.process import DetachedProcess, program_of

if TYPE_CHECKING:
    from taskrunner.web.admin.frame import View

ERRORS = "web_run.stderr"
"""The file in `state_dir` with what the task that was started last has written to its stderr."""

STARTED: list[DetachedProcess] = []
"""The processes that are not known to have ended: each is asked at the next start."""


def start_task(view: View, name: str) -> None:
    """Start `taskrun run-task NAME`, which outlives this process. Raises TaskrunnerError."""
    site, config = view.site, view.site.config
    if not config.web.run_now:
        raise TaskrunnerError(
            "[web] run_now does not allow to start a task here", hint=f"taskrun run-task {name}"
        )
    declaration = scheduled_task(site, name)
    refuse_disabled(site, declaration.name)  # as it would itself, unseen
    STARTED[:] = [process for process in STARTED if process.poll() is None]
    command = (*program_of(config), "run-task", declaration.name)
    try:
        STARTED.append(DetachedProcess(command, errors=config.state_dir / ERRORS))
    except OSError as error:
        raise TaskrunnerError(
            f"{name} could not be started: {error}", hint="see `command` of [web]"
        ) from error
    with site.store.transaction():
        leave_row(site, "run now", declaration.name, Change[State]({}, {}), who=view.who, now=view.now)
