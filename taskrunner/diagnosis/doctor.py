"""Everything that can be wrong while nothing runs, each finding with what to type next."""

from __future__ import annotations

import os
import shlex
import shutil
import stat
import sys
from importlib.util import cache_from_source
from pathlib import Path
from typing import TYPE_CHECKING

from taskrunner.config.load import load_callable
from taskrunner.db import REFUSE, TAKE, database_health, look_at_tables
from taskrunner.diagnosis.check import (
    LARGEST_CLOCK_DIFFERENCE,
    access_findings,
    cron_starts,
    history,
    log_finding,
)
from taskrunner.diagnosis.hosts import database, journals
from taskrunner.errors import ConfigError, StoreError, TaskrunnerError
from taskrunner.files import find_program
from taskrunner.formatting import crontab_command
from taskrunner.installation import open_site, overrides_without_task
from taskrunner.records import Finding
from taskrunner.store import open_store
from taskrunner.store.settings import INSTANCE_ID

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from taskrunner.config import Config
    from taskrunner.installation import Site
    from taskrunner.records import ScheduledRow


def database_findings(config: Config, clock: Callable[[], float]) -> list[Finding]:
    """Return what is wrong with the database; a critical one when there is no use in going on."""
    try:
        state = look_at_tables(config.database, through_pooler=config.lock_database is not None).checked()
        if state.word == "missing":
            return [
                Finding("database", "warning", f"{state.database} has no tables yet", "taskrun db upgrade")
            ]
        state.is_to_be_upgraded(REFUSE)
        return [*database_health(config.database), *_clock(config, clock)]
    except StoreError as error:
        return [Finding("database", "critical", str(error), error.hint or "taskrun db status")]


def _clock(config: Config, clock: Callable[[], float]) -> list[Finding]:
    store = open_store(config.database, lock_database=config.lock_database)
    try:
        hosts = store.hosts.list()
        ahead = store.settings.clock_ahead(clock())  # asked now: to import an application takes seconds
    finally:
        store.close()
    clocks = {"this host": ahead} | {host.hostname: host.clock_ahead for host in hosts}
    return [found for host, seconds in clocks.items() for found in clock_findings(host, seconds)]


def clock_findings(host: str, ahead: float) -> list[Finding]:
    """Judge by how many seconds a host's clock is ahead of the database's.

    >>> clock_findings("cron1", 5.0), clock_findings("cron1", -7.25)[0].message
    ([], 'the clock of cron1 is 7.2 s behind that of the database')
    """
    if abs(ahead) <= LARGEST_CLOCK_DIFFERENCE:
        return []
    where = "ahead of" if ahead > 0 else "behind"
    message = f"the clock of {host} is {abs(ahead):.1f} s {where} that of the database"
    return [Finding("database", "warning", message, "timedatectl set-ntp true, on both")]


def file_findings(config: Config) -> list[Finding]:
    """Return what is wrong with the files a config names."""
    return [
        *_config_file(config),
        *_plugin_dirs(config),
        *_own_folder("state_dir", config.state_dir),
        *_own_folder("log_dir", config.log_dir),
        *_notify(config),
        *_run_settings(config),
    ]


def _run_settings(config: Config) -> list[Finding]:
    """Return what `[run]` and `[users]` name that is not there: each run would fail, or wait."""
    named = [("[run] around", name) for name in config.run.around]
    if config.users.resolver is not None:
        named.append(("[users] resolver", config.users.resolver))
    found = []
    for setting, name in named:
        try:
            load_callable(name, setting=setting)
        except ConfigError as error:
            found.append(
                Finding("config", "critical", str(error), "see [run] python_path in taskrunner.toml")
            )
    if not config.run.directory.is_dir():
        message = f"[run] directory: there is no folder {config.run.directory}"
        found.append(
            Finding("config", "critical", message, f"mkdir {shlex.quote(str(config.run.directory))}")
        )
    return found


def _config_file(config: Config) -> list[Finding]:
    """One that others can write is refused before it is read."""
    mode, name = os.stat(config.file).st_mode, shlex.quote(str(config.file))
    if not (mode & stat.S_IROTH and _holds_a_password(config)):
        return []
    message = f"{config.file} holds a password and can be read by everybody"
    return [Finding("config", "warning", message, f"chmod o-r {name}, or database = 'env:DATABASE_URL'")]


def _holds_a_password(config: Config) -> bool:
    written = {
        ("database",): config.database,
        ("lock_database",): config.lock_database or "",
        ("task_database", "url"): config.task_database.url or "",
    }
    urls = [url for keys, url in written.items() if keys not in config.references]
    return any(":" in url.partition("://")[2].rpartition("@")[0] or "password=" in url for url in urls)


def _plugin_dirs(config: Config) -> list[Finding]:
    return [
        Finding(
            "plugins",
            "warning",
            f"plugin_dirs: there is no folder {folder}",
            f"mkdir {shlex.quote(str(folder))}",
        )
        for folder in config.plugin_dirs
        if not folder.is_dir()
    ]


def _own_folder(key: str, folder: Path) -> list[Finding]:
    """A folder that taskrunner writes: it is made when it is needed, and nobody else fills it."""
    name = shlex.quote(str(folder))
    there = folder
    while not there.exists() and there != there.parent:
        there = there.parent
    if not there.is_dir():
        return [Finding("files", "warning", f"{key}: {there} is not a folder", f"mv {there} {there}.old")]
    if there == folder and folder.stat().st_mode & stat.S_IWOTH:
        return [
            Finding("files", "warning", f"{key}: {folder} can be written by everybody", f"chmod o-w {name}")
        ]
    return []


def _notify(config: Config) -> list[Finding]:
    command = config.notify.command
    if not command or shutil.which(find_program(command[0])):
        return []
    message = f"[notify] command: {command[0]} is not a program that can be run"
    return [
        Finding("config", "warning", message, f"chmod +x {shlex.quote(command[0])}, or change the command")
    ]


TRIED = "doctor"
"""The lock that is taken to see whether one can be."""

PACKAGE = Path(__file__).parents[1]
FEW = 3
"""Files without bytecode that are not worth a word: never imported yet."""


def program_findings() -> list[Finding]:
    """Return what is wrong with the program."""
    if not {"site-packages", "dist-packages"}.intersection(PACKAGE.parts):
        return []  # a checkout: whoever changes its files has them compiled at the next start
    used = [module for name, module in sys.modules.items() if name.partition(".")[0] == PACKAGE.name]
    return uncompiled([file for module in used if (file := getattr(module, "__file__", None))], PACKAGE)


def uncompiled(files: Sequence[str], package: Path) -> list[Finding]:
    """Say if modules in use have no bytecode beside them: they are compiled anew at every start."""
    missing = [file for file in files if not Path(cache_from_source(file)).exists()]
    if len(missing) <= FEW:
        return []
    message = f"{len(missing)} of {len(files)} modules in use have no .pyc: each cron compiles them anew"
    return [Finding("program", "warning", message, f"{sys.executable} -m compileall -q {package}")]


def task_findings(site: Site, *, now: float) -> list[Finding]:
    """Return what is wrong with plugins, with tasks whose schedule cannot be used, with the crontab."""
    return [
        *(Finding("plugins", "warning", str(finding), _edit(finding)) for finding in site.registry.findings),
        *(
            Finding("config", "warning", message, "change it there")
            for message in overrides_without_task(site)
        ),
        *(finding for row in site.store.scheduled.list() for finding in _blocked(site, row)),
        *_queued_without_class(site),
        *_cron(site, now),
        *(finding for finding in _checked(site, now) if finding.exit_code),
    ]


def _checked(site: Site, now: float) -> list[Finding]:
    """Return what those checks find that look at more than what runs; the database is written, too."""
    return [history(site, now, since=0.0), journals(site), database(site, now)]


def lock_findings(site: Site) -> list[Finding]:
    """Return what keeps a cron from its locks, which it takes before anything else."""
    try:
        if (lock := site.locks.acquire(TRIED)) is not None:
            lock.release()
            site.locks.forget(TRIED)
        url = site.config.lock_database
        if url is None or _instance_id(url) == site.planner.seed:
            return []
    except (StoreError, ConfigError) as error:
        return [Finding("locks", "critical", str(error), error.hint or "taskrun check")]
    message = "lock_database is another database than `database`: hosts that name others do not see its locks"
    return [Finding("locks", "critical", message, "name the same database there, without the pooler")]


def _instance_id(url: str) -> str | None:
    """Return the id of the installation in a database, or None if there is none; nothing is made in it."""
    if not look_at_tables(url).version:
        return None
    store = open_store(url, lock_database=None, older=TAKE)
    try:
        return store.settings.list().get(INSTANCE_ID)
    finally:
        store.close()


def _edit(finding: Finding) -> str:
    if "chmod" in finding.message:
        return f"chmod go-w {finding.file}"
    return f"$EDITOR {'+' + str(finding.line) + ' ' if finding.line else ''}{finding.file}"


def _queued_without_class(site: Site) -> list[Finding]:
    """What waits in the queue for a class that is gone."""
    from taskrunner.views.find import way_out

    found = []
    for row in site.store.adhoc.summary(0.0):
        reason = site.why_not_run(row.name)
        if reason is not None and reason.startswith("missing"):
            message = f"{row.name}: {reason}; {row.due + row.waiting + row.given_up} queued"
            found.append(Finding("tasks", "warning", message, way_out(site, row.name)))
    return found


def _blocked(site: Site, row: ScheduledRow) -> list[Finding]:
    """A schedule of the administrator's that never matches, or a task whose plugin has gone."""
    if row.blocked is None or row.blocked == "plugin disabled":
        return []
    if row.blocked.startswith("missing"):
        from taskrunner.views.find import way_out

        hint = way_out(site, row.name)
    else:
        hint = f"taskrun schedule {row.name} --reset"
    return [Finding("tasks", "warning", f"{row.name}: {row.blocked}", hint)]


def _cron(site: Site, now: float) -> list[Finding]:
    if cron_starts(site, now).last_at is not None:
        return []
    message = "no cron has ever started: the crontab line is missing, or it fails before taskrun starts"
    line = f"* * * * * {_cron_command(site)}"
    return [Finding("cron", "warning", message, f"(crontab -l; echo {shlex.quote(line)}) | crontab -")]


def _cron_command(site: Site) -> str:
    return crontab_command(str(site.config.file))


def diagnose(config: Config, *, clock: Callable[[], float]) -> list[Finding]:
    """Return what is wrong with an installation; nothing of it is run, but plugins are imported."""
    now = clock()
    found = [*file_findings(config), *program_findings()]
    if (log := log_finding(config, now=now)) is not None and config.log_dir.is_dir():
        found.append(log._replace(level="warning"))
    if denied := access_findings(config):
        return [*found, *denied]
    in_database = database_findings(config, clock)
    if any(finding.level == "critical" for finding in in_database):
        return [*found, *in_database]
    try:
        site = open_site(config, now=now)
    except TaskrunnerError as error:
        return [
            *found,
            *in_database,
            Finding("config", "warning", str(error), error.hint or "change it there"),
        ]
    try:
        return [*found, *in_database, *lock_findings(site), *task_findings(site, now=now)]
    finally:
        site.store.close()
