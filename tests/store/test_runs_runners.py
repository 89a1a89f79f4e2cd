"""The processes that run tasks, and the runs under way."""

import pytest

from taskrunner.records import RunnerRow, RunningRow
from taskrunner.store import Store
from tests.store.store_rows import HOUR, NOW, add_runner, claim_info, declare, queue, run_of


def test_a_runner_is_listed_until_it_is_removed(store: Store) -> None:
    add_runner(store)
    listed = store.runners.list()
    store.runners.remove("RUNNER1")

    expected = RunnerRow(
        id="RUNNER1",
        hostname="cron1",
        pid=4711,
        started_at=NOW,
        command="cron",
        log_file="log/2027-01-15/cron_0800_4711.log",
        progress_run_id=None,
        progress_done=None,
        progress_total=None,
        progress_text=None,
        clock_ahead=listed[0].clock_ahead,
        run_id=None,
        run_name=None,
        run_started_at=None,
        progress_at=None,
    )
    assert [expected] == listed
    assert [] == store.runners.list()


def test_when_a_runner_began_is_known_by_the_clock_of_the_database(store: Store) -> None:
    now_there = NOW - store.settings.clock_ahead(NOW)
    add_runner(store)

    (row,) = store.runners.list()

    assert pytest.approx(now_there, abs=HOUR) == row.began_at


def test_removing_a_runner_leaves_the_others(store: Store) -> None:
    add_runner(store, "RUNNER2", started_at=NOW + 1)
    add_runner(store, "RUNNER1")
    add_runner(store, "RUNNER3", started_at=NOW - 1, log_file=None)

    store.runners.remove("RUNNER2")

    assert ["RUNNER3", "RUNNER1"] == [row.id for row in store.runners.list()]


def test_removing_a_runner_twice_does_no_harm(store: Store) -> None:
    add_runner(store)
    store.runners.remove("RUNNER1")
    store.runners.remove("RUNNER1")

    assert [] == store.runners.list()


def test_nothing_runs_where_nothing_is_claimed(store: Store) -> None:
    add_runner(store)
    declare(store)
    queue(store)

    assert [] == store.runners.running()


def test_a_running_scheduled_task_is_told_as_the_claim_stamped_it(store: Store) -> None:
    add_runner(store)
    declare(store)
    store.scheduled.claim(claim_info("RUN1", now=NOW + 5), phase_started_at=NOW)

    expected = RunningRow(
        type="scheduled",
        name="forum.SendDigest",
        title="Send digests",
        adhoc_id=None,
        user=None,
        due_at=NOW - HOUR,
        fail_delay=0,
        attempt=1,
        attempts_left=None,
        runner_id="RUNNER1",
        run_id="RUN1",
        started_at=NOW + 5,
        hostname="cron1",
        pid=4711,
        behind=0,
        log_file="log/2027-01-15/cron_0800_4711.log",
        progress_done=None,
        progress_total=None,
        progress_text=None,
        progress_at=None,
    )
    assert [expected] == store.runners.running()


def test_a_running_adhoc_task_is_told_with_its_id_and_user(store: Store) -> None:
    add_runner(store)
    added = queue(store, user="4")
    store.adhoc.claim("backup.CourseBackup", claim_info()).get()

    (running,) = store.runners.running()

    expected = ("adhoc", "backup.CourseBackup", "backup.CourseBackup", added, "4", NOW - HOUR, 11)
    assert expected == (
        running.type,
        running.name,
        running.title,
        running.adhoc_id,
        running.user,
        running.due_at,
        running.attempts_left,
    )


def test_a_running_task_that_failed_before_tells_how_long_it_waited(store: Store) -> None:
    declare(store)
    store.scheduled.claim(claim_info(), phase_started_at=NOW)
    store.scheduled.fail(run_of(outcome="failed", message="no"), next_run_at=NOW + 120, fail_delay=60)
    store.scheduled.claim(claim_info("RUN2", now=NOW + 120), phase_started_at=NOW + 120)

    (running,) = store.runners.running()

    assert (60, 2) == (running.fail_delay, running.attempt)


def test_the_longest_running_is_told_first_of_both_kinds(store: Store) -> None:
    declare(store, "forum.A", next_run_at=NOW - 2)
    declare(store, "forum.B", next_run_at=NOW - 1)
    queue(store)
    store.scheduled.claim(claim_info("RUN1", now=NOW + 2), phase_started_at=NOW)
    store.adhoc.claim("backup.CourseBackup", claim_info("RUN2", now=NOW + 1)).get()
    store.scheduled.claim(claim_info("RUN3", now=NOW), phase_started_at=NOW)

    assert ["RUN3", "RUN2", "RUN1"] == [running.run_id for running in store.runners.running()]


def test_a_run_whose_runner_is_not_known_any_more_is_told_all_the_same(store: Store) -> None:
    declare(store)
    store.scheduled.claim(claim_info(), phase_started_at=NOW)

    (running,) = store.runners.running()

    assert ("RUN1", None) == (running.run_id, running.log_file)


def test_an_ended_run_is_not_told(store: Store) -> None:
    declare(store)
    queue(store)
    store.scheduled.claim(claim_info("RUN1"), phase_started_at=NOW)
    store.adhoc.claim("backup.CourseBackup", claim_info("RUN2")).get()

    store.scheduled.finish(run_of("RUN1"), next_run_at=NOW + HOUR)
    store.adhoc.finish(run_of("RUN2")).get()

    assert [] == store.runners.running()


def test_progress_is_told_with_the_run_of_the_runner_that_noted_it(store: Store) -> None:
    add_runner(store, "RUNNER1")
    add_runner(store, "RUNNER2")
    declare(store, "forum.A", next_run_at=NOW - 2)
    declare(store, "forum.B")
    store.scheduled.claim(claim_info("RUN1", runner_id="RUNNER1"), phase_started_at=NOW)
    store.scheduled.claim(claim_info("RUN2", runner_id="RUNNER2"), phase_started_at=NOW)

    store.runners.progress("RUNNER2", "RUN2", now=NOW, done=3, total=4.5, text="course 3")

    told = [(row.progress_done, row.progress_total, row.progress_text) for row in store.runners.running()]
    assert [(None, None, None), (3.0, 4.5, "course 3")] == told


def test_progress_of_one_run_is_not_told_of_the_next(store: Store) -> None:
    add_runner(store)
    declare(store)
    declare(store, "forum.Next")
    store.scheduled.claim(claim_info("RUN1"), phase_started_at=NOW)
    store.runners.progress("RUNNER1", "RUN1", now=NOW, done=99, total=100, text="nearly there")
    store.scheduled.finish(run_of("RUN1"), next_run_at=NOW + HOUR)

    store.scheduled.claim(claim_info("RUN2", now=NOW + 61), phase_started_at=NOW)

    (running,) = store.runners.running()
    assert ("RUN2", None, None) == (running.run_id, running.progress_done, running.progress_text)
