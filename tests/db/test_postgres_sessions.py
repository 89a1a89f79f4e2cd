"""What each session of taskrunner's own sets, so that a host that vanished frees what it held."""

from collections.abc import Callable

import pytest

from taskrunner.db import open_for_questions
from taskrunner.db.postgres import open_postgres
from taskrunner.db.postgres.locks import AdvisoryLocks

SETTINGS = ("tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_keepalives_count", "tcp_user_timeout")
ASK = "select current_setting('jit') as jit, " + ", ".join(
    f"current_setting('{name}') as {name}" for name in SETTINGS
)


def of_the_store(url: str) -> list[dict[str, str]]:
    database = open_postgres(url)
    try:
        return database.fetch(ASK, {})
    finally:
        database.close()


def of_an_idle_minute(url: str) -> list[dict[str, str]]:
    database = open_for_questions(url)
    try:
        return database.fetch(ASK, {})
    finally:
        database.close()


def of_the_locks(url: str) -> list[dict[str, str]]:
    locks = AdvisoryLocks(url, "site")
    try:
        return [dict(row) for row in locks._open().execute(ASK)]
    finally:
        locks.close()


@pytest.mark.parametrize("ask", [of_the_store, of_the_locks, of_an_idle_minute])
def test_the_server_itself_notices_within_half_a_minute_that_a_host_is_lost(
    ask: Callable[[str], list[dict[str, str]]], postgres_url: str
) -> None:
    [row] = ask(postgres_url)
    idle, interval, count, unacknowledged = (
        row[name].removesuffix("s").removesuffix("m") for name in SETTINGS
    )

    assert int(idle) + int(interval) * int(count) <= 30
    assert row["tcp_user_timeout"] in ("30s", "30000") and unacknowledged


@pytest.mark.parametrize("ask", [of_the_store, of_the_locks, of_an_idle_minute])
def test_no_question_is_compiled_however_long_the_queue_that_it_is_about(
    ask: Callable[[str], list[dict[str, str]]], postgres_url: str
) -> None:
    [row] = ask(postgres_url)

    assert row["jit"] == "off"
