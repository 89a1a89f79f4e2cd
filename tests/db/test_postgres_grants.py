"""What each role may do on PostgreSQL."""

import re

import psycopg
import pytest
from psycopg import errors

from taskrunner.db import open_database
from taskrunner.db.postgres.tables import Roles, grants

LISTED = """
select relname from pg_class where relkind in ('r', 'v', 'S') and relnamespace = 'public'::regnamespace
"""


def test_the_script_names_all_that_there_is(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        there = {row[0] for row in connection.execute(LISTED)}

    named = {statement: re.findall(r"public\.(\w+)", statement) for statement in grants(Roles()).split(";")}
    owned = {name for statement, names in named.items() for name in names if "owner to" in statement}
    used = {name for statement, names in named.items() for name in names if "taskrun_runner" in statement}
    assert there == used == {name for name in used if name.endswith("_seq")} | owned - {"task_adhoc_queued"}


def test_names_that_need_quotes_are_quoted() -> None:
    script = grants(Roles(owner="Boss", schema="my tasks"))

    assert 'alter table "my tasks".task_log owner to "Boss";' in script


@pytest.fixture
def granted(postgres_url: str) -> str:
    """A database where the script was run twice, and one adhoc task waits."""
    database = open_database(postgres_url)
    database.fetch(
        "insert into task_adhoc (name, plugin, custom_data, identity, created_at, next_run_at, attempts_left)"
        " values ('a.B', 'a', '{}', 'x', 0, 0, 1)",
        {},
    )
    database.close()
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        for _ in range(2):
            connection.execute(grants(Roles()).encode())
    return postgres_url


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        ("reader", "select * from v_task_log"),
        ("reader", "select * from v_task_adhoc"),
        ("viewer", "select output from task_log"),
        ("viewer", "select custom_data from task_adhoc"),
        ("viewer", "select * from v_task_running"),
        ("producer", "insert into task_adhoc (name, plugin, custom_data, identity, created_at, next_run_at,"
         " attempts_left) values ('a.B', 'a', '1', 'y', 0, 0, 1) returning id"),
        ("producer", "update task_adhoc set next_run_at = 1 where identity = 'x' returning id"),
        ("runner", "update task_scheduled set disabled = 1 returning id"),
        ("runner", "delete from task_log returning id"),
        ("owner", "alter table task_log add column colour text"),
    ],
)  # fmt: skip
def test_a_role_may_do_its_part(granted: str, role: str, statement: str) -> None:
    with psycopg.connect(granted) as connection:
        connection.execute(f"set role taskrun_{role}".encode())

        assert connection.execute(statement.encode()).statusmessage


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        ("reader", "select custom_data from task_adhoc"),
        ("reader", "select output from task_log"),
        ("viewer", "update task_scheduled set disabled = 1"),
        ("viewer", "insert into task_setting (name, value) values ('a', '1')"),
        ("viewer", "delete from task_adhoc"),
        ("viewer", "select nextval('task_adhoc_id_seq')"),
        ("producer", "update task_scheduled set schedule = '* * * * *'"),
        ("producer", "update task_adhoc set name = 'a.C'"),
        ("producer", "delete from task_adhoc"),
        ("producer", "update task_setting set value = ''"),
        ("runner", "drop table task_log"),
    ],
)
def test_a_role_may_do_no_more(granted: str, role: str, statement: str) -> None:
    with psycopg.connect(granted) as connection:
        connection.execute(f"set role taskrun_{role}".encode())

        with pytest.raises(errors.InsufficientPrivilege):
            connection.execute(statement.encode())
