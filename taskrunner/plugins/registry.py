"""All that the plugins declare, without importing those that have not changed."""

from __future__ import annotations

import json
import os
import sys
from functools import cached_property, lru_cache, partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from taskrunner.errors import PluginError, UnknownTaskError
from taskrunner.named_tuple import NamedTuple
from taskrunner.plugins.discover import (
    CACHE_VERSION,
    MANIFEST,
    NEVER,
    Snapshot,
    World,
    changed_modules,
    find_sources,
    is_passing,
    read_snapshot,
    signature_of_packages,
    text_of,
    write_snapshot,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path

    from taskrunner.plugins.declaration import Declaration, Plugin, Reading
    from taskrunner.plugins.discover import Discovery, PluginSource
    from taskrunner.records import Finding
    from taskrunner.task import Task

IMPORT_TIMEOUT = 30.0


def load_registry(
    plugin_dirs: Sequence[Path | str],
    cache_file: Path | str,
    *,
    now: float,
    import_timeout: float = IMPORT_TIMEOUT,
    world: World | None = None,
    decides: bool = True,
) -> Registry:
    """Return what all plugins declare; only those that changed since `cache_file` was written are imported.

    Changed are also those that imported a module which changed, all of them when packages were installed, and
    each that could not be imported. They are imported in a child process, each for at most `import_timeout`
    seconds; one whose import did not end is tried again after 5 minutes only. `now`: epoch seconds.

    Without `decides`, what another interpreter or import path has written is neither believed nor replaced.
    """
    world = world or World(path=sys.path, roots=[str(folder) for folder in plugin_dirs])
    known = read_snapshot(cache_file)
    is_foreign = known is not None and (known.interpreter, known.settings) != (
        world.interpreter,
        world.settings,
    )
    installed = _installed(world, None if is_foreign else known) if world.installed else ""
    discovery = find_sources(plugin_dirs, installed)
    if known is not None and not (is_foreign or discovery.is_whole):
        return Registry(known)
    believed = None if is_foreign else known
    snapshot = brought_up_to_date(
        believed, discovery, now=now, timeout=import_timeout, world=world, installed=installed
    )
    keeps = decides or known is None or known.interpreter == world.interpreter
    if snapshot is not known and keeps:
        write_snapshot(cache_file, snapshot)
    return Registry(snapshot, is_kept=keeps)


def known_registry(cache_file: Path) -> Registry | None:
    """Return what the plugins declared when they were last read, or None if that is not known.

    A process that asks again and again is answered with the same registry until the file changes.
    """
    try:
        found = os.stat(cache_file)
    except OSError:
        return None
    return _registry_in(str(cache_file), (found.st_ino, found.st_size, found.st_mtime_ns))


@lru_cache(maxsize=4)
def _registry_in(cache_file: str, _signature: tuple[int, ...]) -> Registry | None:
    known = read_snapshot(cache_file)
    return Registry(known) if known else None


def _installed(world: World, known: Snapshot | None) -> str:
    """Return where the plugins of distributions lie; looked for anew once something was installed."""
    if known is not None and known.packages == signature_of_packages():
        return known.installed
    from taskrunner.plugins.installed import find_installed

    return find_installed(world.installed)


def brought_up_to_date(
    known: Snapshot | None,
    discovery: Discovery,
    *,
    now: float,
    timeout: float,
    world: World,
    installed: str = "",
) -> Snapshot:
    """Return what reading all plugins anew would give, `known` itself if it is that already.

    `installed` is where the plugins of distributions lie.
    """
    read = partial(_read, discovery=discovery, timeout=timeout, world=world)
    if known is None:
        return _refreshed(Before({}, {}, {}), discovery, read, now=now, world=world, installed=installed)
    if known.holds(discovery, now=now):
        return known
    retries: dict[str, float] = json.loads(known.retries)
    before: dict[str, Any] = json.loads(known.readings)
    kept = _kept(known, before, discovery) - {name for name, retry_at in retries.items() if retry_at <= now}
    readings = {name: data for name, data in before.items() if name in kept}
    retry_at = {name: moment for name, moment in retries.items() if name in kept}
    return _refreshed(
        Before(readings, retry_at, before), discovery, read, now=now, world=world, installed=installed
    )


def _kept(known: Snapshot, before: Mapping[str, Any], discovery: Discovery) -> set[str]:
    """Return the plugins of which no file has changed, and none that they import."""
    if known.packages != signature_of_packages():
        return set()
    changed = changed_modules(known.imported)
    kept = _unchanged(known.sources, text_of(discovery))
    return {name for name in kept if not any(one[0] in changed for one in before[name]["imported"])}


class Before(NamedTuple):
    """What is known already: the readings that hold, when to try others again, and all former readings."""

    readings: dict[str, Any]
    retry_at: dict[str, float]
    former: dict[str, Any]


def _refreshed(
    before: Before,
    discovery: Discovery,
    read_now: Callable[[Sequence[PluginSource]], list[dict[str, Any]]],
    *,
    now: float,
    world: World,
    installed: str,
) -> Snapshot:
    """Return a snapshot made of the readings that hold and those of all other plugins, which are read now."""
    readings, retry_at, former = before
    stale = [source for source in discovery.sources if source.name not in readings]
    for source, data in zip(stale, read_now(stale), strict=True):
        is_passing = data["is_passing"] and source.name in former
        readings[source.name] = _known(former[source.name], data) if is_passing else data
        if data["retry_after"] is not None:
            retry_at[source.name] = now + data["retry_after"] if data["retry_after"] else 0.0
    ordered = {source.name: readings[source.name] for source in discovery.sources}
    sources, read = text_of(discovery), json.dumps(ordered)
    known = json.dumps({name: data | {"unread": None} for name, data in ordered.items()})
    return Snapshot(
        fingerprint=_fingerprint(sources, known),
        next_retry=min(retry_at.values(), default=NEVER),
        retries=json.dumps(retry_at),
        sources=sources,
        readings=read,
        interpreter=world.interpreter,
        packages=signature_of_packages(),
        settings=world.settings,
        installed=installed,
        imported=ascii(sorted({tuple(one) for data in ordered.values() for one in data["imported"]})),
    )


def _known(former: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    """Return what a plugin declared when it could be read, with what is wrong now."""
    return former | {"unread": data["plugin"]["findings"][-1]}


def _read(
    stale: Sequence[PluginSource], *, discovery: Discovery, timeout: float, world: World
) -> list[dict[str, Any]]:
    from taskrunner.plugins.declaration import as_data
    from taskrunner.plugins.declare import read_plugins

    paths = {source.name: source.path for source in (*discovery.sources, *discovery.shared)}
    return [as_data(reading) for reading in read_plugins(stale, paths, timeout=timeout, world=world)]


def _unchanged(before: str, after: str) -> set[str]:
    """Return the names of the plugins that are the same in the texts of two discoveries."""
    from ast import literal_eval

    old, new = ({source[0]: source for source in literal_eval(text)[0]} for text in (before, after))
    return {name for name, source in new.items() if old.get(name) == source}


def _fingerprint(sources: str, readings: str) -> str:
    from hashlib import sha256

    return sha256("\n".join((str(CACHE_VERSION), sources, readings)).encode()).hexdigest()


class Registry:
    """Every plugin, what it declares and what is wrong with it; it does not change.

    `fingerprint` changes when a file of a plugin or a declaration does. `is_kept`: it is what crons work
    with, not only what another Python or import path finds.
    """

    def __init__(self, snapshot: Snapshot, *, is_kept: bool = True) -> None:
        self.is_kept = is_kept
        self.fingerprint = snapshot.fingerprint
        self._snapshot = snapshot
        self._loaded: dict[str, type[Task]] = {}
        self.unread: set[str] = set()
        """Tasks whose class could not be read, for a reason that may be gone a moment later."""

    @cached_property
    def plugins(self) -> tuple[Plugin, ...]:
        """The plugins, `core` first; a broken one declares what could be imported of it."""
        from taskrunner.plugins.declaration import from_data

        return check_requirements([from_data(data) for data in json.loads(self._snapshot.readings).values()])

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """All that is wrong: what could not be a plugin, then the findings of each plugin."""
        from ast import literal_eval

        from taskrunner.plugins.declaration import plugin_finding

        _, not_plugins, _ = literal_eval(self._snapshot.sources)
        found = (finding for plugin in self.plugins for finding in plugin.findings)
        return (*(plugin_finding(message, file=file) for file, message in not_plugins), *found)

    @cached_property
    def tasks(self) -> Mapping[str, Declaration]:
        """The declarations by name."""
        declared = (task for plugin in self.plugins for task in plugin.tasks)
        return MappingProxyType({task.name: task for task in declared})

    def get(self, name: str) -> Declaration:
        """Return the task of exactly this name; raises UnknownTaskError with the nearest name."""
        if name not in self.tasks:
            skipped = self.skipped(name.partition(".")[0])
            raise self._refused(name) or _unknown(name, self.tasks, skipped=skipped)
        return self.tasks[name]

    def skipped(self, plugin_name: str) -> Finding | None:
        """Return why a plugin, or a file of it, was left out, or None if it was not.

        That is what is wrong with it, or with a directory that was left out as a whole.
        """
        found = [finding for finding in self.findings if _is_about(finding.file, plugin_name)]
        if not found and plugin_name not in {plugin.name for plugin in self.plugins}:
            found = [finding for finding in self.findings if os.path.isdir(finding.file)]
        return found[0] if found else None

    def why_missing(self, plugin_name: str) -> str:
        """Return why a task of a plugin is not declared: what is wrong with it, or that it is gone."""
        if (skipped := self.skipped(plugin_name)) is not None:
            return str(skipped)
        if any(plugin.name == plugin_name for plugin in self.plugins):
            return "its plugin does not declare it any more"
        return f"there is no plugin {plugin_name} any more"

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
        """Return whether the class of a task was loaded in this process."""
        return name in self._loaded

    def load(self, name: str) -> type[Task]:
        """Return the class of the task of exactly this name.

        Raises UnknownTaskError, and PluginError if its import fails.
        """
        if name not in self._loaded:
            from taskrunner.plugins.importer import load_task, register

            declaration = self.get(name)
            register(self._importable)  # all of them, as one may import another
            try:
                self._loaded[name] = load_task(declaration)
            except PluginError as error:
                if is_passing(error.__cause__):
                    self.unread.add(name)
                raise
        return self._loaded[name]

    @cached_property
    def _importable(self) -> dict[str, str]:
        """The paths of all plugins, and of what they share, by name."""
        from ast import literal_eval

        *_, shared = literal_eval(self._snapshot.sources)
        paths = {plugin.name: plugin.path for plugin in self.plugins}
        return paths | {name: path for name, path, *_ in shared}

    def _refused(self, name: str) -> UnknownTaskError | None:
        """Return what is wrong with the class of this name, or None if there is none, or nothing is wrong."""
        plugin_name, _, class_name = name.rpartition(".")
        plugins = [plugin for plugin in self.plugins if plugin_name in ("", plugin.name)]
        for finding in (finding for plugin in plugins for finding in plugin.findings):
            if finding.message.startswith(f"{class_name}: "):
                return UnknownTaskError(f"{name} cannot be run: {finding}", hint="taskrun plugins")
        return None

    @cached_property
    def broken(self) -> Mapping[str, str]:
        """What is wrong with each plugin that could not be imported, by its name."""
        found = {plugin.name: plugin for plugin in self.plugins}
        readings = json.loads(self._snapshot.readings).items()
        names = [name for name, data in readings if data["broken"] or data["unread"]]
        return MappingProxyType({name: str(found[name].findings[-1]) for name in names})

    @cached_property
    def passing(self) -> frozenset[str]:
        """The broken plugins that can be read again a moment later, perhaps: nothing is known of them now."""
        readings = json.loads(self._snapshot.readings).items()
        return frozenset(name for name, data in readings if data["is_passing"] or data["unread"])


def _is_about(file: str, plugin_name: str) -> bool:
    """Return whether a file is that of a plugin, or lies in its folder."""
    folder, name = os.path.split(file)
    return plugin_name in (name.removesuffix(".py"), os.path.basename(folder))


def _unknown(name: str, tasks: Mapping[str, Declaration], *, skipped: Finding | None) -> UnknownTaskError:
    if skipped is not None and "." in name:
        return UnknownTaskError(f"{name} is missing: {skipped}", hint="taskrun doctor")
    from taskrunner.validate import nearest

    known = {task.class_name: task.name for task in tasks.values()} | {full: full for full in tasks}
    near = nearest(name, known)
    guess = f"; did you mean {known[near]}?" if near else ""
    return UnknownTaskError(f"no plugin declares {name}{guess}", hint="taskrun list")


def check_requirements(readings: Sequence[Reading]) -> tuple[Plugin, ...]:
    """Return the plugins; one that requires an absent or unusable plugin has a finding and no tasks.

    Plugins that require each other in a circle may all be used: this starts from all that are not broken, and
    takes away until nothing changes.
    """
    plugins = [reading.plugin for reading in readings]
    usable = {reading.plugin.name for reading in readings if not reading.broken}
    while lacking := {one.name for one in plugins if not usable.issuperset(one.requires)} & usable:
        usable -= lacking
    return tuple(one if usable.issuperset(one.requires) else _without_tasks(one, usable) for one in plugins)


def _without_tasks(plugin: Plugin, usable: Collection[str]) -> Plugin:
    from taskrunner.plugins.declaration import plugin_finding

    path = os.path.join(plugin.path, MANIFEST)
    findings = (
        plugin_finding(f"requires the plugin {name}, which is absent or broken", file=path)
        for name in plugin.requires
        if name not in usable
    )
    return plugin._replace(tasks=(), findings=(*plugin.findings, *findings))
