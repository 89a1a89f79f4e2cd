"""All that the plugins declare, without importing those that have not changed."""

from __future__ import annotations

import json
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING

from taskrunner.errors import UnknownTaskError
from taskrunner.plugins.cache import read_snapshot, write_snapshot
from taskrunner.plugins.discovery import find_sources
from taskrunner.plugins.refreshing import brought_up_to_date

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from taskrunner.plugins.cache import Snapshot
    from taskrunner.plugins.declaration import Declaration, Finding, Plugin
    from taskrunner.task import Task

IMPORT_TIMEOUT = 30.0


def load_registry(
    plugin_dirs: Sequence[Path | str],
    cache_file: Path | str,
    *,
    now: float,
    import_timeout: float = IMPORT_TIMEOUT,
) -> Registry:
    """Return what all plugins declare; only those that changed since `cache_file` was written are imported.

    They are imported in a child process, each for at most `import_timeout` seconds. A plugin that could not
    be imported is tried again when its files change, and after a while (5 minutes; an hour if it killed or
    blocked the child) unless its text is to blame. `now`: epoch seconds.
    """
    discovery = find_sources(plugin_dirs)
    known = read_snapshot(cache_file)
    snapshot = brought_up_to_date(known, discovery, now=now, timeout=import_timeout)
    if snapshot is not known:
        write_snapshot(cache_file, snapshot)
    return Registry(snapshot)


class Registry:
    """Every plugin, what it declares and what is wrong with it; it does not change.

    `fingerprint` changes when a file of a plugin or a declaration does.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self.fingerprint = snapshot.fingerprint
        self._snapshot = snapshot
        self._loaded: dict[str, type[Task]] = {}

    @cached_property
    def plugins(self) -> tuple[Plugin, ...]:
        """The plugins, `core` first; a broken one declares what could be imported of it."""
        from taskrunner.plugins.reading import from_data
        from taskrunner.plugins.requirements import check_requirements

        return check_requirements([from_data(data) for data in json.loads(self._snapshot.readings).values()])

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """All that is wrong: what could not be a plugin, then the findings of each plugin."""
        from ast import literal_eval

        from taskrunner.plugins.declaration import Finding

        _, not_plugins = literal_eval(self._snapshot.sources)
        found = (finding for plugin in self.plugins for finding in plugin.findings)
        return (*(Finding(*finding) for finding in not_plugins), *found)

    @cached_property
    def tasks(self) -> Mapping[str, Declaration]:
        """The declarations by name."""
        declared = (task for plugin in self.plugins for task in plugin.tasks)
        return MappingProxyType({task.name: task for task in declared})

    def get(self, name: str) -> Declaration:
        """Return the task of exactly this name; raises UnknownTaskError with the nearest name."""
        if name not in self.tasks:
            raise _unknown(name, self.tasks)
        return self.tasks[name]

    def find(self, name: str) -> Declaration:
        """Return the task of this name or, where only one has it, this class name.

        Raises UnknownTaskError with the nearest name, or with all names that are meant.
        """
        if name in self.tasks:
            return self.tasks[name]
        candidates = [known for known in self.tasks if known.endswith(f".{name}")]
        if len(candidates) > 1:
            raise UnknownTaskError(f"{name} could be {' or '.join(candidates)}", hint="write the full name")
        return self.get(*candidates or (name,))

    def has_loaded(self, name: str) -> bool:
        """Say whether the class of a task was loaded in this process."""
        return name in self._loaded

    def load(self, name: str) -> type[Task]:
        """Return the class of the task of exactly this name.

        Raises UnknownTaskError, and PluginError if its import fails.
        """
        if name not in self._loaded:
            self._loaded[name] = self._import(self.get(name))
        return self._loaded[name]

    def _import(self, declaration: Declaration) -> type[Task]:
        """All plugins are made importable before, for one may import another."""
        from taskrunner.plugins.loading import load_task
        from taskrunner.plugins.namespace import register

        register({plugin.name: plugin.path for plugin in self.plugins})
        return load_task(declaration)


def _unknown(name: str, tasks: Mapping[str, Declaration]) -> UnknownTaskError:
    from difflib import get_close_matches

    known = {task.class_name: task.name for task in tasks.values()} | {full: full for full in tasks}
    nearest = get_close_matches(name, known, n=1)
    guess = f"; did you mean {known[nearest[0]]}?" if nearest else ""
    return UnknownTaskError(f"no plugin declares {name}{guess}", hint="taskrun list")
