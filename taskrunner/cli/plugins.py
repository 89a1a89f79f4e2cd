"""taskrun plugins: what is loaded, and what is broken."""

from __future__ import annotations

import click

from taskrunner.cli.palette import BAD
from taskrunner.cli.render import Column, Record, Table, format_options, say
from taskrunner.cli.render import show as show_records
from taskrunner.cli.site import config_option, opened_site
from taskrunner.site import problems

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
