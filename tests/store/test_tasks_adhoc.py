"""Adhoc tasks: queued, handed out, charged, done or given up."""

import pytest

from taskrunner.records import AdhocRow, AdhocSummary, DueClass
from taskrunner.store import Store
from tests.store.store_rows import DAY, HOUR, NOW, claim_info, new_task, queue, run_of

BACKUP = "backup.CourseBackup"
UNCLAIMED = {"runner_id": None, "run_id": None, "started_at": None, "hostname": None, "pid": None}


def claimed(store: Store, run_id: str = "RUN1", *, name: str = BACKUP, now: float = NOW) -> AdhocRow | None:
    return store.adhoc.claim(name, claim_info(run_id, now=now)).get()


def fail(
    store: Store, run_id: str = "RUN1", *, next_run_at: float = NOW + 120, gives_up: bool = False
) -> bool:
    failed = run_of(run_id, outcome="failed", message="disk is full")
    return store.adhoc.fail(failed, next_run_at=next_run_at, fail_delay=60, gives_up=gives_up)


def settle(store: Store, end: str, run_id: str = "RUN1") -> bool:
    if end == "fail":
        return fail(store, run_id)
    if end == "release":
        return store.adhoc.release(run_id, message="asked to stop", next_run_at=NOW - HOUR)
    if end == "delay":
        return store.adhoc.delay(run_of(run_id, outcome="delayed", message="later"), next_run_at=NOW + 120)
    return store.adhoc.finish(run_of(run_id)).get()


def waiting(store: Store, now: float = NOW) -> list[str]:
    return [found.name for found in store.adhoc.queue_state(now).get().due]


def ids(rows: list[AdhocRow]) -> list[int]:
    return [row.id for row in rows]


def only(store: Store) -> AdhocRow:
    (row,) = store.adhoc.list()
    return row


def test_a_run_is_kept_for_a_task_that_is_its_own(store: Store) -> None:
    task_id = queue(store)
    claimed(store)
    run = run_of("RUN1", type="adhoc", name=BACKUP, adhoc_id=task_id, user=None, message=None)

    assert store.log.add_for_task(run).get()
    assert [run] == store.log.find("RUN1")


def test_no_run_is_kept_for_a_task_that_another_run_has(store: Store) -> None:
    queue(store)
    claimed(store, "RUN2")

    assert not store.log.add_for_task(run_of("RUN1", type="adhoc", name=BACKUP)).get()
    assert [] == store.log.find("RUN1")


def test_a_queued_task_is_listed_as_it_was_queued(store: Store) -> None:
    added = queue(store, user="4", identity="4f2a")

    expected = AdhocRow(
        id=added,
        name=BACKUP,
        plugin="backup",
        custom_data='{"course":7}',
        user="4",
        identity="4f2a",
        once=0,
        created_at=NOW - DAY,
        next_run_at=NOW - HOUR,
        fail_delay=0,
        attempts_left=12,
        tries=0,
        failures=0,
        failing_since=None,
        last_message=None,
        first_started_at=None,
        runner_id=None,
        run_id=None,
        started_at=None,
        hostname=None,
        pid=None,
        requested_run_at=None,
        requested_attempts=None,
        interruptions=0,
        behind=0,
    )
    assert [expected] == store.adhoc.list()


def test_each_queued_task_gets_an_id_of_its_own_that_is_never_given_again(store: Store) -> None:
    first = queue(store)
    claimed(store)
    store.adhoc.finish(run_of()).get()

    assert first < queue(store)


def test_tasks_queued_together_get_their_ids_in_the_order_given(store: Store) -> None:
    tasks = [new_task(custom_data=str(number), next_run_at=NOW - number) for number in range(50)]

    added = store.adhoc.add(tasks, NOW)

    assert sorted(added) == added
    assert [str(number) for number in range(50)] == [store.adhoc.find(i).custom_data for i in added]


def test_no_tasks_queued_are_no_ids(store: Store) -> None:
    assert [] == store.adhoc.add([], NOW)


def test_tasks_queued_the_usual_way_do_not_meet(store: Store) -> None:
    assert queue(store, identity="4f2a") != queue(store, identity="4f2a")


def test_a_task_that_is_to_be_there_once_is_queued_once(store: Store, other_store: Store) -> None:
    first = store.adhoc.add_once(new_task(identity="4f2a"), NOW)
    second = other_store.adhoc.add_once(new_task(identity="4f2a"), NOW)

    assert (first, None) == (only(store).id, second)
    assert 1 == only(store).once


def test_of_another_identity_a_task_is_queued_as_well(store: Store) -> None:
    first = store.adhoc.add_once(new_task(identity="4f2a"), NOW)
    second = store.adhoc.add_once(new_task(identity="4f2b"), NOW)

    assert [first, second] == ids(store.adhoc.list())


def test_a_task_queued_the_usual_way_is_found_by_one_that_is_to_be_there_once(store: Store) -> None:
    there = queue(store, identity="4f2a")
    added = store.adhoc.add_once(new_task(identity="4f2a"), NOW)
    found = store.adhoc.find_identity("4f2a")

    assert added is None
    assert found is not None
    assert there == found.id


def test_the_oldest_task_of_an_identity_is_found(store: Store) -> None:
    first = queue(store, identity="4f2a", next_run_at=NOW)
    queue(store, identity="4f2a", next_run_at=NOW - DAY)
    found = store.adhoc.find_identity("4f2a")

    assert found is not None
    assert first == found.id
    assert store.adhoc.find_identity("4f2b") is None


def test_a_task_is_found_by_its_id(store: Store) -> None:
    added = queue(store)

    assert only(store) == store.adhoc.find(added)
    assert store.adhoc.find(added + 1) is None


@pytest.mark.parametrize("custom_data", ["null", '"über \U0001f980"', '{"quote":"\'; drop table x; --"}'])
def test_custom_data_comes_back_as_it_was_queued(store: Store, custom_data: str) -> None:
    queue(store, custom_data=custom_data)
    given = claimed(store)

    assert given is not None
    assert custom_data == given.custom_data


def test_tasks_are_listed_by_the_moment_they_are_due(store: Store) -> None:
    late = queue(store, next_run_at=NOW + 1)
    early = queue(store, next_run_at=NOW - 1)
    second = queue(store, next_run_at=NOW + 1)

    assert [early, late, second] == [row.id for row in store.adhoc.list()]


@pytest.mark.parametrize(
    ("said", "due"),
    [
        ({"next_run_at": NOW}, True),
        ({"next_run_at": NOW + 0.001}, False),
        ({"attempts": 1}, True),
        ({"attempts": 0}, False),
    ],
    ids=["due now", "not yet", "last attempt", "given up"],
)
def test_only_a_due_task_with_attempts_left_is_due_and_claimed(
    store: Store, said: dict[str, object], due: bool
) -> None:
    queue(store, **said)

    assert ([BACKUP] if due else []) == waiting(store)
    assert due == (claimed(store) is not None)


def test_a_running_task_is_not_due(store: Store) -> None:
    queue(store)
    claimed(store)

    assert [] == waiting(store, NOW + DAY)


def test_waiting_classes_are_told_once_each_with_the_task_that_waits_longest(store: Store) -> None:
    queue(store, "forum.Mail", next_run_at=NOW - 10)
    course = queue(store, "backup.Course", next_run_at=NOW - 20)
    mail = queue(store, "forum.Mail", next_run_at=NOW - 30)
    queue(store, "forum.Mail", next_run_at=NOW - 30)
    queue(store, "archive.Old", next_run_at=NOW + 10)

    expected = [
        DueClass("backup.Course", NOW - 20, course),
        DueClass("forum.Mail", NOW - 30, mail),
    ]
    assert expected == sorted(store.adhoc.queue_state(NOW).get().due, key=lambda found: found.name)


def test_a_waiting_class_tells_how_many_run_and_when_the_oldest_of_them_started(store: Store) -> None:
    for _ in range(3):
        queue(store)
    queue(store, "forum.Mail")
    claimed(store, "RUN1", now=NOW - 50)
    claimed(store, "RUN2", now=NOW - 70)

    told = {found.name: found.running for found in store.adhoc.queue_state(NOW).get().due}

    assert {BACKUP: (2, NOW - 70), "forum.Mail": (0, 0.0)} == told


def test_a_class_that_only_runs_is_told_among_the_running(store: Store) -> None:
    queue(store)
    queue(store, "forum.Mail")
    claimed(store)

    assert {BACKUP: (1, NOW)} == store.adhoc.running_classes()
    assert ["forum.Mail"] == waiting(store)


def test_a_class_whose_first_task_is_running_is_due_by_its_second(store: Store) -> None:
    queue(store, next_run_at=NOW - 30)
    queue(store, next_run_at=NOW + 30)
    claimed(store)

    assert [] == waiting(store)
    assert [BACKUP] == waiting(store, NOW + 30)


def test_an_empty_queue_has_nothing_due(store: Store) -> None:
    assert [] == waiting(store)


def test_a_claim_stamps_the_task_and_charges_an_attempt(store: Store) -> None:
    queue(store)
    before = only(store)._asdict()

    given = claimed(store)

    stamped = {
        "runner_id": "RUNNER1",
        "run_id": "RUN1",
        "started_at": NOW,
        "first_started_at": NOW,
        "hostname": "cron1",
        "pid": 4711,
        "attempts_left": 11,
        "tries": 1,
    }
    assert given is not None
    assert before | stamped == given._asdict() == only(store)._asdict()


def test_a_claimed_task_goes_to_one_runner_only(store: Store, other_store: Store) -> None:
    queue(store)

    first = claimed(store, "RUN1")
    second = claimed(other_store, "RUN2")

    assert first is not None
    assert second is None
    assert ("RUN1", 11) == (only(store).run_id, only(store).attempts_left)


def test_the_oldest_due_task_of_the_class_is_claimed_first(store: Store) -> None:
    young = queue(store, next_run_at=NOW - 1)
    old = queue(store, next_run_at=NOW - DAY)
    twin = queue(store, next_run_at=NOW - 1)
    queue(store, "forum.Mail", next_run_at=NOW - 2 * DAY)

    given = [claimed(store, f"RUN{number}") for number in range(4)]

    assert [old, young, twin] == [row.id for row in given if row]


def test_a_class_with_nothing_due_hands_out_nothing(store: Store) -> None:
    queue(store, "forum.Mail")

    assert claimed(store) is None


def test_the_first_start_is_kept(store: Store) -> None:
    queue(store)
    claimed(store)
    fail(store)

    again = claimed(store, "RUN2", now=NOW + 120)

    assert again is not None
    assert (NOW, NOW + 120) == (again.first_started_at, again.started_at)


def test_a_finished_task_is_gone(store: Store) -> None:
    queue(store)
    stays = queue(store, "forum.Mail")
    claimed(store)

    finished = store.adhoc.finish(run_of()).get()

    assert finished
    assert [stays] == [row.id for row in store.adhoc.list()]


def test_a_failed_task_is_free_and_waits_for_its_next_try(store: Store) -> None:
    queue(store)
    before = only(store)._asdict()
    claimed(store)

    failed = fail(store)

    past = {
        "next_run_at": NOW + 120,
        "fail_delay": 60,
        "attempts_left": 11,
        "tries": 1,
        "failures": 1,
        "failing_since": NOW,
        "last_message": "disk is full",
        "first_started_at": NOW,
    }
    assert failed
    assert before | past == only(store)._asdict()


def test_a_task_whose_attempts_are_gone_stays_to_be_seen_and_is_not_due(store: Store) -> None:
    queue(store, attempts=2)
    for number in range(2):
        claimed(store, f"RUN{number}", now=NOW + DAY * number)
        fail(store, f"RUN{number}", next_run_at=NOW + DAY * number)

    row = only(store)
    assert (0, 2, NOW, "disk is full") == (
        row.attempts_left,
        row.failures,
        row.failing_since,
        row.last_message,
    )
    assert [] == waiting(store, NOW + 100 * DAY)


def test_a_task_that_kills_its_process_runs_out_of_attempts(store: Store) -> None:
    """The attempt is charged when the task is claimed, not by who finds the process dead."""
    queue(store, attempts=1)
    claimed(store)

    assert 0 == only(store).attempts_left


def test_a_task_that_gives_up_has_no_attempts_left_however_many_it_had(store: Store) -> None:
    queue(store)
    claimed(store)

    fail(store, gives_up=True)

    row = only(store)
    assert (0, 1, "disk is full") == (row.attempts_left, row.failures, row.last_message)
    assert [] == waiting(store, NOW + 100 * DAY)


def test_a_delayed_task_waits_its_attempt_charged_and_has_not_failed(store: Store) -> None:
    queue(store)
    before = only(store)._asdict()
    claimed(store)

    delayed = settle(store, "delay")

    past = {
        "next_run_at": NOW + 120,
        "attempts_left": 11,
        "tries": 1,
        "first_started_at": NOW,
        "last_message": "later",
    }
    assert delayed
    assert before | past == only(store)._asdict()


def test_a_delay_ends_the_fail_delay_of_the_failure_before(store: Store) -> None:
    queue(store)
    claimed(store)
    fail(store)
    claimed(store, "RUN2", now=NOW + 120)

    settle(store, "delay", "RUN2")

    assert (0, 1, NOW) == (only(store).fail_delay, only(store).failures, only(store).failing_since)


def test_a_released_task_may_be_put_off(store: Store) -> None:
    queue(store)
    claimed(store)

    store.adhoc.release("RUN1", message="missing", next_run_at=NOW + 60)

    assert (NOW + 60, 12, "missing") == (
        only(store).next_run_at,
        only(store).attempts_left,
        only(store).last_message,
    )


def test_a_released_task_is_due_as_before_and_its_attempt_is_not_charged(store: Store) -> None:
    queue(store)
    before = only(store)._asdict()
    claimed(store)

    released = settle(store, "release")

    assert released
    assert before | {"first_started_at": NOW, "last_message": "asked to stop"} == only(store)._asdict()
    assert claimed(store, "RUN2") is not None


def test_a_released_last_attempt_may_be_tried_again(store: Store) -> None:
    queue(store, attempts=1)
    claimed(store)

    settle(store, "release")

    assert [BACKUP] == waiting(store)


@pytest.mark.parametrize("end", ["finish", "fail", "release", "delay"])
def test_a_settled_run_that_is_not_the_tasks_any_more_changes_nothing(
    store: Store, other_store: Store, end: str
) -> None:
    queue(store)
    claimed(store, "DEAD")
    settle(other_store, "fail", "DEAD")
    claimed(other_store, "RUN2", now=NOW + 120)
    before = store.adhoc.list()

    settled = settle(store, end, "DEAD")

    assert not settled
    assert before == store.adhoc.list()


@pytest.mark.parametrize("end", ["finish", "fail", "release", "delay"])
def test_settling_one_task_leaves_the_others_that_run(store: Store, end: str) -> None:
    queue(store)
    queue(store)
    claimed(store, "RUN1")
    other = claimed(store, "RUN2")

    settle(store, end)

    assert other in store.adhoc.list()


def given_up(store: Store, *, next_run_at: float) -> int:
    return queue(store, next_run_at=next_run_at, attempts=0)


def test_the_cleanup_deletes_only_what_was_given_up_before_the_moment(store: Store) -> None:
    given_up(store, next_run_at=NOW - 1)
    young = given_up(store, next_run_at=NOW)
    waiting = queue(store, next_run_at=NOW - DAY)
    queue(store, "forum.Mail", next_run_at=NOW - DAY, attempts=1)
    running = claimed(store, name="forum.Mail")

    deleted = store.adhoc.cleanup(NOW, limit=10)

    assert running is not None
    assert 1 == deleted
    assert {young, waiting, running.id} == {row.id for row in store.adhoc.list()}


def test_the_cleanup_goes_by_batches_until_nothing_is_left(store: Store) -> None:
    for number in range(5):
        given_up(store, next_run_at=NOW - number - 1)

    assert [2, 2, 1, 0] == [store.adhoc.cleanup(NOW, limit=2) for _ in range(4)]


@pytest.mark.parametrize(
    "said", [{"next_run_at": NOW + DAY}, {"attempts": 1}], ids=["not due", "last attempt"]
)
def test_a_task_asked_for_by_id_is_handed_out_whatever_its_time(
    store: Store, said: dict[str, object]
) -> None:
    added = queue(store, **said)
    before = only(store)

    given = store.adhoc.claim_id(added, claim_info())

    assert given is not None
    assert ("RUN1", before.attempts_left - 1) == (given.run_id, given.attempts_left)
    assert given == only(store)


def test_a_task_without_attempts_is_handed_out_by_id_and_owes_none(store: Store) -> None:
    added = queue(store, attempts=0)

    given = store.adhoc.claim_id(added, claim_info())

    assert given is not None
    assert 0 == given.attempts_left


def test_a_task_that_runs_or_is_gone_is_not_handed_out_by_id(store: Store, other_store: Store) -> None:
    added = queue(store)
    claimed(store)

    assert other_store.adhoc.claim_id(added, claim_info("RUN2")) is None
    assert other_store.adhoc.claim_id(added + 1, claim_info("RUN2")) is None
    assert "RUN1" == only(store).run_id


def test_a_revived_task_is_as_if_it_had_never_failed(store: Store) -> None:
    added = queue(store, attempts=1)
    claimed(store)
    fail(store)

    revived = store.adhoc.revive(added, next_run_at=NOW + 5, attempts=12)

    row = only(store)
    assert revived
    assert (12, 0, 0, None, NOW + 5) == (
        row.attempts_left,
        row.failures,
        row.fail_delay,
        row.failing_since,
        row.next_run_at,
    )


def test_only_a_task_that_was_given_up_is_revived(store: Store) -> None:
    waits = queue(store, "forum.Mail")
    runs = queue(store, attempts=1)
    claimed(store)
    before = store.adhoc.list()

    revived = [
        store.adhoc.revive(task_id, next_run_at=NOW + 5, attempts=12) for task_id in (waits, runs, runs + 1)
    ]

    assert [False, False, False] == revived
    assert before == store.adhoc.list()


def test_a_rescheduled_task_is_moved_and_nothing_else(store: Store) -> None:
    added = queue(store)
    before = only(store)._asdict()

    moved = store.adhoc.reschedule(added, NOW + DAY)

    assert moved
    assert before | {"next_run_at": NOW + DAY} == only(store)._asdict()
    assert not store.adhoc.reschedule(added + 1, NOW + DAY)


@pytest.mark.parametrize(("attempts", "left"), [(0, 1), (1, 1), (12, 12)])
def test_a_retried_task_is_due_with_an_attempt_at_least(store: Store, attempts: int, left: int) -> None:
    added = queue(store, attempts=attempts, next_run_at=NOW + DAY)

    retried = store.adhoc.retry(added, NOW)

    assert retried
    assert (NOW, left) == (only(store).next_run_at, only(store).attempts_left)
    assert [BACKUP] == waiting(store)


def test_a_retried_task_forgets_its_fail_delay_and_is_still_seen_to_have_failed(store: Store) -> None:
    added = queue(store)
    claimed(store)
    fail(store)

    store.adhoc.retry(added, NOW)

    assert (0, 1, NOW) == (only(store).fail_delay, only(store).failures, only(store).failing_since)


@pytest.mark.parametrize("verb", ["retry", "cancel"])
def test_a_task_that_runs_or_is_gone_is_left_alone_by_hand(store: Store, verb: str) -> None:
    added = queue(store)
    claimed(store)
    before = store.adhoc.list()

    done = [
        store.adhoc.retry(task_id, NOW) if verb == "retry" else store.adhoc.cancel(task_id)
        for task_id in (added, added + 1)
    ]

    assert [False, False] == done
    assert before == store.adhoc.list()


def test_a_cancelled_task_is_gone(store: Store) -> None:
    added = queue(store)
    stays = queue(store)

    cancelled = store.adhoc.cancel(added)

    assert cancelled
    assert [stays] == ids(store.adhoc.list())


def test_the_summary_counts_each_class_by_state(store: Store) -> None:
    queue(store, next_run_at=NOW - 2)
    claimed(store, "RUN1")
    fail(store, "RUN1", next_run_at=NOW + 50)
    queue(store, next_run_at=NOW - 2)
    claimed(store, "RUN2")
    queue(store, next_run_at=NOW)
    queue(store, next_run_at=NOW + 90)
    queue(store, attempts=0)
    queue(store, "forum.Mail", attempts=0)

    expected = [
        AdhocSummary(BACKUP, running=1, due=1, waiting=2, failing=1, given_up=1, next_run_at=NOW),
        AdhocSummary("forum.Mail", running=0, due=0, waiting=0, failing=0, given_up=1, next_run_at=None),
    ]
    assert expected == store.adhoc.summary(NOW)


def test_the_summary_of_an_empty_queue_is_empty(store: Store) -> None:
    assert [] == store.adhoc.summary(NOW)


def test_the_list_has_filters_that_go_together(store: Store) -> None:
    failed = queue(store, next_run_at=NOW - 9)
    claimed(store)
    fail(store, next_run_at=NOW + 120)
    later = queue(store, next_run_at=NOW + 1)
    due = queue(store, next_run_at=NOW)
    mail = queue(store, "forum.Mail", next_run_at=NOW - 1)
    queue(store, "forum.Mail", next_run_at=NOW - 2, attempts=0)

    assert [due, later, failed] == ids(store.adhoc.list(name=BACKUP))
    assert [failed] == ids(store.adhoc.list(failed=True))
    assert [mail, due] == ids(store.adhoc.list(now=NOW, due=True))
    assert [due] == ids(store.adhoc.list(now=NOW, due=True, name=BACKUP))
    assert [] == store.adhoc.list(failed=True, name="forum.Mail")
    assert [due, later] == ids(store.adhoc.list(name=BACKUP, limit=2))


def test_a_running_task_is_not_listed_as_due(store: Store) -> None:
    queue(store)
    claimed(store)

    assert [] == store.adhoc.list(now=NOW, due=True)


def test_the_next_due_moment_of_each_class_is_that_of_its_first_waiting_task(store: Store) -> None:
    none = store.adhoc.next_due_at()
    queue(store, "a.Mail", next_run_at=NOW + HOUR)
    queue(store, "a.Mail", next_run_at=NOW + 60)
    queue(store, "b.Backup", next_run_at=NOW + DAY)
    queue(store, "c.GivenUp", attempts=0)

    assert ({}, {"a.Mail": NOW + 60, "b.Backup": NOW + DAY}) == (none, store.adhoc.next_due_at())
