"""One installation, opened: its config, its plugins, its tables, its locks."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

try:  # hashlib loads OpenSSL, which takes a quarter of a start of Python
    from _blake2 import blake2b
except ImportError:  # this Python has no module of its own for it
    from hashlib import blake2b

from taskrunner.config.load import PATH_BEFORE
from taskrunner.db import REFUSE, UPGRADE, open_shared_locks
from taskrunner.errors import ConfigError, InvalidScheduleError
from taskrunner.files import make_folder
from taskrunner.locks import DoubleLocks, FileLocks, LateLocks
from taskrunner.named_tuple import NamedTuple
from taskrunner.ownership import permission_advice, refuse_others
from taskrunner.planner import PLUGIN_DISABLED, Planner
from taskrunner.plugins.discover import CACHE_FILE, World
from taskrunner.plugins.registry import known_registry, load_registry
from taskrunner.store import open_store
from taskrunner.store.settings import (
    DECLARED,
    EVERYTHING,
    INSTANCE_ID,
    MUTED,
    PAUSED,
    TASKS,
    of_host,
    suspensions,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from taskrunner.config import Config
    from taskrunner.locks import Locks
    from taskrunner.plugins import Declaration, Registry
    from taskrunner.records import ScheduledRow, Suspension
    from taskrunner.store import Store

RENAMES_WAIT = "renames_wait"
"""There while a task that has another name now is still running under its old one."""


PAGE = 1000
"""Queued tasks that are read at once where their task has another name now."""

VERSION_OF_PLANNING = 1
"""Raised when the program plans a declared task in another way than before, so that rows are written anew."""


class Site(NamedTuple):
    """What every command works with."""

    config: Config
    registry: Registry
    store: Store
    locks: Locks
    planner: Planner
    fingerprint: str
    hostname: str
    pauses: tuple[Suspension, ...] = ()

    mutes: tuple[Suspension, ...] = ()

    def pause_of(self, name: str, now: float) -> Suspension | None:
        """Return what keeps a task or class from being started, or None if it is not paused by itself."""
        return _first_match(self.pauses, name, now)

    def mute_of(self, name: str, now: float) -> Suspension | None:
        """Return what keeps the failures of a task from being heard of, or None if they are."""
        return _first_match(self.mutes, name, now)

    def close(self) -> None:
        """Let go of the database and of its locks."""
        self.store.close()
        self.locks.close()

    def why_not_run(self, name: str) -> str | None:
        """Return why tasks of an adhoc class are not run (missing, plugin disabled), or None if they are."""
        declaration = self.registry.tasks.get(name)
        if declaration is None or declaration.kind != "adhoc":
            return f"missing: {self.registry.why_missing(name.partition('.')[0])}"
        return None if self.planner.plugin_runs(declaration) else PLUGIN_DISABLED


def _first_match(suspended: tuple[Suspension, ...], name: str, now: float) -> Suspension | None:
    if not suspended:
        return None
    from taskrunner.config.schema import matches

    lasting = (one for one in suspended if one.until is None or one.until > now)
    return next((one for one in lasting if matches(one.pattern, name)), None)


def world_of(config: Config) -> World:
    """Return what decides, besides the plugins' files, on what reading them gives."""
    run = config.run
    settings = (
        *(str(run.directory), [str(folder) for folder in run.python_path], run.environment, run.around),
        *((config.installed,) if config.installed else ()),
    )
    return World(
        path=PATH_BEFORE or sys.path,
        settings=ascii(settings),
        directory=str(run.directory),
        around=run.around,
        roots=[str(folder) for folder in (*config.plugin_dirs, *run.python_path)],
        installed=config.installed,
    )


def open_site(config: Config, *, now: float, is_cron: bool = False, for_reading: bool = False) -> Site:
    """Open an installation, the rows of its scheduled tasks in line with what is declared now.

    Only a cron takes away what it cannot read: another command, typed in a shell with another environment or
    import path, changes nothing of what crons work with. `for_reading` is as for databases.
    Raises StoreError, ConfigError (a schedule in the config is wrong, the state directory cannot be used),
    NotOwnerError (it is another user's: nothing was touched).
    """
    refuse_others(config.state_dir)
    try:
        make_folder(config.state_dir)
    except OSError as error:
        about, hint = permission_advice(config.state_dir, error)
        raise ConfigError(
            f"state_dir: cannot make {config.state_dir}: {error.strerror}{about}", hint=hint
        ) from error
    cache = config.state_dir / CACHE_FILE
    registry = load_registry(config.plugin_dirs, cache, now=now, world=world_of(config), decides=is_cron)
    older = UPGRADE if is_cron else REFUSE  # what a person types to look is not to stop all other hosts
    store = open_store(
        config.database, lock_database=config.lock_database, older=older, for_reading=for_reading
    )
    try:
        settings = store.settings.list()
        declared = settings.get(of_host(DECLARED, os.uname().nodename))
        mine, same = _fingerprints(config, registry, declared, is_cron=is_cron)
        site = _site(config, registry, store, settings, str(declared) if declared in same else mine, now=now)
        if declared not in same or RENAMES_WAIT in settings:
            _bring_in_line(site, now, takes_away=is_cron)
    except BaseException:
        store.close()
        raise
    return site


def open_known_site(config: Config, *, now: float) -> Site:
    """Open an installation with its plugins as a command has last read them: no plugin is looked at.

    That is for a process of another kind than cron's, which may be asked again and again. Where nothing is
    known yet it is opened as by any command. Raises what `open_site` raises.
    """
    refuse_others(config.state_dir)
    registry = known_registry(config.state_dir / CACHE_FILE)
    if registry is None:
        return open_site(config, now=now)
    store = open_store(config.database, lock_database=config.lock_database, older=REFUSE)
    try:
        settings = store.settings.list()
        fingerprint = settings.get(of_host(DECLARED, os.uname().nodename), "")
        return _site(config, registry, store, settings, fingerprint, now=now)
    except BaseException:
        store.close()
        raise


def _site(
    config: Config,
    registry: Registry,
    store: Store,
    settings: dict[str, str],
    fingerprint: str,
    *,
    now: float,
) -> Site:
    locks: Locks = FileLocks(config.state_dir / "locks")
    if store.is_shared:
        url = config.lock_database or config.database
        locks = DoubleLocks(locks, LateLocks(lambda: open_shared_locks(url, settings[INSTANCE_ID])))
    return Site(
        config=config,
        registry=registry,
        store=store,
        locks=locks,
        planner=Planner(config, settings[INSTANCE_ID]),
        fingerprint=fingerprint,
        hostname=os.uname().nodename,
        mutes=tuple(suspensions(settings, MUTED, now)),
        pauses=tuple(one for one in suspensions(settings, PAUSED, now) if one.pattern != EVERYTHING),
    )


def problems(site: Site) -> list[str]:
    """Return what is wrong with plugins and with what the config says of tasks, in one line each."""
    found = [str(finding) for finding in site.registry.findings]
    return [*found, *overrides_without_task(site)]


def overrides_without_task(site: Site) -> list[str]:
    """Return, in one line each, the sections of the config that match no task."""
    from taskrunner.config.schema import matches
    from taskrunner.validate import did_you_mean

    config, tasks = site.config, site.registry.tasks
    return [
        f'{config.file}:{override.line}: [tasks."{override.key}"] matches no task'
        f"{did_you_mean(override.key, tasks)}"
        for override in config.tasks
        if not any(matches(override.key, name) for name in tasks)
    ]


def plan_anew_after_clock_step(site: Site, now: float) -> None:
    """Plan anew what was planned while the clock stood later than now, and would wait for that time again.

    A slot of a day that was run before a step of less than three hours is not run again.
    """
    with site.store.transaction():
        for row in site.store.scheduled.list_for_change():
            declaration = site.registry.tasks.get(row.name)
            latest = site.planner.latest_next(row, now)
            is_wrong = row.next_run_at > max(latest, site.planner.next_without_repeating(row, now))
            if declaration is not None and is_wrong:
                fields = site.planner.declared(declaration, row, now)
                site.store.scheduled.declare(fields._asdict() | {"next_run_at": latest})


WITHOUT_BROKEN = "~"
"""Behind the fingerprint of what a command declared that was no cron: the next cron looks at it itself."""


def _fingerprints(
    config: Config, registry: Registry, declared: str | None, *, is_cron: bool
) -> tuple[str, set[str | None]]:
    """Return the fingerprint of what is declared now, and those with which the tables are in line with it.

    It changes whenever a row of a scheduled task might have to.
    """
    plugins = sorted((name, plugin.enabled) for name, plugin in config.plugins.items())
    parts = (
        VERSION_OF_PLANNING,
        registry.fingerprint,
        [tuple(override._replace(ping=None)) for override in config.tasks],
        plugins,
        config.timezone,
        config.schedule.salt,
    )
    fingerprint = blake2b(repr(parts).encode(), digest_size=32).hexdigest()
    if is_cron:
        return fingerprint, {fingerprint}
    mine = f"{fingerprint}{WITHOUT_BROKEN}" if registry.broken else fingerprint
    is_foreign = declared is not None and not registry.is_kept
    return mine, {declared} if is_foreign else {mine, fingerprint}


def _bring_in_line(site: Site, now: float, *, takes_away: bool) -> None:
    """Write what is declared; with `takes_away` also that tasks of broken plugins cannot be run.

    Those of a plugin that could not be read just now stay as they are: they may be due.
    """
    declared = {name: task for name, task in site.registry.tasks.items() if task.kind == "scheduled"}
    with site.store.transaction():
        site.store.settings.alone("declare")
        rows = {row.name: row for row in site.store.scheduled.list_for_change()}
        if _take_over(site, rows):
            rows = {row.name: row for row in site.store.scheduled.list_for_change()}
        for name, declaration in declared.items():
            _write_declared(site, declaration, rows.get(name), now)
        kept = site.registry.passing if takes_away else site.registry.broken
        elsewhere = _declared_elsewhere(site) if site.store.is_shared else set()
        for name in rows.keys() - declared.keys() - elsewhere:
            if rows[name].plugin in kept:
                continue
            site.store.scheduled.block(name, f"missing: {site.registry.why_missing(rows[name].plugin)}")
        if site.store.is_shared:
            site.store.settings.set(of_host(TASKS, site.hostname), json.dumps(sorted(declared)))
        site.store.settings.set(of_host(DECLARED, site.hostname), site.fingerprint)


def _declared_elsewhere(site: Site) -> set[str]:
    """Return the scheduled tasks that other hosts declare: while a new version is rolled out they have more.

    A host without a cron for two days is forgotten, and its tasks with it.
    """
    mine = of_host(TASKS, site.hostname)
    lists = [
        json.loads(text)
        for name, text in site.store.settings.list().items()
        if name.startswith(of_host(TASKS, "")) and name != mine
    ]
    return {task for tasks in lists for task in tasks}


def _take_over(site: Site, rows: Mapping[str, ScheduledRow]) -> bool:
    """Carry tasks over to the classes that had their names before; return whether there were any.

    One that is running keeps its name until a later command finds that it has ended.
    """
    former = {
        old: task.name
        for task in site.registry.tasks.values()
        for old in task.former_names.split()
        if old not in site.registry.tasks
    }
    if not former:
        site.store.settings.delete(RENAMES_WAIT)
        return False
    queued = {row.name for row in site.store.adhoc.summary(0.0)}
    running = {row.name for row in site.store.runners.running()}
    known = (rows.keys() | queued | set(site.store.log.names())) & former.keys()
    for old in sorted(known - running):
        carry_over(site.store, old, former[old])
    if known & running:
        site.store.settings.set(RENAMES_WAIT, "1")
    else:
        site.store.settings.delete(RENAMES_WAIT)
    return bool(known - running)


def _write_declared(site: Site, declaration: Declaration, row: ScheduledRow | None, now: float) -> None:
    try:
        fields = site.planner.declared(declaration, row, now)
    except InvalidScheduleError as error:
        site.store.scheduled.block(declaration.name, f"its own schedule is wrong: {error}")
        return
    if fields.differ_from(row):
        site.store.scheduled.declare(fields._asdict())


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
    from taskrunner.queueing import dedupe_key  # late: few tasks ever get another name

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
