"""Which queued task, and which class, a person means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskrunner.errors import TaskrunnerError

if TYPE_CHECKING:
    from taskrunner.records import AdhocRow
    from taskrunner.site import Site


def class_name(site: Site, name: str) -> str:
    """Return the class a person means: a declared one, or one that only the queue knows any more."""
    queued = {row.name for row in site.store.adhoc.summary(0.0)}
    return name if name in queued else site.registry.find(name).name


def found_task(site: Site, task_id: int) -> AdhocRow:
    """Return a queued task. Raises TaskrunnerError: it is not queued any more."""
    row = site.store.adhoc.find(task_id)
    if row is None:
        raise TaskrunnerError(
            f"no task {task_id} is queued: it is done, cancelled, or never was", hint="taskrun log"
        )
    return row
