"""[run]: each wrong value is one line with file, line and key."""

import pytest

from taskrunner.config import load_config
from taskrunner.errors import ConfigError

NAMES = 'is not of the form "package.module:name"'


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("directory = 5", "line 2: [run] directory = 5 is not a text in quotes"),
        ('directory = ""', 'line 2: [run] directory = "" is empty'),
        ('directory = "~other/x"', "line 2: [run] directory = "),
        ('python_path = "app"', 'line 2: [run] python_path = "app" is not a list of texts'),
        ("python_path = [1]", "line 2: [run] python_path = [1] is not a list of texts"),
        ('python_path = [""]', 'line 2: [run] python_path = [""] is empty'),
        ('python_path = ["a\\u0000b"]', "holds a control character"),
        ('environment = "A=1"', 'line 2: [run] environment = "A=1" is not a table of texts'),
        ("environment = { DEBUG = 1 }", "has DEBUG, which is not a text in quotes"),
        ("environment = { DEBUG = true }", "has DEBUG, which is not a text in quotes"),
        ("environment.A = [1]", "has A, which is not a text in quotes"),
        ('environment = { "A B" = "1" }', "has 'A B', which cannot be the name of a variable"),
        ('environment = { "A=B" = "1" }', "has 'A=B', which cannot be the name of a variable"),
        ('environment = { "" = "1" }', "has '', which cannot be the name of a variable"),
        ('environment = { TASKRUN_DATABASE = "x" }', "has TASKRUN_DATABASE, which is a setting of taskrun"),
        ('environment = { A = "a\\u0000b" }', "has A, which holds a NUL character"),
        ('around = "shop.cron:around"', "is not a list of texts"),
        ('around = ["shop.cron"]', NAMES),
        ('around = ["shop/cron.py:around"]', NAMES),
        ('around = ["shop.cron:"]', NAMES),
        ('arround = ["shop.cron:around"]', "unknown key 'arround' in [run]; did you mean 'around'?"),
        ('pythonpath = ["app"]', "unknown key 'pythonpath' in [run]; did you mean 'python_path'?"),
        ('env = { A = "1" }', "unknown key 'env' in [run]"),
    ],
)
def test_a_wrong_value_is_refused_with_file_and_line(tmp_path, line, message):
    (tmp_path / "taskrunner.toml").write_text(f"[run]\n{line}\n")

    with pytest.raises(ConfigError) as refused:
        load_config(None, environ={}, cwd=tmp_path)

    assert str(refused.value).startswith("taskrunner.toml line 2: ")
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_each_setting_can_be_set_by_the_environment(tmp_path):
    (tmp_path / "taskrunner.toml").write_text("")
    environ = {
        "TASKRUN_RUN__DIRECTORY": "jobs",
        "TASKRUN_RUN__PYTHON_PATH": "app:lib",
        "TASKRUN_RUN__ENVIRONMENT": '{"LANG": "C.UTF-8"}',
        "TASKRUN_RUN__AROUND": "shop.cron:around, shop.cron:again",
    }

    run = load_config(None, environ=environ, cwd=tmp_path).run

    assert (run.directory, run.python_path) == (tmp_path / "jobs", (tmp_path / "app", tmp_path / "lib"))
    assert (run.environment, run.around) == ({"LANG": "C.UTF-8"}, ("shop.cron:around", "shop.cron:again"))


def test_a_table_of_its_own_says_the_same(tmp_path):
    (tmp_path / "taskrunner.toml").write_text('[run.environment]\nA = "1"\nB = "2"\n')

    assert load_config(None, environ={}, cwd=tmp_path).run.environment == {"A": "1", "B": "2"}
