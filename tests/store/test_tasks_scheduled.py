"""Scheduled tasks: what is handed out, to whom, and what each end of a run leaves."""

import pytest

from taskrunner.errors import StoreError
from taskrunner.records import ScheduledRow
from taskrunner.store import Store
from tests.store.store_rows import DAY, HOUR, NOW, claim_info, declare, run_of

UNCLAIMED = {"runner_id": None, "run_id": None, "started_at": None, "hostname": None, "pid": None}


def claimed(store: Store, run_id: str = "RUN1", *, now: float = NOW) -> ScheduledRow | None:
    return store.scheduled.claim(claim_info(run_id, now=now), phase_started_at=now)


def row(store: Store, name: str = "forum.SendDigest") -> ScheduledRow:
    found = store.scheduled.find(name)
    assert found is not None
    return found


def part(store: Store, *fields: str) -> dict[str, object]:
    return {field: row(store)._asdict()[field] for field in fields}


def test_a_declared_task_is_found_as_it_was_declared_and_has_no_past(store: Store) -> None:
    declare(store, own_schedule="0 8 * * *", schedule="0 8 * * *", customised=1)

    expected = ScheduledRow(
        id=1,
        name="forum.SendDigest",
        plugin="forum",
        title="Send digests",
        schedule="0 8 * * *",
        timezone="UTC",
        default_schedule="0 7 * * *",
        own_schedule="0 8 * * *",
        disabled=0,
        default_disabled=0,
        own_disabled=None,
        customised=1,
        blocked=None,
        off_reason=None,
        last_run_at=None,
        last_ended_at=None,
        last_success_at=None,
        last_outcome=None,
        last_message=None,
        next_run_at=NOW - HOUR,
        fail_delay=0,
        failing_since=None,
        failures=0,
        skips=0,
        skipped_since=None,
        skip_reason=None,
        runner_id=None,
        run_id=None,
        started_at=None,
        hostname=None,
        pid=None,
        interruptions=0,
    )
    assert expected == store.scheduled.find("forum.SendDigest")


def test_a_task_nobody_declared_is_not_found(store: Store) -> None:
    declare(store)

    assert store.scheduled.find("forum.SendDigset") is None


def test_tasks_are_listed_by_name(store: Store) -> None:
    for name in ("forum.B", "backup.Z", "forum.A"):
        declare(store, name)

    assert ["backup.Z", "forum.A", "forum.B"] == [task.name for task in store.scheduled.list()]


def test_declaring_again_changes_what_is_declared_and_keeps_the_state(store: Store) -> None:
    declare(store)
    claimed(store)
    store.scheduled.fail(run_of(outcome="failed", message="boom"), next_run_at=NOW + 120, fail_delay=60)
    claimed(store, "RUN2", now=NOW + 120)
    before = row(store)._asdict()

    declare(store, title="Digests", schedule="@daily", disabled=1, next_run_at=NOW + DAY)

    changed = {"title": "Digests", "schedule": "@daily", "disabled": 1, "next_run_at": NOW + DAY}
    assert before | changed == row(store)._asdict()


def test_declaring_a_task_that_was_missing_lifts_its_block(store: Store) -> None:
    declare(store)
    store.scheduled.block("forum.SendDigest", "missing: there is no plugin forum any more")

    declare(store)

    assert row(store).blocked is None


@pytest.mark.parametrize(
    ("said", "due"),
    [
        ({"next_run_at": NOW}, True),
        ({"next_run_at": NOW - DAY}, True),
        ({"next_run_at": NOW + 0.001}, False),
        ({"disabled": 1}, False),
        ({"blocked": "plugin disabled"}, False),
    ],
    ids=["due now", "overdue", "not yet", "disabled", "blocked"],
)
def test_only_a_due_task_that_may_run_is_due_and_claimed(
    store: Store, said: dict[str, object], due: bool
) -> None:
    declare(store, **said)

    assert (due, due) == (store.scheduled.is_due(NOW), claimed(store) is not None)


def test_a_running_task_is_not_due(store: Store) -> None:
    declare(store)
    claimed(store)

    assert not store.scheduled.is_due(NOW + DAY)


def test_a_blocked_task_is_claimed_again_when_the_block_is_lifted(store: Store) -> None:
    declare(store)
    store.scheduled.block("forum.SendDigest", "plugin disabled")
    blocked = (row(store).blocked, claimed(store))

    store.scheduled.block("forum.SendDigest", None)

    assert ("plugin disabled", None) == blocked
    assert claimed(store) is not None


def test_blocking_one_task_leaves_the_others(store: Store) -> None:
    declare(store, "forum.A")
    declare(store, "forum.B")

    store.scheduled.block("forum.A", "plugin disabled")

    assert ["plugin disabled", None] == [task.blocked for task in store.scheduled.list()]


def test_a_claim_stamps_the_task_with_runner_run_moment_and_process(store: Store) -> None:
    declare(store)
    before = row(store)._asdict()

    given = claimed(store)

    stamped = {"runner_id": "RUNNER1", "run_id": "RUN1", "started_at": NOW, "hostname": "cron1", "pid": 4711}
    assert given is not None
    assert before | stamped == given._asdict() == row(store)._asdict()


def test_a_claimed_task_goes_to_one_runner_only(store: Store, other_store: Store) -> None:
    declare(store)

    first = claimed(store, "RUN1")
    second = claimed(other_store, "RUN2")

    assert first is not None
    assert second is None
    assert "RUN1" == row(other_store).run_id


def test_two_runners_get_two_different_tasks(store: Store, other_store: Store) -> None:
    declare(store, "forum.A", next_run_at=NOW - 2)
    declare(store, "forum.B", next_run_at=NOW - 1)

    given = [claimed(store, "RUN1"), claimed(other_store, "RUN2")]

    assert ["forum.A", "forum.B"] == [task.name for task in given if task]


def test_the_longest_overdue_task_is_claimed_first(store: Store) -> None:
    declare(store, "forum.Young", next_run_at=NOW - 1)
    declare(store, "forum.Old", next_run_at=NOW - DAY)
    declare(store, "forum.Middle", next_run_at=NOW - HOUR)

    given = [claimed(store, f"RUN{number}") for number in range(4)]

    assert ["forum.Old", "forum.Middle", "forum.Young"] == [task.name for task in given if task]


def test_of_tasks_due_at_the_same_moment_the_first_declared_is_claimed_first(store: Store) -> None:
    declare(store, "forum.Z")
    declare(store, "forum.A")

    given = claimed(store)

    assert given is not None
    assert "forum.Z" == given.name


def test_a_task_that_another_runner_holds_does_not_hold_up_the_next(store: Store, other_store: Store) -> None:
    declare(store, "forum.Slow", next_run_at=NOW - DAY)
    declare(store, "forum.Quick", next_run_at=NOW - 1)
    claimed(store, "RUN1")

    given = claimed(other_store, "RUN2")

    assert given is not None
    assert "forum.Quick" == given.name


@pytest.mark.parametrize("end", ["finish", "fail", "release"])
def test_a_task_that_ended_in_this_phase_is_not_claimed_again(store: Store, end: str) -> None:
    declare(store)
    claimed(store)
    settle(store, end, next_run_at=NOW + 61)

    def claim_in_phase(phase_started_at: float) -> ScheduledRow | None:
        return store.scheduled.claim(claim_info("RUN2", now=NOW + 120), phase_started_at=phase_started_at)

    assert claim_in_phase(NOW) is None
    assert claim_in_phase(NOW + 61) is not None


def test_a_task_that_ended_in_the_future_of_a_clock_set_back_is_claimed(store: Store) -> None:
    declare(store)
    claimed(store)
    store.scheduled.finish(run_of(), next_run_at=NOW + DAY)
    store.scheduled.retry("forum.SendDigest", NOW - 30 * DAY)  # by hand, once the clock was put right

    given = claimed(store, "RUN2", now=NOW - 30 * DAY)

    assert given is not None


def settle(store: Store, end: str, *, next_run_at: float, run_id: str = "RUN1") -> bool:
    if end == "finish":
        return store.scheduled.finish(run_of(run_id), next_run_at=next_run_at)
    if end == "fail":
        failed = run_of(run_id, outcome="failed", message="disk is full")
        return store.scheduled.fail(failed, next_run_at=next_run_at, fail_delay=60)
    if end == "release":
        stopped = run_of(run_id, outcome="interrupted", message="asked to stop")
        return store.scheduled.release(stopped, next_run_at=next_run_at)
    return store.scheduled.skip(
        run_id, now=NOW, reason="nothing to do", off_reason=None, next_run_at=next_run_at
    )


def test_a_finished_task_is_free_and_its_past_is_the_run(store: Store) -> None:
    declare(store)
    before = row(store)._asdict()
    claimed(store)

    finished = store.scheduled.finish(run_of(), next_run_at=NOW + DAY)

    past = {"last_run_at": NOW, "last_ended_at": NOW + 60, "last_success_at": NOW, "last_outcome": "ok"}
    assert finished
    assert before | past | {"next_run_at": NOW + DAY} == row(store)._asdict()


def test_a_success_ends_failing_and_skipping(store: Store) -> None:
    declare(store)
    claimed(store)
    settle(store, "fail", next_run_at=NOW + 120)
    claimed(store, "RUN2", now=NOW + 120)
    store.scheduled.skip("RUN2", now=NOW, reason="no", off_reason="off", next_run_at=NOW + 180)
    claimed(store, "RUN3", now=NOW + 180)

    store.scheduled.finish(run_of("RUN3", started_at=NOW + 180), next_run_at=NOW + DAY)

    well = {
        "last_outcome": "ok",
        "last_message": None,
        "fail_delay": 0,
        "failing_since": None,
        "failures": 0,
        "skips": 0,
        "skipped_since": None,
        "skip_reason": None,
        "off_reason": None,
    }
    assert well == part(store, *well)


def test_a_failed_task_is_free_and_waits_for_its_next_try(store: Store) -> None:
    declare(store)
    before = row(store)._asdict()
    claimed(store)

    failed = settle(store, "fail", next_run_at=NOW + 120)

    past = {
        "last_run_at": NOW,
        "last_ended_at": NOW + 60,
        "last_outcome": "failed",
        "last_message": "disk is full",
        "next_run_at": NOW + 120,
        "fail_delay": 60,
        "failing_since": NOW,
        "failures": 1,
    }
    assert failed
    assert before | past == row(store)._asdict()


def test_failures_are_counted_from_the_first_whose_start_is_kept(store: Store) -> None:
    declare(store)
    for number, now in enumerate((NOW, NOW + 120, NOW + 300)):
        claimed(store, f"RUN{number}", now=now)
        failed = run_of(f"RUN{number}", started_at=now, outcome="timeout", message="too slow")
        store.scheduled.fail(failed, next_run_at=now + 60, fail_delay=60)

    expected = {"failures": 3, "failing_since": NOW, "last_run_at": NOW + 300, "last_outcome": "timeout"}
    assert expected == part(store, *expected)


def test_a_failure_keeps_the_last_success(store: Store) -> None:
    declare(store)
    claimed(store)
    store.scheduled.finish(run_of(), next_run_at=NOW + 120)
    claimed(store, "RUN2", now=NOW + 120)

    settle(store, "fail", next_run_at=NOW + DAY, run_id="RUN2")

    assert {"last_success_at": NOW} == part(store, "last_success_at")


def test_a_released_task_is_due_as_before_and_not_charged(store: Store) -> None:
    declare(store)
    claimed(store)
    settle(store, "fail", next_run_at=NOW + 120)
    before = row(store)._asdict()
    claimed(store, "RUN2", now=NOW + 120)

    interrupted = run_of("RUN2", started_at=NOW + 120, outcome="interrupted", message="asked to stop")
    released = store.scheduled.release(interrupted, next_run_at=NOW + 120)

    past = {
        "last_run_at": NOW + 120,
        "last_ended_at": NOW + 180,
        "last_outcome": "interrupted",
        "last_message": "asked to stop",
        "interruptions": 1,
    }
    assert released
    assert before | past == row(store)._asdict()


def test_a_released_task_may_be_put_off_as_it_asked(store: Store) -> None:
    declare(store)
    claimed(store)

    delayed = run_of(outcome="delayed", message="the server is busy")
    store.scheduled.release(delayed, next_run_at=NOW + 300)

    expected = {
        "next_run_at": NOW + 300,
        "last_outcome": "delayed",
        "last_message": "the server is busy",
        "failures": 0,
        "fail_delay": 0,
    }
    assert expected == part(store, *expected)


def test_a_skip_is_counted_and_no_run(store: Store) -> None:
    declare(store)
    before = row(store)._asdict()
    claimed(store)

    skipped = store.scheduled.skip(
        "RUN1", now=NOW, reason="nothing to do", off_reason=None, next_run_at=NOW + DAY
    )

    noted = {
        "skips": 1,
        "skipped_since": NOW,
        "skip_reason": "nothing to do",
        "next_run_at": NOW + DAY,
    }
    assert skipped
    assert before | noted == row(store)._asdict()


def test_skips_are_counted_since_the_first_with_the_last_reason(store: Store) -> None:
    declare(store)
    for number, (now, reason) in enumerate(((NOW, "first"), (NOW + 60, "second"))):
        claimed(store, f"RUN{number}", now=now)
        store.scheduled.skip(f"RUN{number}", now=now, reason=reason, off_reason=reason, next_run_at=now + 60)

    expected = {"skips": 2, "skipped_since": NOW, "skip_reason": "second", "off_reason": "second"}
    assert expected == part(store, *expected)


def test_a_skip_that_is_not_for_good_takes_back_the_reason_of_one_that_was(store: Store) -> None:
    declare(store)
    for number, off_reason in enumerate(("not configured", None)):
        claimed(store, f"RUN{number}")
        store.scheduled.skip(f"RUN{number}", now=NOW, reason="no", off_reason=off_reason, next_run_at=NOW)

    assert row(store).off_reason is None


def test_a_skipped_task_that_fails_waits_as_long_as_it_would_have(store: Store) -> None:
    declare(store)
    claimed(store)
    settle(store, "fail", next_run_at=NOW + 120)
    claimed(store, "RUN2", now=NOW + 120)

    settle(store, "skip", next_run_at=NOW + DAY, run_id="RUN2")

    expected = {"fail_delay": 60, "failures": 1, "failing_since": NOW}
    assert expected == part(store, *expected)


@pytest.mark.parametrize("end", ["finish", "fail", "release", "skip"])
def test_a_settled_run_that_is_not_the_tasks_any_more_changes_nothing(
    store: Store, other_store: Store, end: str
) -> None:
    declare(store)
    claimed(store, "DEAD")
    settle(other_store, "fail", next_run_at=NOW + 60, run_id="DEAD")
    claimed(other_store, "RUN2", now=NOW + 120)
    before = row(store)

    settled = settle(store, end, next_run_at=NOW + DAY, run_id="DEAD")

    assert not settled
    assert before == row(store)


@pytest.mark.parametrize("end", ["finish", "fail", "release", "skip"])
def test_settling_one_task_leaves_the_others_that_run(store: Store, end: str) -> None:
    declare(store, "forum.SendDigest", next_run_at=NOW - DAY)
    declare(store, "forum.Other")
    claimed(store, "RUN1")
    other = claimed(store, "RUN2")

    settle(store, end, next_run_at=NOW + DAY)

    assert other == row(store, "forum.Other")
    assert UNCLAIMED == part(store, *UNCLAIMED)


@pytest.mark.parametrize(
    "said",
    [{"next_run_at": NOW + DAY}, {"disabled": 1}, {"blocked": "plugin disabled"}],
    ids=["not due", "disabled", "blocked"],
)
def test_a_task_asked_for_by_name_is_handed_out_whatever_its_schedule(
    store: Store, said: dict[str, object]
) -> None:
    declare(store, **said)

    given = store.scheduled.claim_named("forum.SendDigest", claim_info())

    assert given is not None
    assert ("forum.SendDigest", "RUN1", "RUNNER1", NOW) == (
        given.name,
        given.run_id,
        given.runner_id,
        given.started_at,
    )


def test_a_task_asked_for_by_name_is_not_taken_from_another_runner(store: Store, other_store: Store) -> None:
    declare(store)
    claimed(other_store, "RUN1")

    given = store.scheduled.claim_named("forum.SendDigest", claim_info("RUN2"))

    assert given is None
    assert "RUN1" == row(store).run_id


def test_a_task_asked_for_by_a_name_nobody_declared_is_not_handed_out(store: Store) -> None:
    declare(store)

    assert store.scheduled.claim_named("forum.SendDigset", claim_info()) is None


def test_a_retried_task_is_due_and_its_delay_forgotten(store: Store) -> None:
    declare(store)
    claimed(store)
    settle(store, "fail", next_run_at=NOW + DAY)

    known = store.scheduled.retry("forum.SendDigest", NOW + 90)

    expected = {"fail_delay": 0, "next_run_at": NOW + 90, "failures": 1, "failing_since": NOW}
    assert known
    assert expected == part(store, *expected)
    assert claimed(store, "RUN2", now=NOW + 90) is not None


def test_retrying_a_task_nobody_declared_says_so(store: Store) -> None:
    assert not store.scheduled.retry("forum.SendDigset", NOW)


def test_retrying_a_running_task_leaves_it_to_its_run(store: Store) -> None:
    declare(store)
    claimed(store)

    store.scheduled.retry("forum.SendDigest", NOW)

    assert "RUN1" == row(store).run_id


def test_what_is_written_in_a_transaction_is_there_as_a_whole_or_not_at_all(store: Store) -> None:
    declare(store)
    claimed(store)
    before = row(store)

    with pytest.raises(StoreError), store.transaction():
        store.scheduled.finish(run_of(), next_run_at=NOW + DAY)
        store.log.add(run_of())
        store.log.add(run_of())  # the same run twice: refused

    assert before == row(store)
    assert [] == store.log.find("RUN1")


def test_the_next_due_moment_is_that_of_the_first_task_a_runner_may_take(store: Store) -> None:
    none = store.scheduled.next_due_at()
    declare(store, "a.Later", next_run_at=NOW + HOUR)
    declare(store, "b.Sooner", next_run_at=NOW + 60)
    declare(store, "c.Disabled", disabled=1)
    declare(store, "d.Blocked", blocked="missing")
    declare(store, "e.Running", next_run_at=NOW - DAY)
    store.scheduled.claim(claim_info(), phase_started_at=NOW)

    assert (None, NOW + 60) == (none, store.scheduled.next_due_at())
