"""Wrong settings of the tidy plugins are refused and named, on either database; what others hold stays."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.contrib.tidying import NEW, OLD, TIDIED, Forum, class_of
from tests.patience import DEADLINE

SESSIONS = 'sessions = "sessions"\nusers = "users"\n'
WARNINGS = 'warnings = "warnings"\nusers = "users"\n'


def orphans(**names: str) -> str:
    rule = {"table": "posts", "column": "topic_id", "parent": "topics"} | names
    said = ", ".join(f"{name} = '{value}'" for name, value in rule.items())
    return f"max_percent = 100\norphans = [{{ {said} }}]\n"


WRONG = [
    (
        "tidy_sessions",
        SESSIONS + 'session_time = "lastseen"',
        "session_time = 'lastseen': sessions has no such",
    ),
    (
        "tidy_sessions",
        SESSIONS + 'session_id = "sid"',
        "session_id = 'sid': sessions has no such column; it has id,",
    ),
    ("tidy_sessions", SESSIONS + 'session_user = "uid"', "session_user = 'uid': sessions has no such column"),
    ("tidy_sessions", SESSIONS + 'user_id = "uid"', "user_id = 'uid': users has no such column; it has id,"),
    (
        "tidy_sessions",
        SESSIONS + 'user_last_visit = "seen"',
        "user_last_visit = 'seen': users has no such column",
    ),
    ("tidy_sessions", SESSIONS + 'session_time = "note"', "session_time = 'note': sessions has "),
    ("tidy_sessions", SESSIONS + 'user_last_visit = "name"', "user_last_visit = 'name': users has "),
    (
        "tidy_sessions",
        SESSIONS + 'session_time = "user_id"',
        "session_time = 'user_id': sessions has no epoch seconds",
    ),
    (
        "tidy_sessions",
        SESSIONS + 'session_time = "in_ms"',
        "session_time = 'in_ms': sessions has no epoch seconds",
    ),
    (
        "tidy_sessions",
        SESSIONS + 'session_user = "other"',
        "session_user = 'other': none of 40 is a id of users",
    ),
    (
        "tidy_sessions",
        'sessions = "sesions"\nusers = "users"',
        "sessions = 'sesions': there is no such table; there are",
    ),
    ("tidy_sessions", 'sessions = "sessions"\nusers = "user"', "users = 'user': there is no such table"),
    ("tidy_sessions", 'sessions = "people"\nusers = "users"', "sessions = 'people': there is no such table"),
    ("tidy_sessions", 'sessions = "a.b.c"\nusers = "users"', "'a.b.c' is no name of a table or a column"),
    ("tidy_sessions", 'sessions = ""\nusers = "users"', "'' is no name of a table or a column"),
    ("tidy_sessions", 'sessions = "sessions"', "users are not set"),
    ("tidy_sessions", SESSIONS + "max_age = 5", "max_age = 5 is not between 60 and"),
    ("tidy_sessions", SESSIONS + "batch = 0", "batch = 0 is not between 1 and 10000"),
    ("tidy_sessions", SESSIONS + "seconds = 0", "seconds = 0 is not between 1 and"),
    ("tidy_sessions", SESSIONS + 'guests = ["x"]', "guests is not a whole number"),
    ("tidy_sessions", SESSIONS + 'sesion_id = "id"', "sesion_id is unknown"),
    (
        "tidy_warnings",
        WARNINGS + 'warning_time = "created"',
        "warning_time = 'created': warnings has no such column",
    ),
    ("tidy_warnings", WARNINGS + 'warning_id = "wid"', "warning_id = 'wid': warnings has no such column"),
    ("tidy_warnings", WARNINGS + 'warning_user = "uid"', "warning_user = 'uid': warnings has no such column"),
    (
        "tidy_warnings",
        WARNINGS + 'user_warnings = "warns"',
        "user_warnings = 'warns': users has no such column",
    ),
    ("tidy_warnings", WARNINGS + 'user_warnings = "name"', "user_warnings = 'name': users has "),
    (
        "tidy_warnings",
        WARNINGS + 'warning_time = "user_id"',
        "warning_time = 'user_id': warnings has no epoch seconds",
    ),
    ("tidy_warnings", WARNINGS + "days = 0", "days = 0 is not between 1 and"),
    ("tidy_warnings", WARNINGS + "batch = 10001", "batch = 10001 is not between 1 and 10000"),
    ("tidy_database", orphans(table="post"), "orphans[1].table = 'post': there is no such table"),
    (
        "tidy_database",
        orphans(column="topic"),
        "orphans[1].column = 'topic': posts has no such column; it has id,",
    ),
    ("tidy_database", orphans(key="pid"), "orphans[1].key = 'pid': posts has no such column"),
    ("tidy_database", orphans(parent="topic"), "orphans[1].parent = 'topic': there is no such table"),
    ("tidy_database", orphans(parent_key="tid"), "orphans[1].parent_key = 'tid': topics has no such column"),
    ("tidy_database", orphans(parent_key="other"), "all that name one, are without topics: they stay"),
    ("tidy_database", orphans(parent='t"; drop table posts; --'), "there is no such table"),
    ("tidy_database", "max_percent = 0", "max_percent = 0 is not above 0 and at most 100"),
    ("tidy_database", "max_percent = 101", "max_percent = 101 is not above 0 and at most 100"),
    ("tidy_search", "indexes = []", "indexes = [] names none"),
    ("tidy_search", 'indexes = ["posts"]', "indexes names 'posts', which is no "),
    ("tidy_search", 'indexes = ["nothing"]', "indexes names 'nothing', which is no "),
    ("tidy_search", 'indexes = ["a\\u0000"]', "is no name of a table or a column"),
    ("tidy_search", 'indexes = "posts"', "indexes is not a list"),
]


@pytest.fixture
def filled(forum: Forum) -> Forum:
    """A forum of 40 users, with columns that hold something else."""
    tables = forum.tables
    for statement in (
        "alter table sessions add column note varchar(40)",
        "alter table sessions add column in_ms bigint",
        "alter table sessions add column other integer",
        "alter table users add column name varchar(40)",
        "alter table topics add column other integer",
        "create view people as select * from users",
    ):
        tables.execute(statement)
    users = range(1, 41)
    tables.fill("users", "id, last_visit, warnings, name", [(n, 5.0, 9, f"user {n}") for n in users])
    sessions = [(n, n, OLD, "2020-01-01", int(OLD * 1000), n + 10**6) for n in users]
    tables.fill("sessions", "id, user_id, last_seen, note, in_ms, other", sessions)
    tables.fill("warnings", "id, user_id, created_at", [(n, n, OLD if n % 2 else NEW) for n in users])
    tables.fill("topics", "id, other", [(n, n + 10**6) for n in users])
    tables.fill("posts", "id, topic_id", [(n, n) for n in users])
    return forum


@pytest.mark.parametrize("plugin", sorted({plugin for plugin, _, _ in WRONG}))
def test_wrong_settings_are_refused_and_named_and_nothing_is_deleted(filled: Forum, plugin: str) -> None:
    before, unnamed, codes = filled.tables.state(), {}, set()
    for _, settings, problem in [case for case in WRONG if case[0] == plugin]:
        filled.configure(f"[plugin_settings.{plugin}]\n{settings}\n")
        code, printed = filled.site.taskrun("run-task", f"{plugin}.{class_of(plugin)}")
        codes.add(code)
        if problem not in printed:
            unnamed[problem] = printed

    assert {} == unnamed
    assert codes <= {1, 78}
    assert before == filled.tables.state()


def test_a_column_in_other_letters_is_the_same_only_where_the_database_says_so(filled: Forum) -> None:
    filled.configure(f'[plugin_settings.tidy_sessions]\n{SESSIONS}session_time = "LAST_SEEN"\n')
    printed = filled.run("tidy_sessions") if filled.is_sqlite else filled.fails("tidy_sessions")

    assert ("40 deleted" if filled.is_sqlite else "sessions has no such column") in printed


HOSTILE = ["p", "order", 'a "b" c', "100% :name", "größe; --", "parent", "select * from"]


def test_whatever_tables_and_columns_are_called_only_what_is_to_go_goes(forum: Forum) -> None:
    doubled = str.maketrans({"%": "%%"}) if not forum.is_sqlite else {}
    outcomes = {}
    for name in HOSTILE:
        child, parent, column = (
            '"' + part.replace('"', '""') + '"' for part in (name, f"{name} 2", f"{name}_c")
        )
        forum.tables.execute(f"create table {parent} (id integer primary key)")
        forum.tables.execute(f"create table {child} (id integer primary key, {column} integer)")
        forum.tables.fill(parent.translate(doubled), "id", [(n,) for n in range(100)])
        rows = [(n, n) for n in range(102)]
        forum.tables.fill(child.translate(doubled), f"id, {column.translate(doubled)}", rows)
        forum.configure(
            "[plugin_settings.tidy_database]\nmax_percent = 100\n"
            f"orphans = [{{ table = '{name}', column = '{name}_c', parent = '{name} 2' }}]\n"
        )
        printed = forum.run("tidy_database")
        [(left,)] = forum.tables.execute(f"select count(*) from {child}")
        outcomes[name] = ("\n2 deleted\n" in printed, left)

    assert dict.fromkeys(HOSTILE, (True, 100)) == outcomes


def test_rows_of_a_table_that_is_its_own_parent(forum: Forum) -> None:
    forum.tables.execute("create table p (id integer primary key, p integer)")
    forum.tables.fill("p", "id, p", [(n, n - 1 if n else None) for n in range(50)] + [(77, 99)])
    forum.configure(
        "[plugin_settings.tidy_database]\nmax_percent = 100\n"
        'orphans = [{ table = "p", column = "p", parent = "p" }]\n'
    )
    printed = forum.run("tidy_database")

    assert "\n1 deleted\n" in printed
    assert [(50,)] == forum.tables.execute("select count(*) from p")


@pytest.mark.parametrize("deferred", ["", " deferrable initially deferred"])
@pytest.mark.parametrize("plugin", TIDIED)
def test_a_row_that_another_refers_to_stays_and_is_named_and_all_others_go(
    forum: Forum, plugin: str, deferred: str
) -> None:
    table = TIDIED[plugin]
    forum.tables.execute(
        f"create table note (id integer primary key, at integer references {table} (id){deferred})"
    )
    forum.tables.fill("users", "id", [(1,)])
    forum.tables.fill("topics", "id", [(1,)])
    columns = {"sessions": "last_seen", "warnings": "created_at"}
    if table == "posts":
        forum.tables.fill(table, "id, topic_id", [(n, 9 if n < 30 else 1) for n in range(100)])
    else:
        forum.tables.fill(
            table, f"id, user_id, {columns[table]}", [(n, 1, OLD if n < 30 else NEW) for n in range(100)]
        )
    forum.tables.fill("note", "id, at", [(1, 17)])
    forum.configure_batch(10)
    printed = forum.fails(plugin)

    assert "\n29 deleted" in printed
    assert f"the database keeps 1 of the rows of {table} that were to go, the first is 17: " in printed
    left = forum.tables.execute(f"select id from {table} order by id")
    assert [(17,), *((n,) for n in range(30, 100))] == left
    if table == "warnings":
        assert [(71,)] == forum.tables.execute("select warnings from users")


@pytest.mark.parametrize("plugin", ["tidy_sessions", "tidy_warnings"])
def test_rows_without_a_key_stay_and_are_counted_and_the_others_go(forum: Forum, plugin: str) -> None:
    table, time_ = TIDIED[plugin], {"tidy_sessions": "last_seen", "tidy_warnings": "created_at"}[plugin]
    forum.tables.execute(f"drop table {table}")
    forum.tables.execute(f"create table {table} (id varchar(32), user_id integer, {time_} double precision)")
    forum.tables.fill("users", "id", [(1,)])
    forum.tables.fill(table, f"id, user_id, {time_}", [(None, 1, OLD - n) for n in range(5)])
    forum.tables.fill(table, f"id, user_id, {time_}", [(f"s{n}", 1, OLD) for n in range(5)])
    printed = forum.run(plugin)

    assert "\n5 more have no id: they stay\n" in printed
    assert "\n5 deleted" in printed
    assert [(None,)] * 5 == forum.tables.execute(f"select id from {table}")


def test_a_key_that_is_not_unique_costs_nobody_a_row(forum: Forum) -> None:
    forum.tables.fill("users", "id, warnings", [(1, 9), (2, 9)])
    rows = [(1, 1, OLD), (2, 1, NEW), (3, 2, OLD), (4, 2, OLD), (5, 2, NEW)]
    forum.tables.fill("warnings", "id, user_id, created_at", rows)
    forum.configure(f'[plugin_settings.tidy_warnings]\n{WARNINGS}warning_id = "user_id"\n')
    forum.run("tidy_warnings")

    assert [(2,), (5,)] == forum.tables.execute("select id from warnings order by id")
    assert [(1, 1), (2, 1)] == forum.tables.execute("select id, warnings from users order by id")


MANY = 100_000


A_FEW_BATCHES = 11_000


@pytest.fixture(params=[A_FEW_BATCHES])
def crowded(forum: Forum, request: pytest.FixtureRequest) -> Forum:
    """A forum with so many expired sessions."""
    forum.tables.fill("users", "id", [(n,) for n in range(1, 101)])
    forum.tables.execute("create index at on sessions (last_seen)")
    forum.tables.execute(
        "insert into sessions (id, user_id, last_seen) with recursive n (n) as"
        f" (select 1 union all select n + 1 from n where n < {request.param})"
        f" select n, n % 100 + 1, {OLD} from n"
    )
    return forum


@pytest.fixture
def other(crowded: Forum) -> Iterator[Any]:
    """Another session on the forum's database."""
    connection = crowded.tables.connect()
    yield connection
    connection.rollback()
    connection.close()


def test_a_table_that_another_session_locks_is_waited_for_no_longer_than_the_run_may_take(
    crowded: Forum, other: Any
) -> None:
    crowded.configure(f"[plugin_settings.tidy_sessions]\n{SESSIONS}seconds = 2\n")
    other.execute("begin exclusive" if crowded.is_sqlite else "lock table sessions in access exclusive mode")
    began = time.monotonic()
    printed = crowded.fails("tidy_sessions")
    took = time.monotonic() - began
    other.rollback()
    left = crowded.tables.count("sessions")
    crowded.configure(f"[plugin_settings.tidy_sessions]\n{SESSIONS}seconds = 600\nbatch = 5000\n")
    crowded.run("tidy_sessions")

    assert "another session holds a lock for longer than seconds = 2" in printed
    assert took < DEADLINE / 2  # else it would have waited for as long as it is locked
    assert (A_FEW_BATCHES, 0) == (left, crowded.tables.count("sessions"))


def test_rows_that_another_session_locks_stay_until_the_next_run_and_all_others_go(
    crowded: Forum, other: Any
) -> None:
    if not crowded.is_sqlite:  # which has no locks of rows
        other.execute("select 1 from users where id = 7 for update")
        other.execute("select 1 from sessions where id in (500, 501) for update")
    crowded.configure(f"[plugin_settings.tidy_sessions]\n{SESSIONS}seconds = 600\nbatch = 5000\n")
    printed = crowded.run("tidy_sessions")
    left = crowded.tables.count("sessions")
    other.rollback()
    crowded.run("tidy_sessions")

    assert (0 if crowded.is_sqlite else 112) == left
    assert ("112 are locked by others" in printed) != crowded.is_sqlite
    assert 0 == crowded.tables.count("sessions")


@pytest.mark.parametrize("crowded", [MANY], indirect=True)
def test_a_hundred_thousand_rows_go_in_as_many_runs_as_they_need(crowded: Forum) -> None:
    crowded.configure(f"[plugin_settings.tidy_sessions]\n{SESSIONS}seconds = 1\nbatch = 500\n")
    lefts, longest = [MANY], 0.0
    while lefts[-1]:
        began = time.monotonic()
        crowded.run("tidy_sessions")
        longest = max(longest, time.monotonic() - began)
        lefts.append(crowded.tables.count("sessions"))

    assert lefts == sorted(set(lefts), reverse=True)
    assert longest < DEADLINE / 2  # a run of two seconds, on whatever machine


@pytest.fixture
def searched(forum: Forum) -> Callable[[], int]:
    """Make an index of many parts; return a function that says of how many."""
    if forum.is_sqlite:
        forum.tables.execute("create virtual table posts_fts using fts5 (text)")
        with_connection = forum.tables.connect()
        with_connection.execute("insert into posts_fts (posts_fts, rank) values ('automerge', 0)")
        for number in range(30):
            with_connection.execute("insert into posts_fts (text) values (?)", (f"word{number} common",))
            with_connection.commit()
        with_connection.close()
        return lambda: int(forum.tables.execute("select count(distinct segid) from posts_fts_idx")[0][0])
    forum.tables.execute("create table texts (id integer, text tsvector)")
    forum.tables.execute("create index posts_fts on texts using gin (text) with (fastupdate = on)")
    forum.tables.execute(
        "insert into texts select n, to_tsvector('simple', 'word' || n || ' common')"
        " from generate_series(1, 1000) n"
    )
    forum.tables.execute("create extension if not exists pgstattuple")
    return lambda: int(forum.tables.execute("select pending_pages from pgstatginindex('posts_fts')")[0][0])


def test_a_search_index_is_merged_and_a_second_run_finds_nothing_to_do(
    forum: Forum, searched: Callable[[], int]
) -> None:
    forum.configure('[plugin_settings.tidy_search]\nindexes = ["posts_fts"]\n')
    before = searched()
    printed = forum.run("tidy_search")
    after = searched()
    again = forum.run("tidy_search")

    assert before > 1
    assert (1 if forum.is_sqlite else 0) == after
    message = (
        f"posts_fts: {before} segments, 1 after"
        if forum.is_sqlite
        else f"posts_fts: {before} pending pages merged"
    )
    assert message in printed
    assert (
        "posts_fts: 1 segments, 1 after 0 steps" if forum.is_sqlite else "posts_fts: 0 pending pages"
    ) in again


def test_a_dry_run_merges_no_search_index(forum: Forum, searched: Callable[[], int]) -> None:
    forum.configure('[plugin_settings.tidy_search]\nindexes = ["posts_fts"]\ndry_run = true\n')
    before = searched()
    printed = forum.run("tidy_search")

    assert before == searched()
    assert "1 indexes would be merged: posts_fts\n" in printed


def test_what_was_found_by_a_search_is_found_after_the_merge(
    forum: Forum, searched: Callable[[], int]
) -> None:
    asked = (
        "select count(*) from posts_fts where posts_fts match 'common'"
        if forum.is_sqlite
        else "select count(*) from texts where text @@ 'common'"
    )
    forum.configure('[plugin_settings.tidy_search]\nindexes = ["posts_fts"]\npages = 1\n')
    before = forum.tables.execute(asked)
    forum.run("tidy_search")

    assert before == forum.tables.execute(asked)
    assert searched() < 2
