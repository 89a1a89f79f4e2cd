"""taskrun plugins: what is loaded, and what is broken."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import click

from taskrunner.cli.options import config_option, configuration, opened_site
from taskrunner.cli.render import (
    BAD,
    Column,
    Record,
    Table,
    format_options,
    json_option,
    say,
    show_json,
)
from taskrunner.cli.render import (
    show as show_records,
)
from taskrunner.installation import problems

TABLE = Table(
    keys=(
        "name",
        "title",
        "version",
        "path",
        "enabled",
        "tasks",
        "findings",
    ),
    columns=(
        Column("name", "Plugin"),
        Column("title", "Title", wraps=True),
        Column("version", "Version"),
        Column("_tasks", "Tasks"),
        Column("_state", "State"),
        Column("path", "Path", wraps=True),
    ),
)


@click.command()
@format_options
@config_option
def plugins(output_format: str | None) -> None:
    """Show every plugin and what is wrong with it."""
    site = opened_site()
    records: list[Record] = []
    for plugin in site.registry.plugins:
        settings = site.config.plugins.get(plugin.name)
        enabled = settings is None or settings.enabled
        findings = [str(finding) for finding in plugin.findings]
        records.append(
            {
                "name": plugin.name,
                "title": plugin.title,
                "version": plugin.version,
                "path": plugin.path,
                "enabled": enabled,
                "tasks": [task.name for task in plugin.tasks],
                "findings": findings,
                "_tasks": len(plugin.tasks),
                "_state": "broken" if findings else ("ok" if enabled else "disabled"),
                "_style": BAD if findings else "",
            }
        )
    show_records(records, TABLE, output_format=output_format, empty="no plugins")
    if output_format is None:
        for problem in problems(site):
            say(problem, err=True)


@click.command()
@json_option
@config_option
def config(output_format: str | None) -> None:
    """Show the configuration in force.

    From file, environment and defaults; passwords are hidden.
    """
    settings = configuration().public()
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
