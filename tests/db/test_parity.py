"""The tables of SQLite and PostgreSQL are the same, though they are written down twice."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from taskrunner.db import open_database
from taskrunner.db.sql import load_migrations
from tests.databases import ask

SQLITE_TABLES = "select name from sqlite_master where type = '{}' and name not like 'sqlite_%' order by name"
POSTGRES_TABLES = (
    "select table_name from information_schema.tables"
    " where table_schema = 'public' and table_type = '{}' order by table_name collate \"C\""
)

SQLITE_COLUMNS = (
    'select m.name, c.name, c.type, c."notnull" or c.pk > 0, c.dflt_value, c.pk'
    " from sqlite_master m join pragma_table_info(m.name) c"
    " where m.type = 'table' and m.name not like 'sqlite_%' order by m.name, c.name"
)
POSTGRES_COLUMNS = (
    "select c.table_name, c.column_name, c.data_type, cast(c.is_nullable = 'NO' as int), c.column_default,"
    "  coalesce((select 1 from information_schema.key_column_usage k"
    "   join information_schema.table_constraints t using (constraint_name, table_name)"
    "   where t.constraint_type = 'PRIMARY KEY'"
    "   and k.table_name = c.table_name and k.column_name = c.column_name), 0)"
    " from information_schema.columns c join information_schema.tables t using (table_name, table_schema)"
    " where c.table_schema = 'public' and t.table_type = 'BASE TABLE'"
    ' order by c.table_name collate "C", c.column_name collate "C"'
)
TYPES = {
    "integer": "integer",
    "bigint": "integer",
    "real": "real",
    "double precision": "real",
    "text": "text",
}
"""Type of a column, in either database -> what it holds."""

SQLITE_INDEXES = (
    'select m.name, i.name, i."unique", (select group_concat(name) from (select name from'
    " pragma_index_info(i.name) order by seqno)), i.partial"
    " from sqlite_master m join pragma_index_list(m.name) i where m.type = 'table' and i.origin <> 'pk'"
)
POSTGRES_INDEXES = (
    "select t.relname, i.relname, cast(x.indisunique as int), (select string_agg(a.attname, ',' order by k.n)"
    "  from unnest(x.indkey) with ordinality k(attnum, n)"
    "  join pg_attribute a on a.attrelid = x.indrelid and a.attnum = k.attnum),"
    " cast(x.indpred is not null as int)"
    " from pg_index x join pg_class i on i.oid = x.indexrelid join pg_class t on t.oid = x.indrelid"
    " where t.relnamespace = 'public'::regnamespace and not x.indisprimary"
)

Url = str


@pytest.fixture
def sqlite_url(tmp_path: Path) -> Iterator[Url]:
    url = f"sqlite:{tmp_path / 'taskrunner.db'}"
    open_database(url).close()
    yield url


def predicates(dialect: str) -> dict[str, str]:
    """Return what the partial indexes are about, in the words of the migrations."""
    scripts = " ".join(script for _, script in load_migrations(dialect))
    found = re.findall(r"create (?:unique )?index (\w+)[^;]*?\bwhere ([^;]+);", scripts)
    return {name: spelt_out(" ".join(words.split())) for name, words in found}


def spelt_out(condition: str) -> str:
    """Return a condition without `in`.

    >>> spelt_out("outcome in ('a', 'b')"), spelt_out("n not in (1, 2)")
    ("outcome = 'a' or outcome = 'b'", 'n <> 1 and n <> 2')
    """

    def one_by_one(match: re.Match[str]) -> str:
        column, negated, values = match.groups()
        sign, word = (" <> ", " and ") if negated else (" = ", " or ")
        return word.join(f"{column}{sign}{value}" for value in values.split(", "))

    return re.sub(r"(\w+) (not )?in \(([^)]*)\)", one_by_one, condition)


def columns_of_views(url: Url) -> dict[str, list[str]]:
    """Return the columns of each view, in their order."""
    if url.startswith("sqlite:"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:"))) as connection:
            views = [name for (name,) in connection.execute(SQLITE_TABLES.format("view"))]
            return {
                view: [c[0] for c in connection.execute(f"select * from {view}").description]
                for view in views
            }
    rows = ask(
        url,
        "select table_name, column_name from information_schema.columns join information_schema.views"
        " using (table_name, table_schema) where table_schema = 'public' order by ordinal_position",
    )
    return {
        view: [column for name, column in rows if name == view] for view in sorted({name for name, _ in rows})
    }


def test_the_tables_are_the_same(sqlite_url: Url, postgres_url: Url) -> None:
    tables = ask(sqlite_url, SQLITE_TABLES.format("table"))

    assert ("task_adhoc",) in tables
    assert tables == ask(postgres_url, POSTGRES_TABLES.format("BASE TABLE"))


def test_the_columns_are_the_same_and_hold_the_same(sqlite_url: Url, postgres_url: Url) -> None:
    def columns(url: Url, statement: str) -> list[tuple[object, ...]]:
        return [
            (table, name, TYPES[kind.lower()], bool(needed), default, bool(key))
            for table, name, kind, needed, default, key in ask(url, statement)
        ]

    assert columns(sqlite_url, SQLITE_COLUMNS) == columns(postgres_url, POSTGRES_COLUMNS)


def test_moments_and_lengths_of_time_are_exact_to_the_microsecond_in_both(
    sqlite_url: Url, postgres_url: Url
) -> None:
    moment = 1_800_000_000.123456
    for url in (sqlite_url, postgres_url):
        ask(url, f"insert into task_host (hostname, last_cron_at, clock_ahead) values ('a', {moment!r}, 0.1)")

    found = [
        ask(url, "select last_cron_at, clock_ahead from task_host") for url in (sqlite_url, postgres_url)
    ]

    assert [[(moment, 0.1)]] * 2 == found


def test_the_indexes_are_the_same(sqlite_url: Url, postgres_url: Url) -> None:
    def named(rows: list[tuple[object, ...]]) -> set[tuple[object, ...]]:
        return {row for row in rows if not is_of_constraint(str(row[1]))}

    def is_of_constraint(name: str) -> bool:
        return name.startswith("sqlite_autoindex") or name.endswith("_key")

    def constraints(rows: list[tuple[object, ...]]) -> set[tuple[object, ...]]:
        return {(row[0], *row[2:]) for row in rows if is_of_constraint(str(row[1]))}

    in_sqlite, in_postgres = ask(sqlite_url, SQLITE_INDEXES), ask(postgres_url, POSTGRES_INDEXES)

    assert named(in_sqlite) == named(in_postgres)
    assert constraints(in_sqlite) == constraints(in_postgres)


def test_partial_indexes_are_about_the_same_rows() -> None:
    in_sqlite = predicates("sqlite")

    assert "task_adhoc_due" in in_sqlite
    assert in_sqlite == predicates("postgres")


def test_the_views_have_the_same_columns(sqlite_url: Url, postgres_url: Url) -> None:
    in_sqlite = columns_of_views(sqlite_url)

    assert "v_task_log" in in_sqlite
    assert in_sqlite == columns_of_views(postgres_url)


def test_the_migrations_have_the_same_numbers() -> None:
    in_sqlite, in_postgres = load_migrations("sqlite"), load_migrations("postgres")

    assert [version for version, _ in in_sqlite] == [version for version, _ in in_postgres]


def test_names_sort_alike_in_both(sqlite_url: Url, postgres_url: Url) -> None:
    names = ["Z", "a", "_", "ä", "B", "a.b", "aa", "😀"]
    for url in (sqlite_url, postgres_url):
        for name in names:
            ask(url, f"insert into task_setting values ('{name}', 'x')")

    statement = "select name from task_setting where value = 'x' order by name"

    assert ask(sqlite_url, statement) == ask(postgres_url, statement)
