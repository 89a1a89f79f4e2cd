"""Where the configuration file is searched."""

import os.path
from collections.abc import Iterator, Mapping
from pathlib import Path

from taskrunner.config.environment import FILE_VARIABLE
from taskrunner.config.place import Place
from taskrunner.errors import ConfigError

FILE = "taskrunner.toml"
SYSTEM_FILE = Path("/etc/taskrunner", FILE)


def find_file(named: Path | None, *, environ: Mapping[str, str], cwd: Path) -> tuple[str, Path]:
    """Return the name that messages use and the absolute path of the configuration file.

    That is the file named, here or in $TASKRUN_CONFIG, whether it exists or not; else the first that exists
    of ./taskrunner.toml, $XDG_CONFIG_HOME/taskrunner/taskrunner.toml, /etc/taskrunner/taskrunner.toml.
    Raises `ConfigError` when there is none.
    """
    if name := str(named or "") or environ.get(FILE_VARIABLE):
        return name, _named_file(name, Place(cwd, environ))
    candidates = dict(_candidates(environ, cwd))
    for path, name in candidates.items():
        if os.path.lexists(path):
            return name, path
    looked_at = ", ".join(map(str, candidates))
    raise ConfigError(f"no configuration found; looked at: {looked_at}", hint="taskrun init")


def _named_file(name: str, place: Place) -> Path:
    try:
        return place.path(name).absolute()
    except ValueError as error:
        raise ConfigError(f"{name} {error}") from error


def _candidates(environ: Mapping[str, str], cwd: Path) -> Iterator[tuple[Path, str]]:
    here = (cwd / FILE).absolute()
    yield here, FILE
    if (home := _config_home(environ)).startswith("/"):
        mine = Path(home, "taskrunner", FILE)
        yield mine, str(mine)
    yield SYSTEM_FILE, str(SYSTEM_FILE)


def _config_home(environ: Mapping[str, str]) -> str:
    return environ.get("XDG_CONFIG_HOME") or f"{environ.get('HOME', '')}/.config"
