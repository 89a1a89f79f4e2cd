"""The configuration: taskrunner.toml and TASKRUN_*, checked, as one frozen `Config`."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from taskrunner.config.load import load_config
    from taskrunner.config.schema import (
        AdhocConfig,
        CheckConfig,
        Config,
        CronConfig,
        LogConfig,
        NotifyConfig,
        PluginConfig,
        RunConfig,
        ScheduleConfig,
        TaskDatabaseConfig,
        TaskOverride,
        UsersConfig,
        WebConfig,
    )

__all__ = [
    "AdhocConfig",
    "CheckConfig",
    "Config",
    "CronConfig",
    "LogConfig",
    "NotifyConfig",
    "PluginConfig",
    "RunConfig",
    "ScheduleConfig",
    "TaskDatabaseConfig",
    "TaskOverride",
    "UsersConfig",
    "WebConfig",
    "load_config",
]

_ELSEWHERE = {"load_config": "load"}
"""Imported when asked for, as the classes of `settings` are: an idle minute parses no configuration."""


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_ELSEWHERE.get(name, 'schema')}"), name)
