"""What was given for each key: in the file, and above it in the environment."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from taskrunner.config.environment import variable_of
from taskrunner.config.hidden import mask
from taskrunner.config.lines import KeyPath, header, label
from taskrunner.config.nearest import did_you_mean
from taskrunner.config.place import Place
from taskrunner.config.schema import Setting, all_settings, settings_of
from taskrunner.config.settings import Config
from taskrunner.config.source import Source
from taskrunner.errors import ConfigError

LONGEST_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Layers:
    """The file, the texts of the environment by the keys they set, and where relative paths start."""

    source: Source
    environment: Mapping[KeyPath, str]
    place: Place

    def section(self, keys: KeyPath, content: type[Any]) -> dict[str, Any]:
        """Return the values of a section; `ConfigError` for a name in the file that is no setting of it."""
        self.check_names(keys, settings_of(content))
        return self.values(keys, content)

    def values(self, keys: KeyPath, content: type[Any]) -> dict[str, Any]:
        """Return the checked value, or the default, of each setting of a section class."""
        return {name: self._value((*keys, name), setting) for name, setting in settings_of(content).items()}

    def check_names(self, keys: KeyPath, known: Collection[str]) -> None:
        """Raise `ConfigError` for the first name in a table of the file that is not known there."""
        for name in self.source.table(keys):
            if name not in known:
                inside = f" in {header(keys)}" if keys else ""
                nearest = did_you_mean(name, known) or _right_place(name)
                raise ConfigError(
                    f"{self.source.at((*keys, name))}: unknown key {_cut(repr(name))}{inside}{nearest}"
                )

    def given(self, keys: KeyPath, setting: Setting) -> object:
        """Return the value as it was given, unchecked; the default if it was not."""
        if keys in self.environment:
            return setting.kind.parse(self.environment[keys])
        *table, name = keys
        return self.source.table(tuple(table)).get(name, setting.default)

    def _value(self, keys: KeyPath, setting: Setting) -> object:
        given = self.given(keys, setting)
        try:
            return None if given is None else setting.kind.read(given, self.place)
        except ValueError as error:
            shown = "" if setting.hidden else f" = {_shown(given)}"
            raise ConfigError(f"{self._where(keys)}{shown} {error}") from error

    def _where(self, keys: KeyPath) -> str:
        if keys in self.environment:
            return variable_of(keys)
        return f"{self.source.at(keys)}: {label(keys)}"


def _right_place(name: str) -> str:
    tables = [keys[:-1] for keys in all_settings(Config) if keys[-1] == name]
    places = [f"in {header(keys)}" if keys else "above the first section" for keys in tables]
    return f"; it belongs {' or '.join(places)}" if places else ""


def _shown(value: object) -> str:
    import json

    return _cut(mask(json.dumps(value, default=str, ensure_ascii=False)))


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"
