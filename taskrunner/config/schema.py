"""The configuration: one frozen class a section, with every setting's kind, bounds and default."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from taskrunner.config.lines import KeyPath, header
from taskrunner.config.secrets import plain
from taskrunner.config.values import (
    PING_STYLES,
    CallableName,
    CallableNames,
    Command,
    Database,
    FilePath,
    FilePaths,
    HttpUrl,
    Kind,
    LogFilePattern,
    Ping,
    PingTarget,
    UrlPath,
    Variables,
    Zone,
)
from taskrunner.validate import Choice, Number, Text, Truth, Whole

Value = TypeVar("Value")
Default = TypeVar("Default")


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: the kind of its value, the value when nobody gives one, and whether it may be a secret."""

    kind: Kind[object]
    default: object
    hidden: bool


def setting(kind: Kind[Value], default: Default, *, hidden: bool = False) -> Value | Default:
    """Declare a field of a section class as a setting; a default of None stands for "not set"."""
    return field(default=default, repr=not hidden, metadata={"setting": Setting(kind, default, hidden)})


def section(content: type[Value]) -> Value:
    """Declare a field as a section of its own: `[cron]`."""
    return field(default_factory=content, metadata={"section": content})


def settings_of(content: type[Any]) -> dict[str, Setting]:
    """Return the settings of a section class by name."""
    return {item.name: item.metadata["setting"] for item in fields(content) if "setting" in item.metadata}


def sections_of(content: type[Any]) -> dict[str, type[Any]]:
    """Return the sections of a class by name."""
    return {item.name: item.metadata["section"] for item in fields(content) if "section" in item.metadata}


def all_settings(content: type[Any]) -> dict[KeyPath, Setting]:
    """Return the settings of a class and of its sections, by their keys: ("cron", "keep_alive")."""
    found: dict[KeyPath, Setting] = {(name,): setting for name, setting in settings_of(content).items()}
    for name, inner in sections_of(content).items():
        found |= {(name, *keys): setting for keys, setting in all_settings(inner).items()}
    return found


LONGEST_SCHEDULE = 256
LONGEST_NAME = 128
OTHER_PATTERNS = "?[]{}^$\\|"
ISOLATIONS = ("none", "fork")


@dataclass(frozen=True, slots=True)
class TaskOverride:
    """What a section `[tasks."KEY"]` says: for each setting its value, or None if it says nothing.

    `*` in the key stands for any characters, also none; the key matches whole names. `line` is the section's
    in the file. A timeout or a limit of 0 lifts what the class says.
    """

    key: str
    line: int
    schedule: str | None = setting(Text(LONGEST_SCHEDULE), None)
    timezone: str | None = setting(Zone(), None)
    disabled: bool | None = setting(Truth(), None)
    timeout: float | None = setting(Number(0, 604_800), None)
    isolation: str | None = setting(Choice(ISOLATIONS), None)
    concurrency_limit: int | None = setting(Whole(0, 1000), None)
    ping: str | None = setting(HttpUrl(), None, hidden=True)
    ping_style: str | None = setting(Choice(PING_STYLES), None)

    @property
    def specificity(self) -> tuple[bool, int]:
        """A value that is greater for a more specific key: no wildcard, then more literal characters."""
        return "*" not in self.key, len(self.key.replace("*", ""))


def check_key(key: str, content: Mapping[str, object]) -> None:
    """Raise `ValueError` if a section's key can match no task, or is a name written without quotes."""
    if tables := [name for name, value in content.items() if isinstance(value, Mapping)]:
        raise ValueError(f'holds a table; a name with a dot needs quotes: [tasks."{key}.{tables[0]}"]')
    if not 0 < len(key) <= LONGEST_NAME or any(
        character in OTHER_PATTERNS or character <= " " for character in key
    ):
        raise ValueError("is not the name of a task; only * stands for other characters")


def matches(key: str, name: str) -> bool:
    """Return whether the key matches the whole name.

    >>> [matches("forum.*", name) for name in ("forum.SendDigest", "forum.", "forums.Tidy", "my.forum.Tidy")]
    [True, True, False, False]
    >>> [matches("*.Send*st", name) for name in ("forum.SendDigest", "forum.Sendst", "forum.SendDigests")]
    [True, True, False]
    >>> matches("ab*ba", "aba")
    False
    """
    first, *middle = key.split("*")
    if not middle:
        return key == name
    last = middle.pop()
    at, end = len(first), len(name) - len(last)
    for part in middle:
        found = name.find(part, at, max(at, end))
        if found < 0:
            return False
        at = found + len(part)
    return at <= end and name.startswith(first) and name.endswith(last)


def most_specific_first(overrides: Iterable[TaskOverride], name: str) -> list[TaskOverride]:
    """Return the sections that match a task's name, the most specific first, then as in the file."""
    found = [override for override in overrides if matches(override.key, name)]
    return sorted(found, key=lambda override: override.specificity, reverse=True)


def merged(overrides: Iterable[TaskOverride], name: str) -> TaskOverride:
    """Return one section that says, for each setting, what the most specific section with it says."""
    values: dict[str, object] = {}
    for override in reversed(most_specific_first(overrides, name)):
        values |= said_by(override)
    return TaskOverride(name, 0, **values)  # type: ignore[arg-type]  # each value comes from the same field


def deciding(overrides: Iterable[TaskOverride], name: str, setting: str) -> TaskOverride | None:
    """Return the section that decides one setting of a task, or None if the file leaves it to the class."""
    ordered = most_specific_first(overrides, name)
    return next((override for override in ordered if setting in said_by(override)), None)


def said_by(override: TaskOverride) -> dict[str, object]:
    """Return the settings that a section sets, by name."""
    values = {name: getattr(override, name) for name in settings_of(TaskOverride)}
    return {name: value for name, value in values.items() if value is not None}


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
class RunConfig:
    """`[run]`: the world that tasks run in, whoever starts the process.

    `directory`: their working directory, by default the folder of the configuration file; `python_path`:
    folders to import from, before what is installed; `environment`: variables that are set; `around`:
    callables, as "package.module:name", whose context managers are entered around every run.
    """

    directory: Path = setting(FilePath(), Path("."))
    python_path: tuple[Path, ...] = setting(FilePaths(), ())
    environment: Mapping[str, str] | None = setting(Variables(), None)
    around: tuple[str, ...] = setting(CallableNames(), ())


@dataclass(frozen=True, slots=True)
class NotifyConfig:
    """`[notify]`: the program that is told of changes of state, with its arguments; none if empty.

    `ping`: a URL that is asked when a cron starts and when it ends, as text, or a table with `url` and
    `style`, the dialect of the service. In plain `{at}` becomes start, end or fail.
    """

    command: tuple[str, ...] = setting(Command(), ())
    ping: PingTarget | None = setting(Ping(), None, hidden=True)


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
    """`[task_database]`: what `self.db` of a task is connected with, by default taskrunner's own database."""

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
    run: RunConfig = section(RunConfig)
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
            table: Any = shown
            for key in keys:
                table = table[key]
            table[name] = reference
        return shown
