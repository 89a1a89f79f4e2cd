"""Reading `plugin.toml`, what a plugin says about itself."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from typing import Any

from taskrunner.errors import PluginError
from taskrunner.plugins.declaration import Finding
from taskrunner.plugins.discovery import MANIFEST, PluginSource
from taskrunner.plugins.trust import read_trusted


@dataclass(frozen=True, slots=True)
class Manifest:
    """Display name ("": the plugin's name), version and the plugins without which this one is of no use."""

    title: str = ""
    version: str = ""
    requires: tuple[str, ...] = ()


def read_manifest(source: PluginSource) -> tuple[Manifest, list[Finding]]:
    """Return what a plugin's `plugin.toml` says, and what is wrong in it, which counts as not said."""
    path = os.path.join(source.path, MANIFEST)
    if path not in (file.path for file in source.files):
        return Manifest(), []
    try:
        table = tomllib.loads(read_trusted(path).decode())
    except (OSError, ValueError, PluginError) as error:
        return Manifest(), [Finding(path, _line_in(str(error)), str(error))]
    problems = {key: problem for key, value in table.items() if (problem := _problem(key, value))}
    said = {key: value for key, value in table.items() if key not in problems}
    requires = tuple(said.pop("requires", ()))
    return Manifest(**said, requires=requires), [Finding(path, 0, text) for text in problems.values()]


def _problem(key: str, value: Any) -> str | None:
    if key not in Manifest.__slots__:
        return f"unknown key {key!r}; there are {', '.join(Manifest.__slots__)}"
    if key == "requires":
        fits = isinstance(value, list) and all(isinstance(name, str) for name in value)
        return None if fits else "requires must be a list of plugin names"
    return None if isinstance(value, str) else f"{key} must be a text"


def _line_in(message: str) -> int:
    """Return the line that tomllib names at the end, "(at line 3, column 1)"; 0: it names none."""
    _, _, position = message.rpartition("(at line ")
    number = position.partition(",")[0]
    return int(number) if number.isdigit() else 0
