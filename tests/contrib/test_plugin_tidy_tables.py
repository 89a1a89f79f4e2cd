"""taskrun_contrib/tidy_sessions, tidy_warnings and tidy_database, on real tables of each kind."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.contrib.tidying import OLD, SETTINGS, TIDIED, Forum, class_of, tidy_tables

HOUR = 3600
DAY = 24 * HOUR


def ago(seconds: float) -> float:
    return round(time.time() - seconds)


def test_expired_sessions_go_and_their_users_are_noted_as_last_seen(forum: Forum) -> None:
    seen = [ago(5 * HOUR), ago(3 * HOUR), ago(2 * HOUR), ago(60)]
    forum.tables.fill("users", "id, last_visit", [(2, None), (3, ago(HOUR)), (4, ago(9 * HOUR))])
    rows = [(1, 2, seen[0]), (2, 2, seen[1]), (3, 3, seen[2]), (4, 4, seen[3]), (5, None, seen[0])]
    forum.tables.fill("sessions", "id, user_id, last_seen", rows)
    before = forum.tables.execute("select last_visit from users where id in (3, 4) order by id")
    printed = forum.run("tidy_sessions")

    assert [(4, 4, seen[3])] == forum.tables.execute("select * from sessions")
    assert [(seen[1],)] == forum.tables.execute("select last_visit from users where id = 2")
    assert before == forum.tables.execute("select last_visit from users where id in (3, 4) order by id")
    assert "4 sessions have expired\n4 deleted, 2 visits noted\n" in printed


def test_of_guests_nothing_is_noted(forum: Forum) -> None:
    forum.tables.fill("users", "id, last_visit", [(1, None)])
    forum.tables.fill("sessions", "id, user_id, last_seen", [(1, 1, ago(DAY))])
    forum.run("tidy_sessions")

    assert ([], [(None,)]) == (
        forum.tables.execute("select * from sessions"),
        forum.tables.execute("select last_visit from users"),
    )


def test_expired_warnings_go_and_their_users_are_counted_anew(forum: Forum) -> None:
    forum.tables.fill("users", "id, warnings", [(1, 3), (2, 7), (3, 5)])
    rows = [
        (1, 1, ago(100 * DAY)),
        (2, 1, ago(99 * DAY)),
        (3, 1, ago(DAY)),
        (4, 2, ago(91 * DAY)),
        (5, 3, ago(1)),
    ]
    forum.tables.fill("warnings", "id, user_id, created_at", rows)
    printed = forum.run("tidy_warnings")

    assert [(3,), (5,)] == forum.tables.execute("select id from warnings order by id")
    assert [(1, 1), (2, 0), (3, 5)] == forum.tables.execute("select id, warnings from users order by id")
    assert "3 warnings have expired\n3 deleted, 2 users counted anew\n" in printed


def test_rows_without_parents_go_and_rows_without_any_parent_stay(forum: Forum) -> None:
    forum.tables.fill("topics", "id", [(1,), (2,)])
    rows = [(1, 1), (2, 9), (3, None), (4, 2), (5, 8), (6, 9), (7, 1)]
    forum.tables.fill("posts", "id, topic_id", rows)
    printed = forum.run("tidy_database")

    assert [(1, 1), (3, None), (4, 2), (7, 1)] == forum.tables.execute("select * from posts order by id")
    assert "3 of posts.topic_id without topics.id\n3 deleted\n" in printed


def test_nothing_goes_when_the_parents_table_is_empty(forum: Forum) -> None:
    forum.tables.fill("posts", "id, topic_id", [(1, 1), (2, None), (3, None)])
    printed = forum.fails("tidy_database")

    assert 3 == forum.tables.count("posts")
    assert "topics is empty: the 1 rows of posts stay" in printed


def test_nothing_goes_when_too_much_would(forum: Forum) -> None:
    forum.tables.fill("topics", "id", [(1,)])
    forum.tables.fill("posts", "id, topic_id", [(1, 1), (2, 8), (3, 9)])
    printed = forum.fails("tidy_database")

    assert 3 == forum.tables.count("posts")
    assert "2 of 3 rows of posts are without topics, more than 60 %: they stay" in printed


def test_the_database_is_looked_after(forum: Forum) -> None:
    printed = forum.run("tidy_database")
    is_sqlite = forum.tables.url.startswith("sqlite:")

    assert ("checked and optimised\n" if is_sqlite else "5 tables analysed\n") in printed


@pytest.mark.parametrize("plugin", TIDIED)
def test_a_second_run_finds_nothing_to_do(forum: Forum, plugin: str) -> None:
    forum.tables.fill("topics", "id", [(1,)])
    forum.tables.fill("posts", "id, topic_id", [(1, 1), (2, 9)])
    forum.tables.fill("sessions", "id, user_id, last_seen", [(1, 1, OLD)])
    forum.tables.fill("warnings", "id, user_id, created_at", [(1, 1, OLD)])
    forum.run(plugin)
    state = forum.tables.state()
    forum.run(plugin)

    assert state == forum.tables.state()


@pytest.mark.parametrize("plugin", TIDIED)
def test_a_dry_run_deletes_nothing(forum: Forum, plugin: str) -> None:
    forum.tables.fill("topics", "id", [(1,)])
    forum.tables.fill("posts", "id, topic_id", [(1, 1), (2, 9)])
    forum.tables.fill("sessions", "id, user_id, last_seen", [(1, 1, OLD)])
    forum.tables.fill("warnings", "id, user_id, created_at", [(1, 1, OLD)])
    forum.configure(SETTINGS.format(batch=2).replace("batch = 2", "batch = 2\ndry_run = true"))
    state = forum.tables.state()
    printed = forum.run(plugin)

    assert state == forum.tables.state()
    assert "\n1 " in printed


def test_work_that_takes_longer_than_its_time_goes_on_in_another_run(forum: Forum) -> None:
    rows = [(n, 1, OLD) for n in range(20_000)]
    forum.tables.fill("sessions", "id, user_id, last_seen", rows)
    forum.configure(SETTINGS.format(batch=2).replace("guests = [1]", "guests = [1]\nseconds = 1"))
    printed = forum.run("tidy_sessions")

    assert 0 < forum.tables.count("sessions") < len(rows)
    assert "... has more to do, and is due again behind the others\n" in printed


def test_a_hostile_name_is_the_name_of_nothing(forum: Forum) -> None:
    forum.tables.fill("sessions", "id, user_id, last_seen", [(1, 1, OLD)])
    forum.configure(
        SETTINGS.format(batch=2).replace('sessions = "sessions"', "sessions = 'x\"; drop table users'")
    )
    printed = forum.fails("tidy_sessions")

    assert "there is no such table; there are posts, sessions, topics, users, warnings" in printed
    assert 1 == forum.tables.count("sessions")


@pytest.mark.parametrize("plugin", TIDIED)
def test_without_settings_the_task_is_off(forum: Forum, plugin: str) -> None:
    forum.configure("\n")
    code, printed = forum.site.taskrun("run-task", f"{plugin}.{class_of(plugin)}")

    assert (1, True) == (code, f"[plugin_settings.{plugin}]" in printed)


@pytest.mark.parametrize("plugin", TIDIED)
def test_killed_in_the_middle_and_run_again_it_ends_as_if_it_had_not_been(
    tmp_path: Path, new_url: Callable[[], str], plugin: str
) -> None:
    outcome = tidy_tables(tmp_path, new_url, plugin, items=2000, seed=1, batch=50, kills=1)

    assert outcome.undisturbed == outcome.disturbed
    assert (1000, True) == (outcome.went, outcome.kills >= 1)
