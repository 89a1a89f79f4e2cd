"""From the file and the environment to one checked configuration."""

from collections.abc import Mapping
from pathlib import Path

from taskrunner.config.environment import read_environment
from taskrunner.config.layers import Layers
from taskrunner.config.lines import KeyPath, find_lines, header
from taskrunner.config.overrides import TaskOverride, check_key
from taskrunner.config.place import Place
from taskrunner.config.references import is_reference
from taskrunner.config.schema import all_settings, sections_of, settings_of
from taskrunner.config.search import find_file
from taskrunner.config.settings import Config, PluginConfig
from taskrunner.config.source import read_source
from taskrunner.errors import ConfigError

TABLES_BY_NAME = ("tasks", "plugins", "plugin_settings")


def load_config(path: Path | None, *, environ: Mapping[str, str], cwd: Path) -> Config:
    """Return the configuration of the file at `path`, or of the first one found, with what TASKRUN_* set.

    Raises `ConfigError` for the first thing that is wrong, naming file, line and key, or the variable;
    never a secret.
    """
    name, file = find_file(path, environ=environ, cwd=cwd)
    source = read_source(name, Path(file))
    given = read_environment(environ, all_settings(Config))
    return _build(Layers(source, given, Place(source.path.parent, environ)))


def _build(layers: Layers) -> Config:
    sections = sections_of(Config)
    layers.check_names((), {*settings_of(Config), *sections, *TABLES_BY_NAME})
    return Config(
        file=layers.source.path,
        tasks=_tasks(layers),
        plugins=_plugins(layers),
        plugin_settings=_plugin_settings(layers),
        references=_references(layers),
        **layers.values((), Config),
        **{name: content(**layers.section((name,), content)) for name, content in sections.items()},
    )


def _tasks(layers: Layers) -> tuple[TaskOverride, ...]:
    tasks = layers.source.table(("tasks",))
    lines = find_lines(layers.source.text) if tasks else {}
    return tuple(_task(layers, key, lines[("tasks", key)]) for key in tasks)


def _task(layers: Layers, key: str, line: int) -> TaskOverride:
    keys = ("tasks", key)
    try:
        check_key(key, layers.source.table(keys))
    except ValueError as error:
        raise ConfigError(f"{layers.source.at(keys)}: {header(keys)} {error}") from error
    return TaskOverride(key, line, **layers.section(keys, TaskOverride))


def _plugins(layers: Layers) -> dict[str, PluginConfig]:
    in_environment = (keys[1] for keys in layers.environment if keys[0] == "plugins")
    names = dict.fromkeys((*layers.source.table(("plugins",)), *in_environment))
    return {name: PluginConfig(**layers.section(("plugins", name), PluginConfig)) for name in names}


def _plugin_settings(layers: Layers) -> dict[str, Mapping[str, object]]:
    names = layers.source.table(("plugin_settings",))
    return {name: layers.source.table(("plugin_settings", name)) for name in names}


def _references(layers: Layers) -> dict[KeyPath, str]:
    hidden = {keys: setting for keys, setting in all_settings(Config).items() if setting.hidden}
    given = {keys: layers.given(keys, setting) for keys, setting in hidden.items()}
    return {keys: str(value) for keys, value in given.items() if is_reference(value)}
