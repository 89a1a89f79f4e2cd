"""Where the configuration file, its variables and its secrets are found."""

from __future__ import annotations

import os
import os.path

from taskrunner.errors import ConfigError
from taskrunner.files import read_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from taskrunner.config.values import KeyPath

PREFIX = "TASKRUN_"
FILE_VARIABLE = "TASKRUN_CONFIG"
ONLY_IN_FILE = ("tasks", "plugin_settings")
PLUGIN_PREFIX = "TASKRUN_PLUGINS__"
PLUGIN_SUFFIX = "__ENABLED"


def variable_of(keys: KeyPath) -> str:
    """Return the variable that sets a key.

    >>> variable_of(("cron", "keep_alive"))
    'TASKRUN_CRON__KEEP_ALIVE'
    """
    return PREFIX + "__".join(keys).upper()


def read_environment(environ: Mapping[str, str], known: Collection[KeyPath]) -> dict[KeyPath, str]:
    """Return the texts of the TASKRUN_* variables by the keys they set.

    Besides the known keys there is TASKRUN_PLUGINS__NAME__ENABLED, for a plugin whose name is in lower case.
    Raises `ConfigError` for a variable that sets nothing.
    """
    variables = {variable_of(keys): keys for keys in known}
    given = sorted(name for name in environ if name.startswith(PREFIX) and name != FILE_VARIABLE)
    return {_keys_of(name, variables): environ[name] for name in given}


def _keys_of(variable: str, variables: Mapping[str, KeyPath]) -> KeyPath:
    if variable in variables:
        return variables[variable]
    if variable.startswith(PLUGIN_PREFIX) and variable.endswith(PLUGIN_SUFFIX):
        plugin = variable.removeprefix(PLUGIN_PREFIX).removesuffix(PLUGIN_SUFFIX)
        return "plugins", plugin.lower(), "enabled"
    for section in ONLY_IN_FILE:
        if variable.startswith(f"{variable_of((section,))}__"):
            raise ConfigError(f"{variable} cannot be used; [{section}] can only be set in the file")
    from taskrunner.validate import did_you_mean  # late: an idle minute does without it

    nearest = did_you_mean(variable, (*variables, FILE_VARIABLE))
    raise ConfigError(f"unknown environment variable {variable}{nearest}")


def absolute_path(text: str, *, directory: str, environ: Mapping[str, str]) -> str:
    """Return the absolute path that `text` names in a directory; symbolic links are not followed.

    Raises `ValueError` for no text, for `~other`, and for `~` without an absolute $HOME.

    >>> [absolute_path(text, directory="/srv", environ={"HOME": "/home/a"}) for text in ("a/b", "/c", "~/d")]
    ['/srv/a/b', '/c', '/home/a/d']
    """
    if not text:
        raise ValueError("is empty")
    if text.startswith("~"):
        return _at_home(text, environ.get("HOME", ""))
    return os.path.join(directory, text)


def _at_home(text: str, home: str) -> str:
    tilde, _, rest = text.partition("/")
    if tilde != "~":
        raise ValueError("names another user's home; write the whole path")
    if not home.startswith("/"):
        raise ValueError("needs $HOME, which is not set")
    return os.path.join(home, rest)


FILE = "taskrunner.toml"
SYSTEM_FILE = f"/etc/taskrunner/{FILE}"


def current_directory() -> str:
    """Return the directory the program was started in, or "" if it has been deleted since."""
    try:
        return os.getcwd()
    except OSError:
        return ""


def find_file(
    named: str | os.PathLike[str] | None, *, environ: Mapping[str, str], cwd: str | os.PathLike[str]
) -> tuple[str, str]:
    """Return the name that messages use and the absolute path of the configuration file.

    That is the file named, here or in $TASKRUN_CONFIG, whether it exists or not; else the first that exists
    of ./taskrunner.toml, $XDG_CONFIG_HOME/taskrunner/taskrunner.toml, /etc/taskrunner/taskrunner.toml.
    Raises `ConfigError` when there is none, or the name is relative to a directory that has been deleted.
    """
    here = os.fspath(cwd)  # "" if it has been deleted: then it is not needed, or missed
    if name := os.fspath(named or "") or environ.get(FILE_VARIABLE):
        return name, _named_file(name, here, environ)
    candidates = {os.path.join(here, FILE): FILE} if here else {}
    home = environ.get("XDG_CONFIG_HOME") or f"{environ.get('HOME', '')}/.config"
    if home.startswith("/"):
        mine = os.path.join(home, "taskrunner", FILE)
        candidates[mine] = mine
    candidates[SYSTEM_FILE] = SYSTEM_FILE
    for path, name in candidates.items():
        if os.path.lexists(path):
            return name, path
    raise ConfigError(f"no configuration found; looked at: {', '.join(candidates)}", hint="taskrun init")


def _named_file(name: str, here: str, environ: Mapping[str, str]) -> str:
    try:
        path = absolute_path(name, directory=here, environ=environ)
    except ValueError as error:
        raise ConfigError(f"{name} {error}") from error
    if not os.path.isabs(path):
        raise ConfigError(
            f"{name} cannot be found: the working directory has been deleted",
            hint="cd to another one, or write the whole path",
        )
    return path


LARGEST_SECRET = 64 * 1024


def is_reference(value: object) -> bool:
    """Return whether a value says where the secret stands, instead of being it: "env:NAME", "file:PATH"."""
    return isinstance(value, str) and value.startswith(("env:", "file:"))


def look_up(reference: str, *, directory: str, environ: Mapping[str, str]) -> str:
    """Return the secret that "env:NAME" or "file:PATH" stands for, without blanks around it.

    `directory` is that of the configuration file.

    Raises `ValueError` with what is wrong, which names the variable or the file, never what it holds.
    """
    where, _, name = reference.partition(":")
    if where == "env":
        secret = _in_environment(name, environ)
    else:
        secret = _in_file(absolute_path(name, directory=directory, environ=environ))
    if not (secret := secret.strip()):
        raise ValueError(f"comes from {reference}, which is empty")
    return secret


def _in_environment(name: str, environ: Mapping[str, str]) -> str:
    if name not in environ:
        raise ValueError(f"comes from the environment variable {name}, which is not set")
    return environ[name]


def _in_file(path: str) -> str:
    try:
        return read_text(path, largest=LARGEST_SECRET)
    except ValueError as error:
        raise ValueError(f"comes from the file {path}, which {error}") from error
