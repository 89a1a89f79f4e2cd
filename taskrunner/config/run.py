"""What `[run]` says of the world that tasks run in: applied to this process, its callables imported."""

from __future__ import annotations

import os
import sys
import time
from importlib import import_module
from typing import TYPE_CHECKING, Any

from taskrunner.errors import ConfigError
from taskrunner.files import fault_of_folder

if TYPE_CHECKING:
    from collections.abc import Iterable

    from taskrunner.config import Config

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
