"""What the config says for a plugin, checked against the dataclass in which the plugin declares it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from taskrunner.errors import ConfigError

T = TypeVar("T")

WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text", Path: "a path"}


@dataclass(frozen=True, slots=True)
class Place:
    """The table that a value stands in, and where relative paths start."""

    table: str
    folder: Path

    def at(self, name: str) -> Place:
        """Return the place of what stands in this one."""
        return Place(f"{self.table}.{name}", self.folder)

    def refuse(self, name: str, problem: str) -> ConfigError:
        """Return the error for a setting."""
        return ConfigError(f"[{self.table}] {name} {problem}")


def read_settings(declared: type[T], given: Mapping[str, object], place: Place) -> T:
    """Return the settings as the dataclass `declared`; what is not given has its default.

    A field's type is bool, int, float, str, Path, another dataclass, or tuple[TYPE, ...] of one of them. What
    is wrong with values together, the class says in `__post_init__` by a ValueError. Raises ConfigError.
    """
    types = get_type_hints(declared)
    for name in given:
        if name not in types:
            raise place.refuse(name, f"is unknown; there are {', '.join(types)}")
    values = {name: _value(types[name], value, name, place) for name, value in given.items()}
    for item in fields(declared):  # type: ignore[arg-type]
        if item.name not in values and item.default is MISSING and item.default_factory is MISSING:
            raise place.refuse(item.name, "is not set")
    try:
        return declared(**values)
    except ValueError as error:
        raise ConfigError(f"[{place.table}] {error}") from error


def _value(wanted: Any, value: object, name: str, place: Place) -> object:
    if get_origin(wanted) is tuple:
        if not isinstance(value, list):
            raise place.refuse(name, "is not a list")
        return tuple(_value(get_args(wanted)[0], item, name, place) for item in value)
    if is_dataclass(wanted):
        if not isinstance(value, Mapping):
            raise place.refuse(name, "is not a table")
        return read_settings(wanted, value, place.at(name))  # type: ignore[arg-type]
    if wanted is Path and isinstance(value, str) and value:
        return place.folder / value
    if wanted is float and type(value) is int:
        return float(value)
    if type(value) is not wanted:
        raise place.refuse(name, f"is not {WORDS[wanted]}")
    return value
