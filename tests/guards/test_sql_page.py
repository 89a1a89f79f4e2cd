"""docs/sql.md: its queries give what it says on both databases, and it has every column of the views."""

import re
from typing import Any

from taskrunner.store import Store
from tests.databases import ask
from tests.db.test_parity import columns_of_views
from tests.guards.readme_session import page

PAGE = page("sql").read_text("utf-8")
MOST_ERRORS, BY_LENGTH, LONG_ERRORS, QUEUE, OUTPUT = re.findall(r"(?s)```sql\n(.*?)```", PAGE)


def add_runs(url: str, *runs: tuple[str, int, str]) -> None:
    """Write runs: of a task, of so many seconds, with an outcome."""
    for number, (name, seconds, outcome) in enumerate(runs):
        ask(
            url,
            "insert into task_log (run_id, type, name, plugin, due_at, started_at, ended_at, outcome, output,"
            " attempt, db_reads, db_writes, hostname, pid)"
            f" values ('01M8MEQ{number}', 'scheduled', 'shop.{name}', 'shop', 0, 0, {seconds}, '{outcome}',"
            f" 'printed {number}', 1, 0, 0, 'web1', 7)",
        )


def plain(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Return rows with numbers as floats: PostgreSQL counts in decimals."""
    return [tuple(cell if isinstance(cell, str) else float(cell) for cell in row) for row in rows]


def test_the_page_finds_the_task_that_fails_most_often(store: Store, database_url: str) -> None:
    add_runs(database_url, ("Good", 1, "ok"), ("Bad", 1, "ok"), ("Bad", 2, "failed"), ("Bad", 3, "skipped"))

    assert [("shop.Bad", 2, 1, 50), ("shop.Good", 1, 0, 0)] == plain(ask(database_url, MOST_ERRORS))


def test_the_page_finds_that_long_runs_fail(store: Store, database_url: str) -> None:
    add_runs(
        database_url,
        ("Bad", 900, "ok"),
        ("Bad", 1100, "failed"),
        ("Bad", 1200, "timeout"),
        ("Bad", 1300, "ok"),
    )

    assert [("shop.Bad", "over 1,000 s", 3, 2), ("shop.Bad", "up to 1,000 s", 1, 0)] == plain(
        ask(database_url, BY_LENGTH)
    )
    assert {(1100, "failed"), (1200, "timeout")} == {
        (float(seconds), outcome) for _, _, seconds, outcome, _ in ask(database_url, LONG_ERRORS)
    }


def test_the_page_counts_what_waits(store: Store, database_url: str) -> None:
    for number in range(2):
        ask(
            database_url,
            "insert into task_adhoc"
            " (name, plugin, custom_data, identity, created_at, next_run_at, attempts_left)"
            f" values ('shop.Send', 'shop', '1', '{number}', 0, 60, 12)",
        )

    [(name, queued, _, most_failures)] = ask(database_url, QUEUE)
    assert ("shop.Send", 2, 0) == (name, queued, most_failures)


def test_the_page_finds_what_a_run_printed(store: Store, database_url: str) -> None:
    add_runs(database_url, ("Good", 1, "ok"))

    assert [("printed 0",)] == ask(database_url, OUTPUT)


def test_the_page_has_every_view_and_its_columns_in_order(store: Store, database_url: str) -> None:
    sections = dict(re.findall(r"(?ms)^### (v_\w+)\n(.*?)(?=^### |\Z)", PAGE))
    documented = {
        view: [
            column for row in re.findall(r"(?m)^\| (`.*?) \|", text) for column in re.findall(r"`(\w+)`", row)
        ]
        for view, text in sections.items()
    }

    assert columns_of_views(database_url) == documented
