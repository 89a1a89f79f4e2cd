"""Which plugins lack another plugin that they require."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from taskrunner.plugins.declaration import Finding
from taskrunner.plugins.discovery import MANIFEST

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from taskrunner.plugins.declaration import Plugin
    from taskrunner.plugins.reading import Reading


def check_requirements(readings: Sequence[Reading]) -> tuple[Plugin, ...]:
    """Return the plugins; one that requires an absent or unusable plugin has a finding and no tasks."""
    usable = _usable(readings)
    return tuple(_checked(reading.plugin, usable) for reading in readings)


def _usable(readings: Sequence[Reading]) -> set[str]:
    """Plugins in a circle may all be usable, so start from all and take away until nothing changes."""
    plugins = [reading.plugin for reading in readings if not reading.broken]
    usable = {plugin.name for plugin in plugins}
    while lacking := {plugin.name for plugin in plugins if _missing(plugin, usable)} & usable:
        usable -= lacking
    return usable


def _checked(plugin: Plugin, usable: Collection[str]) -> Plugin:
    missing = _missing(plugin, usable)
    if not missing:
        return plugin
    path = os.path.join(plugin.path, MANIFEST)
    findings = (
        Finding(path, 0, f"requires the plugin {name}, which is absent or broken") for name in missing
    )
    return replace(plugin, tasks=(), findings=(*plugin.findings, *findings))


def _missing(plugin: Plugin, usable: Collection[str]) -> list[str]:
    return [name for name in plugin.requires if name not in usable]
