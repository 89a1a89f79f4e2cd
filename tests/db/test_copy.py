"""A whole site goes to another database: all of it or nothing, whichever kinds they are."""

import os
import random
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest

from taskrunner.db import open_database
from taskrunner.db.copy import Digest, Table, copy_site, digest_of, open_copyable, site_tables
from taskrunner.errors import StoreBusyError, StoreError
from tests.databases import PostgresDatabases, ask, connect_to, placeholder

KINDS = ("sqlite", "postgres")
CLOSING = ("paused", '{"at": 1.0, "reason": "copied"}')


def nothing() -> None:
    """Take nothing back."""


@pytest.fixture
def new_url(tmp_path: Path, postgres_databases: PostgresDatabases) -> Iterator[Callable[[str], str]]:
    """Name a new database of a kind, without tables."""
    names: list[str] = []
    numbers = count(1)
    server = postgres_databases.server

    def new(kind: str) -> str:
        name = f"copy_{next(numbers)}"
        if kind == "sqlite":
            return f"sqlite:{tmp_path / name / 'taskrunner.db'}"
        names.append(name)
        return server.create_database(name)

    yield new
    for name in names:
        server.drop_database(name)


def fill(url: str, rows: int) -> None:
    """Put rows into the tables that grow, with values of every kind."""
    open_database(url).close()
    mark = placeholder(url)
    with closing(connect_to(url)) as connection:
        cursor = connection.cursor()
        marks = ", ".join([mark] * 12)
        cursor.executemany(
            "insert into task_log (run_id, type, name, plugin, due_at, started_at, ended_at, outcome,"
            f" message, output, hostname, pid) values ({marks})",
            [
                (f"R{n}", "scheduled", f"forum.Ä{n % 7}", "forum", None if n % 3 else n / 7, n / 3, n + 0.1,
                 "ok", None, f"zeile {n}\t\\N ü\n", "web1", n)
                for n in range(rows)
            ],
        )  # fmt: skip
        marks = ", ".join([mark] * 7)
        cursor.executemany(
            "insert into task_adhoc (name, plugin, custom_data, identity, created_at, next_run_at,"
            f" attempts_left) values ({marks})",
            [("forum.Mail", "forum", f'{{"n": {n}}}', f"i{n}", 1.5, 2.0 + n, 12) for n in range(rows)],
        )
        cursor.execute(f"delete from task_adhoc where id = {rows}")  # its id is never given again
        cursor.execute(
            "insert into task_scheduled (name, plugin, title, schedule, timezone, default_schedule,"
            " next_run_at, disabled) values ('forum.Digest', 'forum', 'Digest', '0 3 * * *', 'UTC',"
            " '0 3 * * *', 99.25, 1)"
        )
        connection.commit()


def digests(url: str) -> dict[str, Digest]:
    database = open_copyable(url)
    with database.reading():
        return {table.name: digest_of(database, table) for table in site_tables()}


def copy(source: str, target: str) -> None:
    copy_site(source, target, closing=CLOSING, reopen=nothing)


@pytest.mark.parametrize("source_kind", KINDS)
@pytest.mark.parametrize("target_kind", KINDS)
def test_all_rows_are_in_the_copy_and_ids_go_on(
    new_url: Callable[[str], str], source_kind: str, target_kind: str
) -> None:
    source, target = new_url(source_kind), new_url(target_kind)
    fill(source, 2500)
    before = digests(source)

    copy(source, target)

    assert before == digests(target)
    assert 2500 == before["task_log"].rows
    assert 2499 == before["task_adhoc"].rows
    added = (
        "insert into task_adhoc (name, plugin, custom_data, identity, created_at, next_run_at, attempts_left)"
        " values ('forum.Mail', 'forum', '1', 'new', 1, 1, 1) returning id"
    )
    assert [(2501,)] == ask(target, added)
    open_database(target).close()


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_starts_with_the_source_any_more(new_url: Callable[[str], str], kind: str) -> None:
    source, target = new_url(kind), new_url("sqlite")
    fill(source, 1)

    copy(source, target)

    paused = "select value from task_setting where name = 'paused'"
    assert [(CLOSING[1],)] == ask(source, paused)
    assert [] == ask(target, paused)


@pytest.mark.parametrize("kind", KINDS)
def test_a_target_that_is_used_is_refused_and_stays_as_it_is(
    new_url: Callable[[str], str], kind: str
) -> None:
    source, target = new_url("sqlite"), new_url(kind)
    fill(source, 3)
    fill(target, 2)
    before = digests(target), digests(source)

    with pytest.raises(StoreError, match="already"):
        copy(source, target)

    assert before == (digests(target), digests(source))


def test_empty_tables_that_an_administrator_has_made_are_filled(new_url: Callable[[str], str]) -> None:
    source, target = new_url("sqlite"), new_url("postgres")
    fill(source, 3)
    open_database(target).close()

    copy(source, target)

    assert digests(target)["task_log"] == digests(source)["task_log"]
    instance = "select value from task_setting where name = 'instance_id'"
    assert ask(source, instance) == ask(target, instance)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("target_kind", KINDS)
def test_it_is_refused_while_a_runner_is_at_work(
    new_url: Callable[[str], str], kind: str, target_kind: str
) -> None:
    source, target = new_url(kind), new_url(target_kind)
    fill(source, 3)
    ask(source, "update task_scheduled set run_id = 'R'")

    with pytest.raises(StoreBusyError, match="runners are at work"):
        copy(source, target)

    assert [] == what_is_there(target)


def test_text_that_the_target_cannot_hold_leaves_both_as_they_were(new_url: Callable[[str], str]) -> None:
    source, target = new_url("sqlite"), new_url("postgres")
    fill(source, 3)
    with closing(sqlite3.connect(source.removeprefix("sqlite:"))) as connection:
        connection.execute("update task_log set output = cast(x'ff' as text) where id = 2")
        connection.commit()

    with pytest.raises(StoreError, match="cannot hold"):
        copy(source, target)

    assert [] == what_is_there(target)
    assert [] == ask(source, "select value from task_setting where name = 'paused'")


def test_rows_that_differ_are_found(new_url: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = new_url("sqlite"), new_url("sqlite")
    fill(source, 3)
    add = type(open_copyable(target)).add

    def lossy(self: object, table: Table, rows: list[tuple[object, ...]]) -> None:
        add(self, table, rows[1:] if table.name == "task_log" else rows)  # type: ignore[arg-type]

    monkeypatch.setattr(type(open_copyable(target)), "add", lossy)

    with pytest.raises(StoreError, match="task_log: 2 rows in .* differ from 3"):
        copy(source, target)

    assert [] == what_is_there(target)


def what_is_there(url: str) -> list[object]:
    """Return what is to be seen of a database: its file, or its tables."""
    if url.startswith("sqlite:"):
        folder = Path(url.removeprefix("sqlite:")).parent
        return [path.name for path in folder.iterdir()] if folder.exists() else []
    return list(ask(url, "select table_name from information_schema.tables where table_schema = 'public'"))


@pytest.mark.parametrize(("source_kind", "target_kind"), [("sqlite", "postgres"), ("postgres", "sqlite")])
def test_killed_at_any_moment_the_target_is_untouched_or_whole(
    new_url: Callable[[str], str], source_kind: str, target_kind: str
) -> None:
    source = new_url(source_kind)
    fill(source, 3000)
    before = digests(source)
    began = time.monotonic()
    copy(source, new_url(target_kind))
    usual = time.monotonic() - began
    chance = random.Random(19)  # noqa: S311
    outcomes = set()
    for _ in range(10):
        ask(source, "delete from task_setting where name = 'paused'")
        target = new_url(target_kind)
        kill_a_copy(source, target, after=chance.uniform(0, usual * 1.1))
        outcomes.add(outcome_of(target, before))

    assert outcomes <= {"untouched", "whole"}


def kill_a_copy(source: str, target: str, *, after: float) -> None:
    if (child := os.fork()) == 0:
        try:
            copy(source, target)
        finally:
            os._exit(0)
    time.sleep(after)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def outcome_of(target: str, expected: dict[str, Digest]) -> str:
    """Return what has become of a target, seen by whoever opens it next."""
    if target.startswith("sqlite:"):
        if not os.path.exists(target.removeprefix("sqlite:")):
            return "untouched"
    elif not what_is_there(target):
        return "untouched"
    open_database(target).close()
    found = digests(target)
    return "whole" if all(found[name] == of for name, of in expected.items()) else f"half: {found}"


def test_a_draft_of_a_copy_that_was_killed_is_in_nobodys_way(new_url: Callable[[str], str]) -> None:
    source, target = new_url("sqlite"), new_url("sqlite")
    fill(source, 3)
    draft = Path(f"{target.removeprefix('sqlite:')}.copying")
    draft.parent.mkdir()
    draft.write_bytes(b"half a file" * 1000)

    copy(source, target)

    assert digests(source)["task_log"] == digests(target)["task_log"]
    assert not draft.exists()
