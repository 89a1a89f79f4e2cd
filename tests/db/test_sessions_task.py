"""The connection a task gets: an ordinary one, counted, closed after it."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from taskrunner.db import TaskConnection, open_task_connection
from taskrunner.errors import StoreError
from tests.db.conftest import Open


@pytest.fixture
def task_connection(path: Path, open_file: Open) -> Iterator[TaskConnection]:
    open_file().close()
    connection = open_task_connection(f"sqlite:{path}")
    connection.connection.execute("create table course (id integer primary key, name text)")
    connection.connection.commit()
    connection.reads = connection.writes = 0
    yield connection
    connection.connection.close()


def counted(connection: TaskConnection, *statements: str) -> tuple[int, int]:
    for statement in statements:
        connection.connection.execute(statement).fetchall()
    return connection.reads, connection.writes


def test_nothing_is_counted_before_the_first_statement(path: Path, open_file: Open) -> None:
    open_file().close()
    connection = open_task_connection(f"sqlite:{path}")

    assert (0, 0, False) == (connection.reads, connection.writes, connection.leave())


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        (["select 1"], (1, 0)),
        (["  SELECT name FROM course"], (1, 0)),
        (["insert into course (name) values ('a')"], (0, 1)),
        (["insert into course (name) values ('a') returning id"], (0, 1)),
        (
            ["replace into course values (1, 'a')", "update course set name = 'b'", "delete from course"],
            (0, 3),
        ),
        (["with a as (select 1) select * from a"], (1, 0)),
        (["with a as (select 1) delete from course where id in a"], (0, 1)),
        (["with a as (select 'please update me' as b) select * from a"], (1, 0)),
        (["begin", "savepoint a", "release a", "commit"], (0, 0)),
        (["create table exam (id)"], (0, 1)),
        (["-- all courses\nselect * from course"], (1, 0)),
        (["/* all courses */ select * from course"], (1, 0)),
    ],
)
def test_statements_are_counted_as_reads_or_writes(
    task_connection: TaskConnection, statements: list[str], expected: tuple[int, int]
) -> None:
    assert expected == counted(task_connection, *statements)


def test_the_begin_that_the_driver_adds_is_not_counted(task_connection: TaskConnection) -> None:
    task_connection.connection.execute("insert into course (name) values (?)", ("a",))
    task_connection.connection.commit()

    assert (0, 1) == (task_connection.reads, task_connection.writes)


def test_every_row_of_many_is_a_statement(task_connection: TaskConnection) -> None:
    task_connection.connection.executemany("insert into course (name) values (?)", [("a",), ("b",)])

    assert (0, 2) == (task_connection.reads, task_connection.writes)


def test_what_was_committed_stays(task_connection: TaskConnection, path: Path) -> None:
    task_connection.connection.execute("insert into course (name) values ('a')")
    task_connection.connection.commit()
    left_open = task_connection.leave()

    with closing(sqlite3.connect(path)) as connection:
        assert [("a",)] == connection.execute("select name from course").fetchall()
    assert not left_open


def test_a_transaction_left_open_is_rolled_back_and_told(task_connection: TaskConnection, path: Path) -> None:
    task_connection.connection.execute("insert into course (name) values ('a')")
    left_open = task_connection.leave()

    with closing(sqlite3.connect(path)) as connection:
        assert [] == connection.execute("select name from course").fetchall()
    assert left_open


def test_a_connection_that_was_left_is_closed(task_connection: TaskConnection) -> None:
    task_connection.leave()

    with pytest.raises(sqlite3.ProgrammingError):
        task_connection.connection.execute("select 1")


def test_a_task_may_close_its_connection_itself(task_connection: TaskConnection) -> None:
    task_connection.connection.close()

    assert not task_connection.leave()


def test_rows_are_those_of_the_standard_driver(task_connection: TaskConnection) -> None:
    row: Any = task_connection.connection.execute("select 1, 'a'").fetchone()

    assert (1, "a") == row


def test_a_directory_is_an_error_of_the_store(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is a directory"):
        open_task_connection(f"sqlite:{tmp_path}")


def test_a_deleted_database_is_not_started_empty_by_a_task(path: Path, open_file: Open) -> None:
    open_file().close()
    path.unlink()

    with pytest.raises(StoreError):
        open_task_connection(f"sqlite:{path}").leave()

    assert not path.exists()
