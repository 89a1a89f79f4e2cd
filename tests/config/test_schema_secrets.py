import json
from collections.abc import Callable
from pathlib import Path

import pytest

from taskrunner.config import Config, load_config
from taskrunner.config.schema import mask

Load = Callable[..., Config]
Refusal = Callable[..., str]
URL = "postgresql://cron:s3cret@db.example/site?sslmode=require"
MASKED = "postgresql://cron:***@db.example/site?sslmode=require"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sqlite:db.sqlite", "sqlite:{here}/db.sqlite"),
        ("sqlite:/srv/db.sqlite", "sqlite:/srv/db.sqlite"),
        ("sqlite:///srv/db.sqlite", "sqlite:/srv/db.sqlite"),
        ("sqlite:~/db.sqlite", "sqlite:/home/ann/db.sqlite"),
        ("postgresql://u@h/d", "postgresql://u@h/d"),
        ("postgres://u@h/d", "postgres://u@h/d"),
        ("postgresql:///d", "postgresql:///d"),
    ],
)
def test_a_database_may_be(load: Load, tmp_path: Path, text: str, expected: str) -> None:
    assert expected.format(here=tmp_path) == load(f"database = '{text}'", HOME="/home/ann").database


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("'mysql://u:s3cret@h/d'", "is not sqlite:PATH or postgresql://USER@HOST/NAME"),
        ("'state/s3cret.db'", "is not sqlite:PATH or postgresql://USER@HOST/NAME"),
        ("'postgresql://'", "is not sqlite:PATH or postgresql://USER@HOST/NAME"),
        ("'sqlite:'", "is empty"),
        ("'sqlite::memory:'", "is a database in memory, which ends with the process; write sqlite:PATH"),
        (
            "'sqlite://s3cret/x'",
            "has a host behind sqlite://; write sqlite:PATH or sqlite:///ABSOLUTE/PATH",
        ),
        ("['s3cret']", "is not a text in quotes"),
        ('"postgresql://u:s3cret@h\\n"', "holds a control character"),
    ],
)
def test_a_database_must_not_be(refusal: Refusal, text: str, expected: str) -> None:
    assert f"taskrunner.toml line 1: database {expected}" == refusal(f"database = {text}")


def test_locks_need_postgresql(refusal: Refusal) -> None:
    expected = "taskrunner.toml line 1: lock_database is not postgresql://USER@HOST/NAME"
    assert expected == refusal("lock_database = 'sqlite:locks.db'")


def test_a_secret_is_looked_up_in_the_environment(load: Load) -> None:
    expected = URL
    assert expected == load("database = 'env:DATABASE_URL'", DATABASE_URL=f"{URL}\n").database


def test_a_secret_is_looked_up_in_a_file(load: Load, tmp_path: Path) -> None:
    (tmp_path / "dsn").write_text(f"{URL}\n", encoding="utf-8")

    config = load(f"lock_database = 'file:{tmp_path}/dsn'\n[task_database]\nurl = 'file:dsn'")

    expected = (URL, URL)
    assert expected == (config.lock_database, config.task_database.url)


def test_a_secret_that_is_missing_is_named_by_its_key(refusal: Refusal, tmp_path: Path) -> None:
    at = "taskrunner.toml line 1: database comes from"

    assert f"{at} the environment variable DSN, which is not set" == refusal("database = 'env:DSN'")
    assert f"{at} env:DSN, which is empty" == refusal("database = 'env:DSN'", DSN=" ")
    assert f"{at} the file {tmp_path}/dsn, which does not exist" == refusal("database = 'file:dsn'")


def test_a_wrong_secret_is_never_told(refusal: Refusal, tmp_path: Path) -> None:
    (tmp_path / "dsn").write_bytes(b"s3cret \xff")

    messages = [
        refusal("database = 'env:DSN'", DSN="s3cret"),
        refusal("database = 'file:dsn'"),
        refusal(TASKRUN_DATABASE="s3cret:x"),
        refusal("[task_database]\nurl = 's3cret'"),
        refusal("timezone = 1\n[users]\nresolver = 'postgresql://u:s3cret@h/d'"),
    ]

    assert not any("s3cret" in message for message in messages)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (URL, MASKED),
        ("postgresql://u:p@ss/w:rd@h/d", "postgresql://u:***@h/d"),
        ("postgresql://:s3cret@h/d", "postgresql://:***@h/d"),
        ("postgresql://h/d?password=s3cret&a=b", "postgresql://h/d?password=***&a=b"),
        ("postgresql://h/d?a=b&sslpassword=s3cret", "postgresql://h/d?a=b&sslpassword=***"),
        ("host=h password='s3 cret' dbname=d", "host=h password=*** dbname=d"),
        ("postgresql://h:5432/d", "postgresql://h:5432/d"),
        ("postgresql://u@h:5432/d", "postgresql://u@h:5432/d"),
    ],
)
def test_passwords_are_masked(text: str, expected: str) -> None:
    assert expected == mask(text)


def test_the_public_configuration_masks_passwords(load: Load) -> None:
    config = load(f"""
database = "{URL}"
[task_database]
url = "{URL}"
[notify]
command = ["tell", "https://me:s3cret@ops.example/"]
[plugin_settings.tokens]
api_key = "s3cret"
token_days = 5
proxy = "http://me:s3cret@proxy:3128"
since = 2026-11-21
""")

    public = config.public()

    settings = {"api_key": "***", "token_days": 5, "proxy": "http://me:***@proxy:3128", "since": "2026-11-21"}
    expected = public | {
        "database": MASKED,
        "task_database": {"url": MASKED},
        "notify": {"command": ["tell", "https://me:***@ops.example/"], "ping": None},
        "plugin_settings": {"tokens": settings},
    }
    assert expected == public
    assert "s3cret" not in json.dumps(public)


def test_the_public_configuration_shows_where_a_secret_comes_from(load: Load) -> None:
    config = load("lock_database = 'env:DSN'", DSN=URL, TASKRUN_TASK_DATABASE__URL="env:DSN")

    public = config.public()

    expected = public | {"lock_database": "env:DSN", "task_database": {"url": "env:DSN"}}
    assert expected == public


def test_the_public_configuration_has_the_shape_of_the_file(load: Load, tmp_path: Path) -> None:
    config = load("[tasks.'forum.*']\ndisabled = true\n[plugins.forum]\nenabled = false")

    public = config.public()

    expected = public | {
        "tasks": {"forum.*": {"disabled": True}},
        "plugins": {"forum": {"enabled": False}},
        "plugin_dirs": [f"{tmp_path}/plugins"],
    }
    assert expected == public
    names = {
        "file",
        "plugin_dirs",
        "database",
        "lock_database",
        "state_dir",
        "log_dir",
        "timezone",
        "cron",
        "log",
    }
    names |= {
        "adhoc",
        "check",
        "schedule",
        "tasks",
        "plugins",
        "plugin_settings",
        "users",
        "run",
        "notify",
        "task_database",
        "web",
    }
    assert names == set(public)


def test_the_repr_of_a_configuration_has_no_secret(tmp_path: Path) -> None:
    databases = f"database = '{URL}'\nlock_database = '{URL}'\ntask_database.url = '{URL}'\n"
    text = databases + "plugin_settings.x.y = 's3cret'"
    (tmp_path / "taskrunner.toml").write_text(text, encoding="utf-8")

    config = load_config(None, environ={"TASKRUN_TIMEZONE": "UTC"}, cwd=tmp_path)

    assert "s3cret" not in repr(config)
