"""taskrun plugins, config, audit: what an installation is made of, and who changed it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping

import click

from taskrunner.cli.options import (
    COUNTED,
    config_option,
    configuration,
    context_of,
    opened_site,
    parse_moment,
    zone_of,
)
from taskrunner.cli.render import format_options, json_option, say, show_json, show_listing


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
