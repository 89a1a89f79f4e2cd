"""The configuration: taskrunner.toml and TASKRUN_*, checked, as one frozen `Config`."""

from taskrunner.config.loading import load_config
from taskrunner.config.overrides import TaskOverride
from taskrunner.config.settings import (
    AdhocConfig,
    Config,
    CronConfig,
    LogConfig,
    NotifyConfig,
    PluginConfig,
    ScheduleConfig,
    TaskDatabaseConfig,
    UsersConfig,
    WebConfig,
)

__all__ = [
    "AdhocConfig",
    "Config",
    "CronConfig",
    "LogConfig",
    "NotifyConfig",
    "PluginConfig",
    "ScheduleConfig",
    "TaskDatabaseConfig",
    "TaskOverride",
    "UsersConfig",
    "WebConfig",
    "load_config",
]
