"""taskrun config: the configuration in force."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import click

from taskrunner.cli.render import json_option, say, show_json
from taskrunner.cli.site import config_option, configuration


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
