"""How a section class declares its settings: the one source of names, kinds, bounds and defaults."""

from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

from taskrunner.config.kinds import Kind
from taskrunner.config.lines import KeyPath

Value = TypeVar("Value")
Default = TypeVar("Default")


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: the kind of its value, the value when nobody gives one, and whether it may be a secret."""

    kind: Kind[object]
    default: object
    hidden: bool


def setting(kind: Kind[Value], default: Default, *, hidden: bool = False) -> Value | Default:
    """Declare a field of a section class as a setting; a default of None means: not set."""
    return field(default=default, repr=not hidden, metadata={"setting": Setting(kind, default, hidden)})


def section(content: type[Value]) -> Value:
    """Declare a field as a section of its own: `[cron]`."""
    return field(default_factory=content, metadata={"section": content})


def settings_of(content: type[Any]) -> dict[str, Setting]:
    """Return the settings of a section class by name."""
    return {item.name: item.metadata["setting"] for item in fields(content) if "setting" in item.metadata}


def sections_of(content: type[Any]) -> dict[str, type[Any]]:
    """Return the sections of a class by name."""
    return {item.name: item.metadata["section"] for item in fields(content) if "section" in item.metadata}


def all_settings(content: type[Any]) -> dict[KeyPath, Setting]:
    """Return the settings of a class and of its sections, by their keys: ("cron", "keep_alive")."""
    found: dict[KeyPath, Setting] = {(name,): setting for name, setting in settings_of(content).items()}
    for name, inner in sections_of(content).items():
        found |= {(name, *keys): setting for keys, setting in all_settings(inner).items()}
    return found
