"""taskrun plugins, config, audit, db: what an installation is made of, who changed it, and its tables."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import click

from taskrunner.cli import Suggesting
from taskrunner.cli.options import (
    COUNTED,
    administrator,
    config_option,
    configuration,
    context_of,
    context_without_site,
    opened_site,
    parse_moment,
    zone_of,
)
from taskrunner.cli.render import format_options, json_option, say, show_json, show_listing
from taskrunner.formatting import long_moment

if TYPE_CHECKING:
    from taskrunner.config import Config
    from taskrunner.db import SchemaState
    from taskrunner.records import HostRow


@click.command()
@format_options
@config_option
def plugins(output_format: str | None) -> None:
    """Show every plugin and what is wrong with it."""
    from taskrunner.installation import problems
    from taskrunner.views.site import PLUGINS, plugins_of

    site = opened_site(for_reading=True)
    context = context_of(site, time.time())
    show_listing(plugins_of(site), PLUGINS, context, output_format=output_format, empty="no plugins")
    if output_format is None:
        for problem in problems(site):
            say(problem, err=True)


@click.command()
@click.option("--since", metavar="TIME", help="Done at or after: 2d (ago), 13:57, '2026-11-21 13:57'.")
@click.option("--limit", metavar="N", type=COUNTED, default=50, show_default=True, help="At most this many.")
@format_options
@config_option
def audit(since: str | None, limit: int, output_format: str | None) -> None:
    """Show who changed what, the latest first.

    Changes of schedules, of the state of tasks, of the queue and of the pause.
    """
    from taskrunner.views.site import CHANGES

    site, now = opened_site(for_reading=True), time.time()
    begin = parse_moment(since, now=now, zone=zone_of(site)) if since else 0.0
    rows = site.store.audit.list(since=begin, limit=limit)
    context, empty = context_of(site, now), "nobody has changed anything"
    show_listing(rows, CHANGES, context, output_format=output_format, empty=empty)


@click.command()
@json_option
@config_option
@click.option("--schema", is_flag=True, help="Show the JSON schema of taskrunner.toml instead, for editors.")
def config(output_format: str | None, *, schema: bool) -> None:
    """Show the configuration in force.

    From file, environment and defaults; passwords are hidden.
    """
    if schema:
        from taskrunner.config.json_schema import schema_text

        say(schema_text(), nl=False)
        return
    settings = configuration(by_anybody=True).public()
    if output_format == "json":
        show_json([settings])
        return
    say(f"# {settings.pop('file')}")
    for line in _toml(settings, ()):
        say(line)


def _toml(table: Mapping[str, object], path: tuple[str, ...]) -> Iterator[str]:
    """Give the lines of a table as TOML: its values first, then its tables."""
    values = {key: value for key, value in table.items() if not isinstance(value, Mapping)}
    if path and (values or not table):
        yield ""
        yield f"[{'.'.join(_key(part) for part in path)}]"
    for key, value in values.items():
        yield (
            f"{_key(key)} = {json.dumps(value, ensure_ascii=False)}"
            if value is not None
            else f"# {_key(key)}"
        )
    for key, value in table.items():
        if isinstance(value, Mapping) and value:
            yield from _toml(value, (*path, key))


def _key(name: str) -> str:
    return name if name.replace("_", "").replace("-", "").isalnum() else json.dumps(name)


@click.group(cls=Suggesting)
def db() -> None:
    """Show and upgrade the tables, and print the rights of roles."""


@db.command()
@json_option
@config_option
def status(output_format: str | None) -> None:
    """Show which version the tables have, and which hosts work with them.

    Ends with 0 if the tables are those of this taskrun, else with 1.
    """
    config = _configuration()
    state = _state(config)
    hosts, ahead = _hosts(config) if state.word == "up to date" else ([], None)
    if output_format == "json":
        from taskrunner.views.site import DATABASE, DatabaseState

        show_json(DATABASE.records([DatabaseState(state, hosts, ahead)], context_without_site()))
    else:
        _show(config, state, hosts, ahead)
    sys.exit(0 if state.word == "up to date" else 1)


@db.command()
@click.option("--sql", is_flag=True, help="Print the SQL that would be run, and run nothing.")
@config_option
def upgrade(sql: bool) -> None:
    """Make the tables, or bring them up to date: all of it, or nothing.

    The next cron does so by itself where it may. This command is for a database role of its own, and for
    looking first.
    """
    from taskrunner.db import open_database
    from taskrunner.db.sql import script_from

    config = _configuration()
    before = _state(config).checked()
    if sql:
        dialect = "sqlite" if config.database.startswith("sqlite:") else "postgres"
        say(script_from(before.version, dialect) or "-- nothing to do")
        return
    open_database(config.database, through_pooler=config.lock_database is not None).close()
    done = "already" if before.word == "up to date" else f"was {before.version or 'not there'}, now"
    say(f"schema of {before.database}: {done} version {before.newest}")


@db.command()
@click.option(
    "--to", "target", required=True, metavar="URL", help="sqlite:PATH or postgresql://…; it has to be empty."
)
@config_option
def copy(target: str) -> None:
    """Copy the whole site to another database.

    Schedules, states, the queue, the log: all rows, counted and compared. Whenever it is killed, the new
    database is complete or untouched. Afterwards nothing starts with the old one, so that nothing is done
    twice. It is refused while tasks run: taskrun pause --wait.
    """
    from taskrunner.administration import runs
    from taskrunner.config.schema import mask

    site = opened_site()
    was_paused = site.store.settings.pause(time.time()) is not None
    url = _url(target, site.config)
    shown = target if target.startswith(("env:", "file:")) else mask(url)
    copied = runs.copy_database(site, url, shown, who=administrator(), now=time.time())
    for table in copied:
        say(f"{table.table:<16} {table.rows:>10} rows  {table.digest[:16]}")
    say(f"\nThe copy is complete. Name it in {site.config.file}, and wherever else the old one is named:\n")
    say(f'database = "{shown}"')
    say("\nNothing starts with the old database any more. `taskrun resume` takes that back.")
    if was_paused:
        say("The new one is paused as the old one was: type `taskrun resume` when it is in use.")


def _url(target: str, config: Config) -> str:
    """Return the URL that the option means, read as `database` in the configuration is."""
    from taskrunner.config.values import Database, Place

    try:
        return Database().read(target, Place(config.file.parent, os.environ))
    except ValueError as error:
        raise click.UsageError(f"--to {error}") from error


@db.command()
@click.option("--owner", default="taskrun_owner", metavar="ROLE", help="Makes and upgrades the tables.")
@click.option("--runner", default="taskrun_runner", metavar="ROLE", help="Runs tasks.")
@click.option("--producer", default="taskrun_producer", metavar="ROLE", help="Queues tasks.")
@click.option("--viewer", default="taskrun_viewer", metavar="ROLE", help="Looks at everything.")
@click.option("--reader", default="taskrun_reader", metavar="ROLE", help="Reads the views.")
@click.option("--schema", default="public", metavar="NAME", help="Where the tables are.")
def grants(**names: str) -> None:
    """Print the SQL that makes five roles for PostgreSQL.

    Each gets its rights. As a superuser: taskrun db grants | psql NAME
    """
    from taskrunner.db.postgres.tables import Roles
    from taskrunner.db.postgres.tables import grants as script

    say(script(Roles(**names)), nl=False)


def _configuration() -> Config:
    """Return the configuration; that of a server is for all who may use it, whoever owns the site."""
    config = configuration(by_anybody=True)
    return configuration() if config.database.startswith("sqlite:") else config


def _state(config: Config) -> SchemaState:
    from taskrunner.db import look_at_tables

    return look_at_tables(config.database, through_pooler=config.lock_database is not None)


def _hosts(config: Config) -> tuple[list[HostRow], float]:
    """Return the hosts that start crons, and by how many seconds our clock is ahead of the database's."""
    from taskrunner.store import open_store

    store = open_store(config.database, lock_database=config.lock_database)
    try:
        hosts = store.hosts.list() if store.is_shared else []
        return hosts, store.settings.clock_ahead(time.time())
    finally:
        store.close()


def _show(config: Config, state: SchemaState, hosts: list[HostRow], ahead: float | None) -> None:
    from taskrunner.zones import get_zone

    say(f"Database   {state.database}")
    say(f"Server     {state.server}")
    say(f"Schema     version {state.version}, this taskrun has {state.newest}: {state.word}")
    if hosts and ahead is not None:
        say(f"Clock      {_clock(ahead)}")
    for host in hosts:
        last = long_moment(host.last_cron_at, get_zone(config.timezone))
        say(f"Host       {host.hostname}: last cron {last}, clock {_clock(host.clock_ahead)}")


def _clock(ahead: float) -> str:
    from taskrunner.diagnosis.check import LARGEST_CLOCK_DIFFERENCE

    difference = f"{abs(ahead):.1f} s {'ahead of' if ahead >= 0 else 'behind'} the database's"
    return f"{difference}: set it right" if abs(ahead) > LARGEST_CLOCK_DIFFERENCE else difference
