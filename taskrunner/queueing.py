"""Queueing adhoc tasks, from a task or from any other program."""

from __future__ import annotations

import json
import os
import time
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from taskrunner.current import CURRENT
from taskrunner.errors import PluginError
from taskrunner.plugins.naming import name_of
from taskrunner.store.settings import STOP_REQUESTED_AT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from taskrunner.config import Config
    from taskrunner.store import Store
    from taskrunner.task import AdhocTask


def queue_adhoc_task(
    task: AdhocTask, *, next_run_at: datetime | float | None = None, config: Config | None = None
) -> int:
    """Queue a task and return its id; it is run when its turn comes, at the earliest at `next_run_at`.

    `next_run_at` is an aware datetime or UTC epoch seconds, default now. Inside a run the run's database is
    used, elsewhere that of `config`, default the configuration that `taskrun` finds. Raises PluginError (the
    class belongs to no plugin, the custom data is no JSON), ConfigError, StoreError.
    """
    now = time.time()
    with _store(config) as (store, plugin_dirs):
        name = name_of(type(task), plugin_dirs)
        return store.adhoc.add(
            name,
            plugin=name.partition(".")[0],
            custom_data=_as_json(name, task.custom_data),
            user=None,
            identity=None,
            now=now,
            next_run_at=_epoch(next_run_at, now),
            attempts_left=task.attempts if task.retry else 1,
        )


def clear_static_caches() -> None:
    """Ask every runner at work to leave after its current task, so that the next starts without caches."""
    with _store(None) as (store, _):
        store.settings.set(STOP_REQUESTED_AT, repr(time.time()))


@contextmanager
def _store(config: Config | None) -> Iterator[tuple[Store, tuple[Path, ...]]]:
    """Give the store to write to and the plugin directories: those of the run under way, or the config's."""
    run = CURRENT.run
    if run is not None and config is None:
        yield run.open_store(), run.config.plugin_dirs
        return
    from taskrunner.config import load_config
    from taskrunner.db import open_database
    from taskrunner.store import Store

    config = config or load_config(None, environ=os.environ, cwd=Path.cwd())
    store = Store(open_database(config.database))
    try:
        yield store, config.plugin_dirs
    finally:
        store.close()


def _as_json(name: str, custom_data: Any) -> str:
    try:
        return json.dumps(custom_data, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise PluginError(f"custom data of {name}: {error}", hint="it must be plain JSON data") from error


def _epoch(moment: datetime | float | None, now: float) -> float:
    if moment is None:
        return now
    if not isinstance(moment, datetime):
        return float(moment)
    if moment.utcoffset() is None:
        raise ValueError(f"next_run_at {moment!r} has no time zone; pass an aware datetime")
    return moment.timestamp()
