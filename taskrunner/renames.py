"""A task that has another name now: its schedule, its kept runs and what is queued go over to it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from taskrunner.custom_data import dedupe_key

if TYPE_CHECKING:
    from taskrunner.records import ScheduledRow
    from taskrunner.store import Store

PAGE = 1000
"""Queued tasks that are read at once."""


def carry_over(store: Store, old: str, new: str) -> ScheduledRow | None:
    """Give all that is kept of a task another name; return its row, or None if it has none.

    Call it in a transaction, for a task that is not running. A row that the new name has already stays if it
    has run, and goes if it has not: then it was only just declared.
    """
    plugin = new.partition(".")[0]
    before, there = store.scheduled.find_for_change(old), store.scheduled.find_for_change(new)
    if before is not None and there is not None and there.last_run_at is not None:
        store.scheduled.remove(old)
    elif before is not None:
        if there is not None:
            store.scheduled.remove(new)
        store.scheduled.rename(old, new, plugin=plugin)
    store.log.rename(old, new, plugin=plugin)
    _carry_queue_over(store, old, new, plugin)
    return before


def _carry_queue_over(store: Store, old: str, new: str, plugin: str) -> None:
    after = 0
    while page := store.adhoc.page(old, after=after, limit=PAGE):
        for task_id, custom_data, user in page:
            identity = dedupe_key(new, user, _value_of(custom_data))
            store.adhoc.rename(task_id, new, plugin=plugin, identity=identity)
        after = page[-1][0]


def _value_of(custom_data: str) -> Any:
    """Return what a kept text means; one that was spoilt by hand stands for itself."""
    try:
        return json.loads(custom_data)
    except ValueError:
        return custom_data
