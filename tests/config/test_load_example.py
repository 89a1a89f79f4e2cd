import subprocess
import sys
from pathlib import Path

from taskrunner.config import (
    AdhocConfig,
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
    load_config,
)
from taskrunner.zones import system_timezone

EXAMPLE = """\
plugin_dirs = ["plugins"]
database = "sqlite:state/taskrunner.db"        # or postgresql://…
state_dir = "state"                            # locks, registry cache
log_dir = "log"
timezone = "Europe/Paris"                      # default: the system's

[cron]
keep_alive = 0                                 # seconds, at most 900
scheduled_concurrency_limit = 3
adhoc_concurrency_limit = 3
scheduled_max_runtime = 1800
adhoc_max_runtime = 1800
stdout = "all"                                 # all | failures | none
isolation = "none"                             # none | fork, for classes that do not say

[log]
mode = "all"                                   # all | failures | none
file = "%Y-%m-%d/cron_%H%M_{pid}.log"
timestamps = false
retention_days = 28
retain_runs = 20
file_retention_days = 14

[adhoc]
failed_retention_days = 28
default_concurrency_limit = 0                  # 0 = none

[tasks."forum.SendDigest"]                     # wildcards: "forum.*"
schedule = "*/10 * * * *"
disabled = false
timeout = 600
concurrency_limit = 1

[plugins.forum]
enabled = true

[users]
resolver = "myapp.cron:as_user"

[notify]
command = ["/usr/local/bin/tell-ops"]

[run]
directory = "."
python_path = ["../app"]
environment = { DJANGO_SETTINGS_MODULE = "shop.settings" }
around = ["myapp.cron:around"]
"""


def test_the_example_of_the_documentation_gives_these_values(tmp_path: Path) -> None:
    file = tmp_path / "taskrunner.toml"
    file.write_text(EXAMPLE, encoding="utf-8")

    expected = Config(
        file=file,
        plugin_dirs=(tmp_path / "plugins",),
        database=f"sqlite:{tmp_path}/state/taskrunner.db",
        lock_database=None,
        state_dir=tmp_path / "state",
        log_dir=tmp_path / "log",
        timezone="Europe/Paris",
        cron=CronConfig(0, 3, 3, 1800, 1800, "all", "none"),
        log=LogConfig("all", "%Y-%m-%d/cron_%H%M_{pid}.log", "moodle", False, 28, 20, 100_000, 14),
        adhoc=AdhocConfig(28, 0),
        schedule=ScheduleConfig(""),
        tasks=(TaskOverride("forum.SendDigest", 28, "*/10 * * * *", None, False, 600, None, 1),),
        plugins={"forum": PluginConfig(True)},
        plugin_settings={},
        users=UsersConfig("myapp.cron:as_user"),
        notify=NotifyConfig(("/usr/local/bin/tell-ops",)),
        task_database=TaskDatabaseConfig(None),
        run=RunConfig(
            tmp_path,
            (tmp_path / "../app",),
            {"DJANGO_SETTINGS_MODULE": "shop.settings"},
            ("myapp.cron:around",),
        ),
    )
    assert expected == load_config(None, environ={}, cwd=tmp_path)


def test_an_empty_file_gives_the_defaults(tmp_path: Path) -> None:
    file = tmp_path / "taskrunner.toml"
    file.write_text("", encoding="utf-8")

    expected = Config(
        file=file,
        plugin_dirs=(tmp_path / "plugins",),
        database=f"sqlite:{tmp_path}/state/taskrunner.db",
        state_dir=tmp_path / "state",
        log_dir=tmp_path / "log",
        timezone=system_timezone(),
        run=RunConfig(directory=tmp_path),
    )
    assert expected == load_config(None, environ={}, cwd=tmp_path)


def test_the_default_zone_is_that_of_the_system_whatever_a_shell_says(tmp_path: Path) -> None:
    (tmp_path / "taskrunner.toml").write_text("", encoding="utf-8")

    config = load_config(None, environ={"TZ": "Australia/Lord_Howe"}, cwd=tmp_path)

    assert system_timezone() == config.timezone


def test_importing_the_configuration_imports_nothing_slow() -> None:
    program = "import sys, taskrunner.config; print(*sys.modules)"

    printed = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout

    assert set() == {"click", "rich", "zoneinfo", "tomllib", "difflib", "shlex"} & set(printed.split())
