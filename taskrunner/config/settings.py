"""The configuration: one frozen class a section, with every setting's kind, bounds and default."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from taskrunner.config.addresses import Database, FilePath, FilePaths, HttpUrl, UrlPath, Zone
from taskrunner.config.hidden import plain
from taskrunner.config.kinds import Choice, Number, Text, Truth, Whole
from taskrunner.config.lines import header
from taskrunner.config.log_file import LogFilePattern
from taskrunner.config.overrides import ISOLATIONS, TaskOverride, deciding, merged, said_by
from taskrunner.config.programs import CallableName, Command
from taskrunner.config.schema import section, setting

OUTPUTS = ("all", "failures", "none")
WEB_MODES = ("response", "image", "both")
MOST_AT_ONCE = 1000
WEEK = 604_800
YEAR = 366 * 86_400
CENTURY = 36_525


@dataclass(frozen=True, slots=True)
class CronConfig:
    """`[cron]`: one `taskrun cron`. Lengths in seconds; a limit of 0 leaves that phase to other hosts."""

    keep_alive: int = setting(Whole(0, 900), 0)
    scheduled_concurrency_limit: int = setting(Whole(0, MOST_AT_ONCE), 3)
    adhoc_concurrency_limit: int = setting(Whole(0, MOST_AT_ONCE), 3)
    scheduled_max_runtime: int = setting(Whole(1, WEEK), 1800)
    adhoc_max_runtime: int = setting(Whole(1, WEEK), 1800)
    stdout: str = setting(Choice(OUTPUTS), "all")
    isolation: str = setting(Choice(ISOLATIONS), "none")


@dataclass(frozen=True, slots=True)
class LogConfig:
    """`[log]`: which runs are recorded, under which file name, and for how many days."""

    mode: str = setting(Choice(OUTPUTS), "all")
    file: str = setting(LogFilePattern(), "%Y-%m-%d/cron_%H%M_{pid}.log")
    timestamps: bool = setting(Truth(), False)
    retention_days: float = setting(Number(0, CENTURY), 28)
    retain_runs: int = setting(Whole(0, 1_000_000), 20)
    max_runs: int = setting(Whole(1, 100_000_000), 100_000)
    file_retention_days: float = setting(Number(0, CENTURY), 14)


@dataclass(frozen=True, slots=True)
class AdhocConfig:
    """`[adhoc]`: how many days an exhausted task stays; how many of a class run at once, 0 for no limit."""

    failed_retention_days: float = setting(Number(0, CENTURY), 28)
    default_concurrency_limit: int = setting(Whole(0, MOST_AT_ONCE), 0)


@dataclass(frozen=True, slots=True)
class ScheduleConfig:
    """`[schedule]`: what `H` in a schedule is hashed with, so that sites differ."""

    salt: str = setting(Text(256, least=0), "")


@dataclass(frozen=True, slots=True)
class PluginConfig:
    """`[plugins.NAME]`: whether the plugin's tasks are run."""

    enabled: bool = setting(Truth(), True)


@dataclass(frozen=True, slots=True)
class UsersConfig:
    """`[users]`: the callable that makes a run act as a user, as "package.module:name"."""

    resolver: str | None = setting(CallableName(), None)


@dataclass(frozen=True, slots=True)
class NotifyConfig:
    """`[notify]`: the program that is told of changes of state, with its arguments; none if empty.

    `ping`: a URL that is asked when a cron starts and when it ends; `{at}` in it becomes start or end.
    """

    command: tuple[str, ...] = setting(Command(), ())
    ping: str | None = setting(HttpUrl(), None, hidden=True)


@dataclass(frozen=True, slots=True)
class CheckConfig:
    """`[check]`: above how many seconds, or crashes in a day, `taskrun check` warns or calls it critical."""

    cron_warning: float = setting(Number(1, YEAR), 120)
    cron_critical: float = setting(Number(1, YEAR), 86_400)
    fail_delay_warning: float = setting(Number(0, YEAR), 300)
    fail_delay_critical: float = setting(Number(0, YEAR), 14_400)
    scheduled_age_warning: float = setting(Number(0, YEAR), 600)
    scheduled_age_critical: float = setting(Number(0, YEAR), 14_400)
    adhoc_age_warning: float = setting(Number(0, YEAR), 600)
    adhoc_age_critical: float = setting(Number(0, YEAR), 14_400)
    running_warning: float = setting(Number(0, YEAR), 43_200)
    running_critical: float = setting(Number(0, YEAR), 86_400)
    crashes_warning: int = setting(Whole(0, 1_000_000), 0)
    crashes_critical: int = setting(Whole(0, 1_000_000), 10)


@dataclass(frozen=True, slots=True)
class TaskDatabaseConfig:
    """`[task_database]`: what `self.db` of a task is connected with; None: taskrunner's own database."""

    url: str | None = setting(Database(), None, hidden=True)


@dataclass(frozen=True, slots=True)
class WebConfig:
    """`[web]`: crons that visits of a web site start. Lengths in seconds.

    `cron_alive`: how long after a cron that was started otherwise visits start none; `look_again`: how long
    nothing is started at most because nothing was known to be due; `command`: the program `taskrun`, where
    the web server's Python cannot be used as such.
    """

    mode: str = setting(Choice(WEB_MODES), "image")
    path: str = setting(UrlPath(), "/_taskrun/tick.gif")
    emit: str = setting(Choice(("due", "always")), "due")
    throttle: int = setting(Whole(10, 86_400), 60)
    cron_alive: int = setting(Whole(0, 86_400), 180)
    look_again: int = setting(Whole(60, 86_400), 300)
    command: tuple[str, ...] = setting(Command(), ())

    @property
    def longest_quiet(self) -> int:
        """Seconds for which visits may have nothing to start, at most."""
        return max(self.throttle, self.cron_alive, self.look_again)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """All that taskrunner.toml and TASKRUN_* say, checked; paths are absolute, secrets looked up.

    Made by `load_config`. `file` is the file's absolute path; databases are "sqlite:/ABSOLUTE/PATH" or
    "postgresql://…"; `references` has the env: and file: texts that secrets came from, by their keys.
    """

    file: Path
    plugin_dirs: tuple[Path, ...] = setting(FilePaths(), (Path("plugins"),))
    database: str = setting(Database(), "sqlite:state/taskrunner.db", hidden=True)
    lock_database: str | None = setting(Database(sqlite=False), None, hidden=True)
    state_dir: Path = setting(FilePath(), Path("state"))
    log_dir: Path = setting(FilePath(), Path("log"))
    timezone: str = setting(Zone(), "")
    cron: CronConfig = section(CronConfig)
    log: LogConfig = section(LogConfig)
    adhoc: AdhocConfig = section(AdhocConfig)
    schedule: ScheduleConfig = section(ScheduleConfig)
    users: UsersConfig = section(UsersConfig)
    notify: NotifyConfig = section(NotifyConfig)
    check: CheckConfig = section(CheckConfig)
    task_database: TaskDatabaseConfig = section(TaskDatabaseConfig)
    web: WebConfig = section(WebConfig)
    tasks: tuple[TaskOverride, ...] = ()
    plugins: Mapping[str, PluginConfig] = field(default_factory=dict)
    plugin_settings: Mapping[str, Mapping[str, object]] = field(default_factory=dict, repr=False)
    references: Mapping[tuple[str, ...], str] = field(default_factory=dict, repr=False)

    def override_for(self, name: str) -> TaskOverride:
        """Return what the file says about a task: for each setting, the most specific section that sets it.

        That is an exact key, then the key with more literal characters, then the first in the file.
        """
        return merged(self.tasks, name)

    def decided_by(self, name: str, setting: str) -> str | None:
        """Return which line decides a setting of a task: 'taskrunner.toml line 40 ([tasks."forum.*"])'.

        None if the file leaves it to the class.
        """
        if (override := deciding(self.tasks, name, setting)) is None:
            return None
        return f"{self.file.name} line {override.line} ({header(('tasks', override.key))})"

    def public(self) -> dict[str, object]:
        """Return the effective configuration as nested plain data in the shape of the file, without secrets.

        Passwords are `***`; a secret that came from env: or file: is shown as that text.
        """
        names = (item.name for item in fields(self) if item.name != "references")
        shown = {name: plain(getattr(self, name)) for name in names}
        shown["tasks"] = {override.key: plain(said_by(override)) for override in self.tasks}
        for (*keys, name), reference in self.references.items():
            table = shown[keys[0]] if keys else shown
            table[name] = reference  # type: ignore[index]
        return shown
