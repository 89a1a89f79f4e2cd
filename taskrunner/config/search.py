"""Where the configuration file is searched."""

from __future__ import annotations

import os.path

from taskrunner.config.environment import FILE_VARIABLE
from taskrunner.config.paths import absolute_path
from taskrunner.errors import ConfigError

TYPE_CHECKING = False  # spares an idle minute `typing`
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FILE = "taskrunner.toml"
SYSTEM_FILE = f"/etc/taskrunner/{FILE}"


def find_file(
    named: str | os.PathLike[str] | None, *, environ: Mapping[str, str], cwd: str | os.PathLike[str]
) -> tuple[str, str]:
    """Return the name that messages use and the absolute path of the configuration file.

    That is the file named, here or in $TASKRUN_CONFIG, whether it exists or not; else the first that exists
    of ./taskrunner.toml, $XDG_CONFIG_HOME/taskrunner/taskrunner.toml, /etc/taskrunner/taskrunner.toml.
    Raises `ConfigError` when there is none.
    """
    here = os.fspath(cwd)
    if name := os.fspath(named or "") or environ.get(FILE_VARIABLE):
        return name, _named_file(name, here, environ)
    candidates = dict(_candidates(environ, here))
    for path, name in candidates.items():
        if os.path.lexists(path):
            return name, path
    raise ConfigError(f"no configuration found; looked at: {', '.join(candidates)}", hint="taskrun init")


def _named_file(name: str, here: str, environ: Mapping[str, str]) -> str:
    try:
        return absolute_path(name, directory=here, environ=environ)
    except ValueError as error:
        raise ConfigError(f"{name} {error}") from error


def _candidates(environ: Mapping[str, str], here: str) -> Iterator[tuple[str, str]]:
    yield os.path.join(here, FILE), FILE
    if (home := _config_home(environ)).startswith("/"):
        mine = os.path.join(home, "taskrunner", FILE)
        yield mine, mine
    yield SYSTEM_FILE, SYSTEM_FILE


def _config_home(environ: Mapping[str, str]) -> str:
    return environ.get("XDG_CONFIG_HOME") or f"{environ.get('HOME', '')}/.config"
