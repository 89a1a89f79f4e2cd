"""Loading the configuration: the file and the environment become one checked `Config`.

What `[run]` says of the world that tasks run in is applied to this process, and its callables are imported.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Collection, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from taskrunner.config.find import find_file, is_reference, read_environment, variable_of
from taskrunner.config.schema import (
    INSTALLED,
    Config,
    PluginConfig,
    Setting,
    TaskOverride,
    all_settings,
    check_key,
    mask,
    sections_of,
    settings_of,
)
from taskrunner.config.values import COMPLETED, KeyPath, Place, find_lines, header, label, secretive
from taskrunner.errors import ConfigError
from taskrunner.files import LARGEST_FILE, fault_of_folder, read_trusted_text
from taskrunner.named_tuple import NamedTuple
from taskrunner.validate import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable

PATH_BEFORE: list[str] = []
"""The import path of this process as it was started, once `[run]` has been applied."""

PACKAGES = ("site-packages", "dist-packages")
"""The ends of the folders that installed packages lie in."""


def apply_run_settings(config: Config) -> None:
    """Set the environment and the import path of `[run]` in this process, as every command does.

    Raises ConfigError for a folder that is not there, or that somebody else could fill.
    """
    PATH_BEFORE[:] = PATH_BEFORE or sys.path
    folders = [str(folder) for folder in config.run.python_path]
    for folder in folders:
        _check_folder(folder)
    new = [folder for folder in folders if folder not in sys.path]
    installed = (at for at, entry in enumerate(sys.path) if entry.endswith(PACKAGES))
    at = next(installed, len(sys.path))
    sys.path[at:at] = new  # behind the standard library, and before what is installed
    if environment := config.run.environment:
        os.environ.update(environment)
        if "TZ" in environment:
            time.tzset()


def enter_directory(config: Config) -> None:
    """Make the folder of `[run] directory` the working directory. Raises ConfigError."""
    try:
        os.chdir(config.run.directory)
    except OSError as error:
        raise ConfigError(
            f"[run] directory: cannot enter {config.run.directory}: {error.strerror}", hint="taskrun config"
        ) from error


def _check_folder(folder: str) -> None:
    try:
        fault = fault_of_folder(folder)
    except OSError as error:
        raise ConfigError(f"[run] python_path: {folder}: {error.strerror}", hint="taskrun config") from error
    if fault:
        raise ConfigError(f"[run] python_path: {folder} {fault}")


def load_callable(name: str, *, setting: str) -> Any:
    """Return what "package.module:name" names; `setting` is where that stands, for the message.

    Raises ConfigError, whatever the import raises.
    """
    module, _, path = name.partition(":")
    try:
        found: Any = import_module(module)
        for part in path.split("."):
            found = getattr(found, part)
    except (Exception, SystemExit) as error:
        text = str(error) or type(error).__name__
        raise ConfigError(f"{setting} = {name!r} cannot be imported: {text}") from error
    if not callable(found):
        raise ConfigError(f"{setting} = {name!r} is not callable")
    return found


def import_around(names: Iterable[str]) -> None:
    """Import the modules of `[run] around`, which may set up what plugins need when they are imported.

    One that cannot be imported is reported by each run, and by `taskrun doctor`.
    """
    for name in names:
        try:
            load_callable(name, setting="[run] around")
        except ConfigError:
            continue


@secretive
class Source(NamedTuple):
    """A file of valid TOML: its name as the user gave it, its absolute path, and what stands in it."""

    name: str
    path: Path
    text: str
    content: Mapping[str, object]

    def table(self, keys: KeyPath) -> Mapping[str, object]:
        """Return the table under the keys, empty if absent. Raises `ConfigError` if it is not a table."""
        table = self.content
        for depth, key in enumerate(keys, start=1):
            inner = table.get(key, {})
            if not isinstance(inner, Mapping):
                raise ConfigError(f"{self.at(keys[:depth])}: {header(keys[:depth])} is not a table")
            table = inner
        return table

    def at(self, keys: KeyPath) -> str:
        """Return where a key stands: "taskrunner.toml line 12", or the file alone if it is absent."""
        line = find_lines(self.text).get(keys)
        return f"{self.name} line {line}" if line else self.name


def read_source(name: str, path: Path) -> Source:
    """Return the parsed file. Raises `ConfigError`, which says in one line why it cannot be used."""
    from tomllib import loads

    try:
        text = read_trusted_text(path, largest=LARGEST_FILE)
    except ValueError as error:
        raise ConfigError(f"{name} {error}") from error
    try:
        return Source(name, path, text, loads(text))
    except ValueError as error:
        raise ConfigError(f"{name} is not valid TOML: {error}") from error
    except RecursionError:
        raise ConfigError(f"{name} is not valid TOML: nested too deeply") from None


LONGEST_SHOWN = 60
SETTINGS = all_settings(Config)


class Layers(NamedTuple):
    """The file, the texts of the environment by the keys they set, and where relative paths start."""

    source: Source
    environment: Mapping[KeyPath, str]
    place: Place

    def section(self, keys: KeyPath, content: type[Any], *, others: Collection[str] = ()) -> dict[str, Any]:
        """Return the checked value, or the default, of each setting of a section class.

        Raises `ConfigError` for a name in the file that is neither a setting nor one of `others`.
        """
        settings = settings_of(content)
        for name in self.source.table(keys):
            if name not in settings and name not in others:
                known = (*settings, *others)
                inside = f" in {header(keys)}" if keys else ""
                nearest = did_you_mean(name, known) or _right_place(keys, name)
                raise ConfigError(
                    f"{self.source.at((*keys, name))}: unknown key {_cut(repr(name))}{inside}{nearest}"
                )
        return {name: self.value((*keys, name), setting) for name, setting in settings.items()}

    def given(self, keys: KeyPath, setting: Setting) -> object:
        """Return the value as it was given and unchecked, or the default if nobody gave one."""
        if keys in self.environment:
            return setting.kind.parse(self.environment[keys])
        *table, name = keys
        return self.source.table(tuple(table)).get(name, setting.default)

    def value(self, keys: KeyPath, setting: Setting) -> Any:
        """Return the checked value of a setting, or its default. Raises `ConfigError`."""
        given = self.given(keys, setting)
        if given is None or (given is setting.default and not isinstance(setting.kind, COMPLETED)):
            return given
        try:
            return setting.kind.read(given, self.place)
        except ValueError as error:
            shown = "" if setting.hidden else f" = {_shown(given)}"
            raise ConfigError(f"{self._where(keys)}{shown} {error}") from error

    def _where(self, keys: KeyPath) -> str:
        if keys in self.environment:
            return variable_of(keys)
        return f"{self.source.at(keys)}: {label(keys)}"


def _right_place(keys: KeyPath, name: str) -> str:
    if keys[:1] == ("plugins",) and len(keys) == 2:
        return f"; what the plugin itself reads belongs in {header(('plugin_settings', *keys[1:]))}"
    tables = [keys[:-1] for keys in SETTINGS if keys[-1] == name]
    places = [f"in {header(keys)}" if keys else "above the first section" for keys in tables]
    return f"; it belongs {' or '.join(places)}" if places else ""


def _shown(value: object) -> str:
    import json

    return _cut(mask(json.dumps(value, default=str, ensure_ascii=False)))


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"


INSTALLED_KEYS = ("plugins", "installed")
TABLES_BY_NAME = ("tasks", "plugins", "plugin_settings")


def load_config(path: Path | str | None, *, environ: Mapping[str, str], cwd: Path | str) -> Config:
    """Return the configuration of the file at `path`, or of the first one found, with what TASKRUN_* set.

    Raises `ConfigError` for the first mistake, naming file, line and key, or the variable;
    never a secret. `cwd` is "" where the working directory has been deleted.
    """
    name, file = find_file(path, environ=environ, cwd=cwd)
    source = read_source(name, Path(file))
    given = read_environment(environ, (*SETTINGS, INSTALLED_KEYS))
    layers, sections = Layers(source, given, Place(source.path.parent, environ)), sections_of(Config)
    outermost = layers.section((), Config, others=(*sections, *TABLES_BY_NAME))
    tasks, plugin_settings = source.table(("tasks",)), source.table(("plugin_settings",))
    lines = find_lines(source.text) if tasks else {}
    return Config(
        file=source.path,
        tasks=tuple(_task(layers, key, lines[("tasks", key)]) for key in tasks),
        plugins=_plugins(layers),
        installed=_installed(layers),
        plugin_settings={name: source.table(("plugin_settings", name)) for name in plugin_settings},
        references=_references(layers),
        **outermost,
        **{name: content(**layers.section((name,), content)) for name, content in sections.items()},
    )


def _task(layers: Layers, key: str, line: int) -> TaskOverride:
    keys = ("tasks", key)
    try:
        check_key(key, layers.source.table(keys))
    except ValueError as error:
        raise ConfigError(f"{layers.source.at(keys)}: {header(keys)} {error}") from error
    return TaskOverride(key, line, **layers.section(keys, TaskOverride))


def _plugins(layers: Layers) -> dict[str, PluginConfig]:
    in_environment = (keys[1] for keys in layers.environment if keys[0] == "plugins" and keys[2:])
    names = dict.fromkeys((*layers.source.table(("plugins",)), *in_environment))
    if not isinstance(layers.source.table(("plugins",)).get("installed", {}), Mapping):
        del names["installed"]
    return {name: PluginConfig(**layers.section(("plugins", name), PluginConfig)) for name in names}


def _installed(layers: Layers) -> tuple[str, ...]:
    """Return the distributions that `[plugins] installed` names; a table of that name is a plugin's."""
    is_plugin = isinstance(layers.source.table(("plugins",)).get("installed"), Mapping)
    if is_plugin and INSTALLED_KEYS not in layers.environment:
        return ()
    named: tuple[str, ...] = layers.value(INSTALLED_KEYS, INSTALLED)
    return named


def _references(layers: Layers) -> dict[KeyPath, str]:
    hidden = {keys: setting for keys, setting in SETTINGS.items() if setting.hidden}
    given = {keys: layers.given(keys, setting) for keys, setting in hidden.items()}
    for key in layers.source.table(("tasks",)):
        given[("tasks", key, "ping")] = layers.given(("tasks", key, "ping"), _PING)
    ping = given.get(("notify", "ping"))
    if isinstance(ping, Mapping):
        given[("notify", "ping", "url")] = ping.get("url")
    return {keys: str(value) for keys, value in given.items() if is_reference(value)}


_PING = settings_of(TaskOverride)["ping"]
