"""PostgreSQL asked through libpq: the same answers as psycopg gives, or none."""

import pytest

from taskrunner.db import open_database, open_for_questions
from taskrunner.db.libpq import open_libpq
from taskrunner.errors import StoreError
from taskrunner.store import Statements

VALUES = """
select 1 as whole, cast(12345678901 as bigint) as large, cast(2.5 as double precision) as moment,
  cast('äöü ''\\n' as text) as word, cast(null as text) as nothing, cast(:now as double precision) as given
"""


def test_the_answers_are_those_that_psycopg_gives(postgres_url: str) -> None:
    asked, whole = open_libpq(postgres_url), open_database(postgres_url)

    expected = whole.fetch(VALUES, {"now": 1.5})
    assert expected == asked.fetch(VALUES, {"now": 1.5})
    assert whole.fetch("select 1 as none where false", {}) == asked.fetch("select 1 as none where false", {})
    asked.close()
    whole.close()


@pytest.mark.parametrize(
    ("noun", "verb"), [("settings", "list"), ("runners", "list"), ("adhoc", "classes"), ("scheduled", "due")]
)
def test_the_queries_of_an_idle_minute_can_be_asked(postgres_url: str, noun: str, verb: str) -> None:
    asked, whole = open_for_questions(postgres_url), open_database(postgres_url)
    parameters = {"now": 1.5} if verb == "due" else {}

    expected = Statements(whole, noun).rows(verb, **parameters)
    assert expected == Statements(asked, noun).rows(verb, **parameters)
    asked.close()
    whole.close()


def test_a_statement_that_is_wrong_is_a_store_error(postgres_url: str) -> None:
    asked = open_libpq(postgres_url)

    with pytest.raises(StoreError):
        asked.fetch("select nonsense", {})

    assert [{"answer": 1}] == asked.fetch("select 1 as answer", {})
    asked.close()


def test_tables_of_another_version_are_not_asked(postgres_url: str) -> None:
    whole = open_database(postgres_url)
    whole.fetch("insert into schema_version values (999, 0)", {})
    whole.close()

    with pytest.raises(StoreError, match="another version"):
        open_libpq(postgres_url)


@pytest.mark.parametrize(
    "url", ["postgresql://nobody@127.0.0.1:1/none", "postgresql://", "postgresql://127.0.0.1:x/none"]
)
def test_a_server_that_cannot_be_reached_is_a_store_error(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGHOST", "127.0.0.1")
    monkeypatch.setenv("PGPORT", "1")

    with pytest.raises(StoreError):
        open_libpq(url)


def test_without_libpq_there_is_a_store_error(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("taskrunner.db.libpq.SYSTEM", "libpq-of-nobody.so")
    monkeypatch.setattr("sys.path", [])

    with pytest.raises(StoreError, match="no libpq"):
        open_libpq(postgres_url)
