"""The text of the configuration file, and where in it something stands."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from taskrunner.config.files import LARGEST_FILE, read_trusted_text
from taskrunner.config.lines import KeyPath, find_lines, header
from taskrunner.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Source:
    """A file of valid TOML: its name as the user gave it, its absolute path, and what stands in it."""

    name: str
    path: Path
    text: str = field(repr=False)
    content: Mapping[str, object] = field(repr=False)

    def table(self, keys: KeyPath) -> Mapping[str, object]:
        """Return the table under the keys, empty if absent; `ConfigError` if something else is there."""
        table = self.content
        for depth, key in enumerate(keys, start=1):
            inner = table.get(key, {})
            if not isinstance(inner, Mapping):
                raise ConfigError(f"{self.at(keys[:depth])}: {header(keys[:depth])} is not a table")
            table = inner
        return table

    def at(self, keys: KeyPath) -> str:
        """Return where a message points: "taskrunner.toml line 12"; the name alone for an absent key."""
        line = find_lines(self.text).get(keys)
        return f"{self.name} line {line}" if line else self.name


def read_source(name: str, path: Path) -> Source:
    """Return the file, parsed; `ConfigError` says in one line why it cannot be used."""
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
