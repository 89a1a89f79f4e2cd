from collections.abc import Callable
from pathlib import Path

import pytest

from taskrunner.config import Config, LogConfig, ScheduleConfig, TaskDatabaseConfig
from taskrunner.config.find import variable_of
from taskrunner.config.schema import all_settings

Load = Callable[..., Config]
Refusal = Callable[..., str]


def test_a_variable_comes_before_the_file(load: Load) -> None:
    config = load("[cron]\nkeep_alive = 5\nstdout = 'none'", TASKRUN_CRON__KEEP_ALIVE="60")

    expected = (60, "none")
    assert expected == (config.cron.keep_alive, config.cron.stdout)


def test_variables_are_read_by_the_type_of_the_key(load: Load, tmp_path: Path) -> None:
    config = load(
        TASKRUN_DATABASE="sqlite:other.db",
        TASKRUN_PLUGIN_DIRS="plugins:/opt/plugins",
        TASKRUN_LOG__RETENTION_DAYS="1.5",
        TASKRUN_LOG__RETAIN_RUNS="7",
        TASKRUN_LOG__MODE="failures",
        TASKRUN_TASK_DATABASE__URL="postgresql://db/app",
        TASKRUN_SCHEDULE__SALT="",
    )

    assert f"sqlite:{tmp_path}/other.db" == config.database
    assert (tmp_path / "plugins", Path("/opt/plugins")) == config.plugin_dirs
    assert LogConfig(retention_days=1.5, retain_runs=7, mode="failures") == config.log
    assert TaskDatabaseConfig("postgresql://db/app") == config.task_database
    assert ScheduleConfig("") == config.schedule


@pytest.mark.parametrize(
    ("text", "expected"),
    [("true", True), ("1", True), ("YES", True), ("false", False), ("0", False), ("no", False)],
)
def test_a_truth_has_six_spellings(load: Load, text: str, expected: bool) -> None:
    assert expected is load(TASKRUN_LOG__TIMESTAMPS=text).log.timestamps


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tell-ops --to 'on call'", ("tell-ops", "--to", "on call")),
        ('["tell-ops", "on call"]', ("tell-ops", "on call")),
        ("", ()),
    ],
)
def test_a_command_is_json_or_words_of_a_shell(load: Load, text: str, expected: tuple[str, ...]) -> None:
    assert expected == load(TASKRUN_NOTIFY__COMMAND=text).notify.command


def test_an_empty_list_of_paths_is_none(load: Load) -> None:
    expected = ()
    assert expected == load(TASKRUN_PLUGIN_DIRS="").plugin_dirs


def test_a_plugin_can_be_switched_off(load: Load) -> None:
    config = load(
        "[plugins.forum]\nenabled = true",
        TASKRUN_PLUGINS__FORUM__ENABLED="no",
        TASKRUN_PLUGINS__A_B__ENABLED="1",
    )

    expected = {"forum": False, "a_b": True}
    assert expected == {name: plugin.enabled for name, plugin in config.plugins.items()}


@pytest.mark.parametrize(
    ("variable", "text", "expected"),
    [
        ("CRON__KEEP_ALIVE", "1000", "TASKRUN_CRON__KEEP_ALIVE = 1000 is too large; at most 900"),
        ("CRON__KEEP_ALIVE", "soon", 'TASKRUN_CRON__KEEP_ALIVE = "soon" is not a whole number'),
        ("LOG__TIMESTAMPS", "2", 'TASKRUN_LOG__TIMESTAMPS = "2" is not true or false'),
        ("NOTIFY__COMMAND", "tell 'ops", 'TASKRUN_NOTIFY__COMMAND = "tell \'ops" is not a list of texts'),
        ("NOTIFY__COMMAND", "[1]", "TASKRUN_NOTIFY__COMMAND = [1] is not a list of texts"),
        ("PLUGIN_DIRS", "a::b", 'TASKRUN_PLUGIN_DIRS = ["a", "", "b"] is empty'),
        ("PLUGINS__FORUM__ENABLED", "x", 'TASKRUN_PLUGINS__FORUM__ENABLED = "x" is not true or false'),
    ],
)
def test_a_wrong_value_names_the_variable(refusal: Refusal, variable: str, text: str, expected: str) -> None:
    assert expected == refusal(**{f"TASKRUN_{variable}": text})


@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        ("TASKRUN_DATABSE", "unknown environment variable TASKRUN_DATABSE; did you mean 'TASKRUN_DATABASE'?"),
        (
            "TASKRUN_CRON_KEEP_ALIVE",
            "unknown environment variable TASKRUN_CRON_KEEP_ALIVE; did you mean 'TASKRUN_CRON__KEEP_ALIVE'?",
        ),
        (
            "TASKRUN_TASKS__X__DISABLED",
            "TASKRUN_TASKS__X__DISABLED cannot be used; [tasks] can only be set in the file",
        ),
        (
            "TASKRUN_PLUGIN_SETTINGS__MAIL__N",
            "TASKRUN_PLUGIN_SETTINGS__MAIL__N cannot be used; [plugin_settings] can only be set in the file",
        ),
    ],
)
def test_a_variable_that_sets_nothing_is_said(refusal: Refusal, variable: str, expected: str) -> None:
    assert expected == refusal(**{variable: "s3cret"})


def test_variables_of_other_programs_are_left_alone(load: Load) -> None:
    load(TASKRUNNER_HOME="x", _TASKRUN_COMPLETE="bash_source", TASKRUN="x")


def test_no_two_keys_have_the_same_variable() -> None:
    keys = all_settings(Config)

    assert len(keys) == len({variable_of(key) for key in keys})
