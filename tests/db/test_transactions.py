"""Statements and transactions: what the store needs of a database, the same on both."""

import signal
import subprocess
import sys
from collections.abc import Callable

import pytest

from taskrunner.db import Database
from taskrunner.errors import StoreError
from tests.patience import DEADLINE

WRITE = "insert into task_setting (name, value) values (:name, 'x')"
COLOURS = "select name from task_setting where name <> 'instance_id' order by name"

KILLED = f"""
import os, signal, sys
from taskrunner.db import open_database
database = open_database(sys.argv[1])
with database.transaction():
    database.fetch("{WRITE}", {{"name": "blue"}})
    os.kill(os.getpid(), signal.SIGKILL)
"""


def names(database: Database) -> list[str]:
    return [row["name"] for row in database.fetch(COLOURS, {})]


def test_rows_are_given_by_the_names_of_their_columns(database: Database) -> None:
    sql = "select cast(:a as text) as a, 1 as b union all select null, 2 order by b"

    assert [{"a": "x", "b": 1}, {"a": None, "b": 2}] == database.fetch(sql, {"a": "x", "unused": 3})


def test_a_statement_without_rows_gives_none(database: Database) -> None:
    assert [] == database.fetch(WRITE, {"name": "blue"})


@pytest.mark.parametrize(
    "text",
    ["100 %", "%s", "%(name)s", ":name", "it's", "''", '"', "\\", "\n", "ä€😀", "\x01", "--", "/*x*/", ""],
)
def test_a_text_comes_back_as_it_was(database: Database, text: str) -> None:
    database.fetch(WRITE, {"name": text})

    assert [text] == names(database)


def test_a_statement_outside_a_transaction_is_there_at_once(
    database: Database, open_another: Callable[[], Database]
) -> None:
    another = open_another()

    database.fetch(WRITE, {"name": "blue"})
    database.fetch(f"{WRITE} returning name", {"name": "red"})

    assert ["blue", "red"] == names(another)


def test_the_statements_of_a_transaction_happen_together(
    database: Database, open_another: Callable[[], Database]
) -> None:
    another = open_another()

    with database.transaction():
        database.fetch(WRITE, {"name": "blue"})
        database.fetch(WRITE, {"name": "red"})
        seen_within = names(another)

    assert [] == seen_within
    assert ["blue", "red"] == names(another)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_of_a_transaction_that_raises_nothing_is_left(database: Database, error: type[BaseException]) -> None:
    with pytest.raises(error), database.transaction():
        database.fetch(WRITE, {"name": "blue"})
        raise error

    assert [] == names(database)


def test_of_a_transaction_with_a_failing_statement_nothing_is_left(database: Database) -> None:
    with pytest.raises(StoreError, match=r"UNIQUE|duplicate key"), database.transaction():
        database.fetch(WRITE, {"name": "blue"})
        database.fetch(WRITE, {"name": "blue"})

    assert [] == names(database)


@pytest.mark.parametrize("failing", ["select nonsense", ""])
def test_after_a_transaction_that_raised_the_next_one_works(database: Database, failing: str) -> None:
    with pytest.raises((StoreError, ValueError)), database.transaction():
        if failing:
            database.fetch(failing, {})
        raise ValueError

    with database.transaction():
        database.fetch(WRITE, {"name": "blue"})

    assert ["blue"] == names(database)


def test_of_a_transaction_whose_process_is_killed_nothing_is_left(
    database_url: str, database: Database
) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED, database_url], check=False, timeout=DEADLINE)

    assert -signal.SIGKILL == killed.returncode
    assert [] == names(database)
    database.fetch(WRITE, {"name": "blue"})
