"""Files that a command writes for a person to go on with: never over what is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskrunner.cli.render import say
from taskrunner.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

WRITABLE_BY_OTHERS = 0o022


def write_files(files: Mapping[Path, str]) -> None:
    """Write new files and name them. Raises ConfigError, and writes nothing, if one exists already."""
    existing = [str(file) for file in files if file.exists()]
    if existing:
        raise ConfigError(f"{' and '.join(existing)} exist already: nothing was written")
    try:
        for file, text in files.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, "utf-8")
            file.chmod(file.stat().st_mode & ~WRITABLE_BY_OTHERS)  # else a plugin would be refused
            say(f"wrote {file}")
    except OSError as error:
        raise ConfigError(f"cannot write {error.filename}: {error.strerror}") from error
