"""The settings that stand in environment variables: TASKRUN_DATABASE, TASKRUN_CRON__KEEP_ALIVE."""

from __future__ import annotations

from taskrunner.config.nearest import did_you_mean
from taskrunner.errors import ConfigError

TYPE_CHECKING = False  # spares an idle minute `typing`
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from taskrunner.config.lines import KeyPath

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
    nearest = did_you_mean(variable, (*variables, FILE_VARIABLE))
    raise ConfigError(f"unknown environment variable {variable}{nearest}")
