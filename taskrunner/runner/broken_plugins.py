"""Plugins that broke, and plugins that are well again: reported once, by the first cron that sees it.

A module of its own because it is imported late: most crons find the plugins as they were.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from taskrunner.runner.notify import Notifier
from taskrunner.store.settings import BROKEN, of_host

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from taskrunner.installation import Site


@dataclass(frozen=True, slots=True)
class PluginEvent:
    """What the command of `[notify]` gets on its stdin; `at` is a UTC epoch second."""

    event: str
    plugin: str
    message: str | None
    hostname: str
    at: float


def tell_changes(site: Site, *, now: float, say: Callable[[str], None]) -> None:
    """Say which plugins broke or recovered since the cron before, and notify the administrator's command."""
    name = of_host(BROKEN, site.hostname)
    before: dict[str, str] = json.loads(site.store.settings.list().get(name, "{}"))
    after = dict(site.registry.broken)
    if before == after:
        return
    site.store.settings.set(name, json.dumps(after))
    notifier = Notifier(site, say)
    for event in changes(before, after, hostname=site.hostname, now=now):
        say(_line(event))
        if site.config.notify.command:
            notifier.send(event)


def changes(
    before: Mapping[str, str], after: Mapping[str, str], *, hostname: str, now: float
) -> Iterator[PluginEvent]:
    """Yield the events between two moments, of each of which the broken plugins are known with the reason."""
    for plugin in sorted(after.keys() - before.keys()):
        yield PluginEvent("plugin_broken", plugin, after[plugin], hostname, now)
    for plugin in sorted(before.keys() - after.keys()):
        yield PluginEvent("plugin_recovered", plugin, None, hostname, now)


def _line(event: PluginEvent) -> str:
    if event.message is None:
        return f"The plugin {event.plugin} can be imported again."
    return f"The plugin {event.plugin} is broken: {event.message}"
