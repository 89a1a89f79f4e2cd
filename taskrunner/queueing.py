"""Queueing adhoc tasks, from a task or from any other program.

Their custom data is JSON that both databases keep as it is.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from taskrunner.errors import CustomDataError, StoreError
from taskrunner.plugins.importer import name_of
from taskrunner.store import Store, open_store
from taskrunner.store.settings import CACHES_CLEARED_AT
from taskrunner.store.tasks import NewTask
from taskrunner.task import CURRENT
from taskrunner.web_tick import WebTickFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from taskrunner.config import Config
    from taskrunner.records import AdhocRow
    from taskrunner.task import AdhocTask

LARGEST_DATA = 1024 * 1024
"""Bytes of the JSON text."""

DEEPEST_DATA = 100
"""Levels of lists and objects."""

WRITE = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
WRITE_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode

LISTS = (list, tuple)  # not made anew for each value, as `list | tuple` would be
NUMBERS = (int, float)

HINT = "custom data is plain JSON: objects, lists, text, numbers, true, false, null"


def encode_data(custom_data: Any) -> str:
    """Return custom data as JSON text, its keys in their order. Raises CustomDataError.

    >>> encode_data({"course": 7, "users": ["ann"]})
    '{"course":7,"users":["ann"]}'
    """
    _check(custom_data, 1)
    try:
        text = WRITE(custom_data)
    except ValueError as error:  # a number of more digits than Python writes
        raise CustomDataError(f"custom data: {error}", hint=HINT) from error
    if len(text.encode()) > LARGEST_DATA:
        raise CustomDataError(
            f"custom data is {len(text.encode())} bytes long; at most {LARGEST_DATA} are kept"
        )
    return text


def read_data(text: str) -> Any:
    """Return what the JSON text of a queued task means: its row may have been written by hand.

    Raises CustomDataError.
    """
    try:
        custom_data = READ(text)
    except ValueError as error:
        raise CustomDataError(f"custom data is not JSON: {error}", hint=HINT) from error
    except RecursionError:
        raise CustomDataError(f"custom data is deeper than {DEEPEST_DATA} levels") from None
    _check(custom_data, 1)
    return custom_data


def decode_data(text: str) -> Any:
    """Return what JSON text from outside means, checked as `encode_data` does. Raises CustomDataError."""
    if len(text) > LARGEST_DATA:
        raise CustomDataError(
            f"custom data is {len(text)} characters long; at most {LARGEST_DATA} bytes are kept"
        )
    custom_data = read_data(text)
    encode_data(custom_data)
    return custom_data


def dedupe_key(name: str, user: str | None, custom_data: Any) -> str:
    """Return the hash of name, user and data, whatever the order of keys: equal for tasks that are the same.

    >>> dedupe_key("a.B", None, {"x": 1, "y": 2}) == dedupe_key("a.B", None, {"y": 2, "x": 1})
    True
    >>> dedupe_key("a.B", None, 1) == dedupe_key("a.B", "1", 1)
    False
    """
    import hashlib  # late: it loads OpenSSL

    canonical = WRITE_CANONICAL([name, user, custom_data])
    return hashlib.sha256(canonical.encode()).hexdigest()


def _check(value: Any, depth: int) -> None:
    if depth > DEEPEST_DATA and isinstance(value, dict | list | tuple):
        raise CustomDataError(f"custom data is deeper than {DEEPEST_DATA} levels")
    if isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise CustomDataError(f"custom data has the key {key!r}, which is not a text", hint=HINT)
            check_text(key)
            _check(inner, depth + 1)
    elif isinstance(value, LISTS):
        for inner in value:
            _check(inner, depth + 1)
    else:
        _check_plain(value)


def _check_plain(value: Any) -> None:
    if isinstance(value, str):
        check_text(value)
    elif isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        raise CustomDataError(f"custom data has {value!r}, which JSON does not know", hint=HINT)
    elif value is not None and not isinstance(value, NUMBERS):
        raise CustomDataError(
            f"custom data has a {type(value).__name__}, which JSON does not know", hint=HINT
        )


def check_text(text: str, *, what: str = "custom data") -> None:
    """Raise CustomDataError for text that a database would not keep as it is."""
    if "\0" in text:
        raise CustomDataError(f"{what} has a NUL character, which a database cannot keep")
    if text.isascii():
        return
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise CustomDataError(f"{what} has half a character: {text[error.start]!r}") from None


def _refuse_constant(name: str) -> None:
    raise CustomDataError(f"custom data has {name}, which JSON does not know", hint=HINT)


READ = json.JSONDecoder(parse_constant=_refuse_constant).decode


BATCH = 1000
"""Tasks queued in one statement."""

LARGEST_BATCH = 16 * 1024 * 1024
"""Characters of custom data queued in one statement."""

END_OF_CALENDAR = 253_402_300_800.0
"""Epoch seconds of the year 10000."""

COARSEST_CLOCK = 2.0
"""Seconds within which two changes of a file may look alike."""

TRIES = 5
"""How often an existing task may vanish just when it was found, before that is an error."""


def queue_adhoc_task(
    task: AdhocTask,
    *,
    check_for_existing: bool = False,
    next_run_at: datetime | float | None = None,
    user: str | None = None,
    connection: Any = None,
    config: Config | None = None,
) -> int:
    """Queue a task and return its id; it is run when its turn comes, at the earliest at `next_run_at`.

    `next_run_at` is an aware datetime or UTC epoch seconds, default now; `user` is whom it is run for. With
    `check_for_existing` a queued task of the same name, user and custom data (whatever the order of keys) is
    not queued again: its id is returned, and if it was given up it gets its attempts back. One that runs is
    kept when it ends, and runs again at that time. `connection` (sqlite3 or psycopg) queues inside the
    caller's own transaction: committed with it, or not at all. Otherwise a run uses its own database, another
    program that of `config`, default the configuration that `taskrun` finds.

    Raises CustomDataError, PluginError (the class lies in no plugin directory), ConfigError, StoreError.
    """
    now = time.time()
    moment = _epoch(next_run_at, now)
    with _site(connection, config, due_at=moment) as (store, settings):
        new = _new(task, settings, moment, user)
        return enqueue_once(store, new, now) if check_for_existing else store.adhoc.add([new], now)[0]


def queue_adhoc_tasks(
    tasks: Iterable[AdhocTask],
    *,
    next_run_at: datetime | float | None = None,
    user: str | None = None,
    connection: Any = None,
    config: Config | None = None,
) -> list[int]:
    """Queue many tasks, all of them or none, and return their ids; the arguments are as for one."""
    now = time.time()
    moment = _epoch(next_run_at, now)
    with _site(connection, config, due_at=moment) as (store, settings):
        return enqueue(store, [_new(task, settings, moment, user) for task in tasks], now)


def reschedule_or_queue_adhoc_task(
    task: AdhocTask,
    *,
    next_run_at: datetime | float | None = None,
    user: str | None = None,
    connection: Any = None,
    config: Config | None = None,
) -> int:
    """Move a queued task of the same name, user and custom data to another time, or queue it.

    Returns its id; the arguments are as for `queue_adhoc_task`. One that runs stays when it ends well, and
    runs again at the new time; when it fails, it waits for that or for its fail delay, whichever is later.
    """
    now = time.time()
    moment = _epoch(next_run_at, now)
    with _site(connection, config, due_at=moment) as (store, settings):
        return enqueue_once(store, _new(task, settings, moment, user), now, moves=True)


def clear_static_caches() -> None:
    """Ask every runner at work to start anew after its current task, so that the next has no caches."""
    if CURRENT.run is not None:
        CURRENT.run.clears_caches = True
    with _site(None, None) as (store, _):
        store.settings.set(CACHES_CLEARED_AT, repr(time.time()))


def new_task(
    name: str, custom_data: Any, *, user: str | None, next_run_at: float, retry: bool, attempts: int
) -> NewTask:
    """Return a task that can be queued. Raises CustomDataError."""
    check_text(user or "", what="user")
    return NewTask(
        name=name,
        plugin=name.partition(".")[0],
        custom_data=encode_data(custom_data),
        user=user,
        identity=dedupe_key(name, user, custom_data),
        next_run_at=next_run_at,
        attempts_left=attempts if retry else 1,
    )


def enqueue(store: Store, tasks: Sequence[NewTask], now: float) -> list[int]:
    """Queue tasks, all of them or none, a thousand in a statement; return their ids."""
    with store.transaction():
        return [task_id for batch in batches(tasks) for task_id in store.adhoc.add(batch, now)]


def batches(tasks: Sequence[NewTask]) -> Iterator[list[NewTask]]:
    """Yield tasks in lists of at most a thousand, shorter where their custom data is long."""
    batch: list[NewTask] = []
    size = 0
    for task in tasks:
        if len(batch) == BATCH or size > LARGEST_BATCH:
            yield batch
            batch, size = [], 0
        batch.append(task)
        size += len(task.custom_data)
    if batch:
        yield batch


def enqueue_once(store: Store, task: NewTask, now: float, *, moves: bool = False) -> int:
    """Queue a task unless the same one is queued already; return the id of the queued one.

    `moves`: one that is there gets the time of the new one. One that runs may have read already what it is
    asked for now: it runs again when it has ended.
    """
    for _ in range(TRIES):
        added = store.adhoc.add_once(task, now)
        if added is not None:
            return added
        existing = store.adhoc.find_identity(task.identity)
        if existing is not None and _is_kept(store, existing, task, moves=moves):
            return existing.id
    raise StoreError(f"tasks as this {task.name} end as fast as they are queued", hint="queue it again")


def _is_kept(store: Store, existing: AdhocRow, task: NewTask, *, moves: bool) -> bool:
    """Let a queued task do for a new one; return False when it was claimed, or ended, just now."""
    if existing.run_id is not None:
        return store.adhoc.request(
            existing.id, next_run_at=task.next_run_at, attempts=task.attempts_left, moves=moves
        )
    if existing.attempts_left <= 0:
        return store.adhoc.revive(existing.id, next_run_at=task.next_run_at, attempts=task.attempts_left)
    return not moves or store.adhoc.reschedule(existing.id, task.next_run_at)


def _new(task: AdhocTask, settings: Config, next_run_at: float, user: str | None) -> NewTask:
    return new_task(
        name_of(type(task), settings.plugin_dirs, settings.installed),
        task.custom_data,
        user=user,
        next_run_at=next_run_at,
        retry=task.retry,
        attempts=task.attempts,
    )


@contextmanager
def _site(
    connection: Any, config: Config | None, *, due_at: float | None = None
) -> Iterator[tuple[Store, Config]]:
    """Yield the store to write to and the configuration, that of the current run or the given or found one.

    Visits of a web site learn of what is due at `due_at` when it was written.
    """
    run = CURRENT.run if config is None else None
    settings = run.config if run else config or _found_config(time.time())
    if connection is not None:
        from taskrunner.db import borrow

        yield Store(borrow(connection)), settings
    elif run is not None:
        yield run.open_store(), settings
    else:
        _refuse_to_make_a_site(settings)
        store = open_store(settings.database, lock_database=settings.lock_database, older="take")
        try:
            yield store, settings
        finally:
            store.close()
    if due_at is not None:
        WebTickFile(settings.state_dir).bring_forward(due_at)


def bring_visits_forward(config_file: Path, due_at: float) -> None:
    """Tell visits of a web site what is due at a moment; nothing is done where there is no such file."""
    from taskrunner.config import load_config

    if config_file.exists():
        state_dir = load_config(config_file, environ=os.environ, cwd=config_file.parent).state_dir
        WebTickFile(state_dir).bring_forward(due_at)


def _refuse_to_make_a_site(config: Config) -> None:
    """Raise NotOwnerError where queueing would make the database of another user's site.

    To queue is everybody's who may write the database; what is made is the owner's.
    """
    from taskrunner.ownership import refuse_others

    if config.database.startswith("sqlite:") and not os.path.exists(config.database.removeprefix("sqlite:")):
        refuse_others(config.state_dir)


def _found_config(now: float) -> Config:
    """Return the configuration that `taskrun` finds; read again only when file or environment changed.

    A file as young as the clock is coarse, or one that refers to secrets elsewhere, is read each time.
    """
    from taskrunner.config.find import current_directory, find_file

    cwd = current_directory()
    _, path = find_file(None, environ=os.environ, cwd=cwd)
    try:
        found = os.stat(path)
    except OSError:
        return _loaded_config(cwd)
    if abs(now - found.st_mtime) < COARSEST_CLOCK:
        return _loaded_config(cwd)
    version = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
    config = _remembered_config(cwd, path, version, tuple(os.environ.items()))
    return _loaded_config(cwd) if config.references else config


@lru_cache(maxsize=1)
def _remembered_config(cwd: str, *_version: object) -> Config:
    return _loaded_config(cwd)


def _loaded_config(cwd: str) -> Config:
    from taskrunner.config import load_config

    return load_config(None, environ=os.environ, cwd=cwd)


def _epoch(moment: datetime | float | None, now: float) -> float:
    if moment is None:
        return now
    if isinstance(moment, datetime):
        if moment.utcoffset() is None:
            raise ValueError(f"next_run_at {moment!r} has no time zone; pass an aware datetime")
        return moment.timestamp()
    if not 0 <= moment < END_OF_CALENDAR:
        raise ValueError(f"next_run_at {moment!r} is not a moment; pass an aware datetime or epoch seconds")
    return float(moment)
