"""The configuration: taskrunner.toml and TASKRUN_*, checked, as one frozen `Config`."""

from taskrunner.config.loading import load_config
from taskrunner.config.overrides import TaskOverride
from taskrunner.config.settings import (
    AdhocConfig,
    CheckConfig,
    Config,
    CronConfig,
    LogConfig,
    NotifyConfig,
    PluginConfig,
    ScheduleConfig,
    TaskDatabaseConfig,
    UsersConfig,
)

__all__ = [
    "AdhocConfig",
    "CheckConfig",
    "Config",
    "CronConfig",
    "LogConfig",
    "NotifyConfig",
    "PluginConfig",
    "ScheduleConfig",
    "TaskDatabaseConfig",
    "TaskOverride",
    "UsersConfig",
    "load_config",
]
