"""One installation, opened: its config, its plugins, its tables, its locks."""

from __future__ import annotations

import hashlib
import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from taskrunner.db import open_shared_locks
from taskrunner.errors import ConfigError, InvalidScheduleError
from taskrunner.folders import make_folder
from taskrunner.locks import DoubleLocks, FileLocks
from taskrunner.planning import PLUGIN_DISABLED, Planner
from taskrunner.plugins import load_registry
from taskrunner.plugins.cache import CACHE_FILE
from taskrunner.store import open_store
from taskrunner.store.settings import DECLARED, INSTANCE_ID, of_host

if TYPE_CHECKING:
    from taskrunner.config import Config
    from taskrunner.locks import Locks
    from taskrunner.plugins import Declaration, Registry
    from taskrunner.records import ScheduledRow
    from taskrunner.store import Store

VERSION_OF_PLANNING = 1
"""Raised when the program plans a declared task in another way than before, so that rows are written anew."""


@dataclass(frozen=True, slots=True)
class Site:
    """What every command works with."""

    config: Config
    registry: Registry
    store: Store
    locks: Locks
    planner: Planner
    fingerprint: str
    hostname: str

    def why_not_run(self, name: str) -> str | None:
        """Return why tasks of an adhoc class are not run at all: missing, plugin disabled; None: they are."""
        declaration = self.registry.tasks.get(name)
        if declaration is None or declaration.kind != "adhoc":
            return f"missing: {_why_missing(self.registry, name.partition('.')[0])}"
        return None if self.planner.plugin_runs(declaration) else PLUGIN_DISABLED


def open_site(config: Config, *, now: float) -> Site:
    """Open an installation, the rows of its scheduled tasks in line with what is declared now.

    Raises StoreError, ConfigError (a schedule in the config is wrong, the state directory cannot be used).
    """
    _make_state_dir(config)
    registry = load_registry(config.plugin_dirs, config.state_dir / CACHE_FILE, now=now)
    store = open_store(config.database, lock_database=config.lock_database)
    try:
        return _site_with(config, registry, store, now)
    except BaseException:
        store.close()
        raise


def _site_with(config: Config, registry: Registry, store: Store, now: float) -> Site:
    settings = store.settings.list()
    instance_id = settings[INSTANCE_ID]
    locks = _locks(config, instance_id, is_shared=store.is_shared)
    planner = Planner(config, instance_id)
    fingerprint = _fingerprint(config, registry)
    site = Site(config, registry, store, locks, planner, fingerprint, os.uname().nodename)
    if settings.get(of_host(DECLARED, site.hostname)) != site.fingerprint:
        _bring_in_line(site, now)
    return site


def _locks(config: Config, instance_id: str, *, is_shared: bool) -> Locks:
    here = FileLocks(config.state_dir / "locks")
    if not is_shared:
        return here
    return DoubleLocks(here, open_shared_locks(config.lock_database or config.database, instance_id))


def problems(site: Site) -> list[str]:
    """Return what is wrong with plugins and with what the config says of tasks, in one line each."""
    found = [str(finding) for finding in site.registry.findings]
    return [*found, *overrides_without_task(site)]


def overrides_without_task(site: Site) -> list[str]:
    """Return, in one line each, the sections of the config that match no task."""
    from taskrunner.config.nearest import did_you_mean
    from taskrunner.config.overrides import matches

    config, tasks = site.config, site.registry.tasks
    return [
        f'{config.file}:{override.line}: [tasks."{override.key}"] matches no task'
        f"{did_you_mean(override.key, tasks)}"
        for override in config.tasks
        if not any(matches(override.key, name) for name in tasks)
    ]


def mend_after_clock_step(site: Site, now: float) -> None:
    """Plan anew what was planned while the clock stood later than now, and would wait for that time again."""
    with site.store.transaction():
        for row in site.store.scheduled.list_for_change():
            declaration = site.registry.tasks.get(row.name)
            latest = site.planner.latest_next(row, now)
            if declaration is not None and row.next_run_at > latest:
                fields = site.planner.declared(declaration, row, now)
                site.store.scheduled.declare(asdict(fields) | {"next_run_at": latest})


def _make_state_dir(config: Config) -> None:
    try:
        make_folder(config.state_dir)
    except OSError as error:
        raise ConfigError(f"state_dir: cannot make {config.state_dir}: {error.strerror}") from error


def _fingerprint(config: Config, registry: Registry) -> str:
    """Return a text that changes whenever a row of a scheduled task might have to."""
    plugins = sorted((name, plugin.enabled) for name, plugin in config.plugins.items())
    parts = (
        VERSION_OF_PLANNING,
        registry.fingerprint,
        config.tasks,
        plugins,
        config.timezone,
        config.schedule.salt,
    )
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def _bring_in_line(site: Site, now: float) -> None:
    declared = {name: task for name, task in site.registry.tasks.items() if task.kind == "scheduled"}
    with site.store.transaction():
        site.store.settings.alone("declare")
        rows = {row.name: row for row in site.store.scheduled.list_for_change()}
        for name, declaration in declared.items():
            _write_declared(site, declaration, rows.get(name), now)
        for name in rows.keys() - declared.keys():
            site.store.scheduled.block(name, f"missing: {_why_missing(site.registry, rows[name].plugin)}")
        site.store.settings.set(of_host(DECLARED, site.hostname), site.fingerprint)


def _write_declared(site: Site, declaration: Declaration, row: ScheduledRow | None, now: float) -> None:
    try:
        fields = site.planner.declared(declaration, row, now)
    except InvalidScheduleError as error:
        site.store.scheduled.block(declaration.name, f"its own schedule is wrong: {error}")
        return
    if fields.differ_from(row):
        site.store.scheduled.declare(asdict(fields))


def _why_missing(registry: Registry, plugin_name: str) -> str:
    """Return what is wrong with the plugin, or that it does not declare the task any more."""
    found = next((plugin for plugin in registry.plugins if plugin.name == plugin_name), None)
    if found and found.findings:
        return str(found.findings[0])
    return (
        "its plugin does not declare it any more" if found else f"there is no plugin {plugin_name} any more"
    )
