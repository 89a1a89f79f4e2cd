"""The configuration: one frozen class a section, with every setting's kind, bounds and default.

Secrets are masked in everything that is shown of it.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import date, time
from pathlib import Path, PurePath
from types import MappingProxyType
from typing import Annotated, Any

from taskrunner.config.values import (
    PING_STYLES,
    CallableName,
    CallableNames,
    Command,
    Database,
    Distributions,
    FilePath,
    FilePaths,
    HostNames,
    HttpUrl,
    KeyPath,
    Kind,
    LogFilePattern,
    Ping,
    PingTarget,
    UrlPath,
    Variables,
    Zone,
    header,
    secretive,
)
from taskrunner.named_tuple import NamedTuple
from taskrunner.validate import Choice, Number, Text, Truth, Whole

MASK = "***"
IN_USERINFO = r"(://[^:/?#@\s]*):\S*@"  # up to the last @: a password may hold / and @ unescaped
IN_PARAMETER = r"""(?i)(password|passwd|pwd)=(?:'[^']*'|"[^"]*"|[^&\s'"]*)"""
IN_NAME = r"(?i)passw|secret|token|credential|(api|private)_?key|dsn$"


def mask(text: str) -> str:
    """Return the text with the passwords in its URLs replaced by `***`.

    >>> mask("postgresql://cron:s3cret@db.example/site?sslmode=require")
    'postgresql://cron:***@db.example/site?sslmode=require'
    >>> mask("postgresql://db.example/site?user=cron&password=s3cret&sslmode=require")
    'postgresql://db.example/site?user=cron&password=***&sslmode=require'
    """
    return re.sub(IN_PARAMETER, rf"\1={MASK}", re.sub(IN_USERINFO, rf"\1:{MASK}@", text))


def plain(value: object) -> object:
    """Return a value as nested plain data, fit for JSON, with its secrets masked.

    >>> plain({"url": "https://me:pw@host/", "api_key": "k3y", "sizes": (1, 2)})
    {'url': 'https://me:***@host/', 'api_key': '***', 'sizes': [1, 2]}
    """
    if hasattr(value, "_asdict"):
        return {name: plain(part) for name, part in value._asdict().items()}
    if isinstance(value, Mapping):
        return {name: _plain_item(name, part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if isinstance(value, str | PurePath | date | time):
        return mask(str(value))
    return value


def _plain_item(name: str, value: object) -> object:
    is_secret = isinstance(value, str | list) and re.search(IN_NAME, name)
    return MASK if is_secret else plain(value)


class Setting(NamedTuple):
    """One setting: the kind of its value, the value when nobody gives one, and whether it may be a secret."""

    kind: Kind
    default: object
    hidden: bool


HIDDEN = "hidden"
"""Marks a setting that may be a secret."""


def settings_of(content: type[Any]) -> dict[str, Setting]:
    """Return the settings of a section class by name: what is annotated with a kind."""
    return {
        name: Setting(said.__metadata__[0], content._field_defaults[name], HIDDEN in said.__metadata__)
        for name, said in content.__annotations__.items()
        if hasattr(said, "__metadata__")
    }


def sections_of(content: type[Any]) -> dict[str, type[Any]]:
    """Return the sections of a class by name."""
    return {name: said for name, said in content.__annotations__.items() if hasattr(said, "_field_defaults")}


def all_settings(content: type[Any]) -> dict[KeyPath, Setting]:
    """Return the settings of a class and of its sections, by their keys: ("cron", "keep_alive")."""
    found: dict[KeyPath, Setting] = {(name,): setting for name, setting in settings_of(content).items()}
    for name, inner in sections_of(content).items():
        found |= {(name, *keys): setting for keys, setting in all_settings(inner).items()}
    return found


YEAR = 366 * 86_400
LONGEST_SCHEDULE = 256
LONGEST_NAME = 128
OTHER_PATTERNS = "?[]{}^$\\|"
ISOLATIONS = ("none", "fork")


@secretive
class TaskOverride(NamedTuple):
    """What a section `[tasks."KEY"]` says: for each setting its value, or None if it says nothing.

    `*` in the key stands for any characters, also none; the key matches whole names. `line` is the section's
    in the file. A timeout or a limit of 0 lifts what the class says. The last three are what `taskrun check`
    warns of, in seconds: a run that takes longer, a longer time between successes, a later start.
    """

    key: str
    line: int
    schedule: Annotated[str | None, Text(LONGEST_SCHEDULE)] = None
    timezone: Annotated[str | None, Zone()] = None
    disabled: Annotated[bool | None, Truth()] = None
    timeout: Annotated[float | None, Number(0, 604_800)] = None
    isolation: Annotated[str | None, Choice(ISOLATIONS)] = None
    concurrency_limit: Annotated[int | None, Whole(0, 1000)] = None
    ping: Annotated[str | None, HttpUrl(), HIDDEN] = None
    ping_style: Annotated[str | None, Choice(PING_STYLES)] = None
    warn_after: Annotated[float | None, Number(0, YEAR)] = None
    expect_every: Annotated[float | None, Number(1, YEAR)] = None
    max_start_delay: Annotated[float | None, Number(0, YEAR)] = None

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
    """Return what the file says about a task: for each setting, the most specific section that sets it.

    That is an exact key, then the key with more literal characters, then the first in the file.
    """
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
LOG_FORMATS = ("moodle", "short", "json")
WEB_MODES = ("response", "image", "both")
MOST_AT_ONCE = 1000
WEEK = 604_800
CENTURY = 36_525


class CronConfig(NamedTuple):
    """`[cron]`: one `taskrun cron`. Lengths in seconds; a limit of 0 leaves that phase to other hosts."""

    keep_alive: Annotated[int, Whole(0, 900)] = 0
    scheduled_concurrency_limit: Annotated[int, Whole(0, MOST_AT_ONCE)] = 3
    adhoc_concurrency_limit: Annotated[int, Whole(0, MOST_AT_ONCE)] = 3
    scheduled_max_runtime: Annotated[int, Whole(1, WEEK)] = 1800
    adhoc_max_runtime: Annotated[int, Whole(1, WEEK)] = 1800
    stdout: Annotated[str, Choice(OUTPUTS)] = "all"
    isolation: Annotated[str, Choice(ISOLATIONS)] = "none"


class LogConfig(NamedTuple):
    """`[log]`: which runs are recorded, under which file name, and for how many days."""

    mode: Annotated[str, Choice(OUTPUTS)] = "all"
    file: Annotated[str, LogFilePattern()] = "%Y-%m-%d/cron_%H%M_{pid}.log"
    format: Annotated[str, Choice(LOG_FORMATS)] = "moodle"
    timestamps: Annotated[bool, Truth()] = False
    retention_days: Annotated[float, Number(0, CENTURY)] = 28
    retain_runs: Annotated[int, Whole(0, 1_000_000)] = 20
    max_runs: Annotated[int, Whole(1, 100_000_000)] = 100_000
    file_retention_days: Annotated[float, Number(0, CENTURY)] = 14


class AdhocConfig(NamedTuple):
    """`[adhoc]`: how many days an exhausted task stays; how many of a class run at once, 0 for no limit."""

    failed_retention_days: Annotated[float, Number(0, CENTURY)] = 28
    default_concurrency_limit: Annotated[int, Whole(0, MOST_AT_ONCE)] = 0


class ScheduleConfig(NamedTuple):
    """`[schedule]`: what `H` in a schedule is hashed with, so that sites differ."""

    salt: Annotated[str, Text(256, least=0)] = ""


class PluginConfig(NamedTuple):
    """`[plugins.NAME]`: whether the plugin's tasks are run."""

    enabled: Annotated[bool, Truth()] = True


INSTALLED = Setting(Distributions(), (), hidden=False)
"""`[plugins] installed`: the distributions whose plugins are used, beside the sections `[plugins.NAME]`."""


class UsersConfig(NamedTuple):
    """`[users]`: the callable that makes a run act as a user, as "package.module:name"."""

    resolver: Annotated[str | None, CallableName()] = None


class RunConfig(NamedTuple):
    """`[run]`: the world that tasks run in, whoever starts the process.

    `directory`: their working directory, by default the folder of the configuration file; `python_path`:
    folders to import from, before what is installed; `environment`: variables that are set; `around`:
    callables, as "package.module:name", whose context managers are entered around every run.
    """

    directory: Annotated[Path, FilePath()] = Path(".")
    python_path: Annotated[tuple[Path, ...], FilePaths()] = ()
    environment: Annotated[Mapping[str, str] | None, Variables()] = None
    around: Annotated[tuple[str, ...], CallableNames()] = ()


class NotifyConfig(NamedTuple):
    """`[notify]`: the program that is called at changes of state, with its arguments; none if empty.

    `ping`: a URL that is asked when a cron starts and when it ends, as text, or a table with `url` and
    `style`, the dialect of the service. In plain `{at}` becomes start, end or fail.
    """

    command: Annotated[tuple[str, ...], Command()] = ()
    ping: Annotated[PingTarget | None, Ping(), HIDDEN] = None


class CheckConfig(NamedTuple):
    """`[check]`: above how many seconds, or crashes in a day, `taskrun check` warns or calls it critical."""

    cron_warning: Annotated[float, Number(1, YEAR)] = 120
    cron_critical: Annotated[float, Number(1, YEAR)] = 86_400
    fail_delay_warning: Annotated[float, Number(0, YEAR)] = 300
    fail_delay_critical: Annotated[float, Number(0, YEAR)] = 14_400
    scheduled_age_warning: Annotated[float, Number(0, YEAR)] = 600
    scheduled_age_critical: Annotated[float, Number(0, YEAR)] = 14_400
    adhoc_age_warning: Annotated[float, Number(0, YEAR)] = 600
    adhoc_age_critical: Annotated[float, Number(0, YEAR)] = 14_400
    running_warning: Annotated[float, Number(0, YEAR)] = 43_200
    running_critical: Annotated[float, Number(0, YEAR)] = 86_400
    crashes_warning: Annotated[int, Whole(0, 1_000_000)] = 0
    crashes_critical: Annotated[int, Whole(0, 1_000_000)] = 10


@secretive
class TaskDatabaseConfig(NamedTuple):
    """`[task_database]`: what `self.db` of a task is connected with, by default taskrunner's own database."""

    url: Annotated[str | None, Database(), HIDDEN] = None


class WebConfig(NamedTuple):
    """`[web]`: crons that visits of a web site start, and the administration in a browser.

    `cron_alive`: how many seconds after a cron that was started otherwise visits start none; `look_again`:
    how long nothing is started at most because nothing was known to be due; `command`: the program `taskrun`,
    where the web server's Python cannot be used as such.

    `run_now`: whether a task may be started in the browser; `show_custom_data`: whether what was queued with
    a task is shown there; `hosts`: the names, besides those of this machine for itself, by which browsers
    may ask `taskrun web`.
    """

    mode: Annotated[str, Choice(WEB_MODES)] = "image"
    path: Annotated[str, UrlPath()] = "/_taskrun/tick.gif"
    emit: Annotated[str, Choice(("due", "always"))] = "due"
    throttle: Annotated[int, Whole(10, 86_400)] = 60
    cron_alive: Annotated[int, Whole(0, 86_400)] = 180
    look_again: Annotated[int, Whole(60, 86_400)] = 300
    command: Annotated[tuple[str, ...], Command()] = ()
    run_now: Annotated[bool, Truth()] = False
    show_custom_data: Annotated[bool, Truth()] = False
    hosts: Annotated[tuple[str, ...], HostNames()] = ()

    @property
    def longest_quiet(self) -> int:
        """Seconds for which visits may have nothing to start, at most."""
        return max(self.throttle, self.cron_alive, self.look_again)


@secretive
class Config(NamedTuple):
    """All that taskrunner.toml and TASKRUN_* say, checked; paths are absolute, secrets looked up.

    Made by `load_config`. `file` is the file's absolute path; databases are "sqlite:/ABSOLUTE/PATH" or
    "postgresql://…"; `references` has the env: and file: texts that secrets came from, by their keys.
    """

    file: Path
    plugin_dirs: Annotated[tuple[Path, ...], FilePaths()] = (Path("plugins"),)
    database: Annotated[str, Database(), HIDDEN] = "sqlite:state/taskrunner.db"
    lock_database: Annotated[str | None, Database(sqlite=False), HIDDEN] = None
    state_dir: Annotated[Path, FilePath()] = Path("state")
    log_dir: Annotated[Path, FilePath()] = Path("log")
    timezone: Annotated[str, Zone()] = ""
    cron: CronConfig = CronConfig()
    log: LogConfig = LogConfig()
    adhoc: AdhocConfig = AdhocConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    users: UsersConfig = UsersConfig()
    run: RunConfig = RunConfig()
    notify: NotifyConfig = NotifyConfig()
    check: CheckConfig = CheckConfig()
    task_database: TaskDatabaseConfig = TaskDatabaseConfig()
    web: WebConfig = WebConfig()
    tasks: tuple[TaskOverride, ...] = ()
    plugins: Mapping[str, PluginConfig] = MappingProxyType({})
    installed: tuple[str, ...] = ()
    plugin_settings: Mapping[str, Mapping[str, object]] = MappingProxyType({})
    references: Mapping[tuple[str, ...], str] = MappingProxyType({})

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
        shown = {name: plain(value) for name, value in self._asdict().items() if name != "references"}
        if self.installed:
            shown["plugins"] = {"installed": list(self.installed)} | {
                name: plain(one) for name, one in self.plugins.items()
            }
        del shown["installed"]
        shown["tasks"] = {override.key: plain(said_by(override)) for override in self.tasks}
        for (*keys, name), reference in self.references.items():
            table: Any = shown
            for key in keys:
                table = table[key]
            table[name] = reference
        return shown
