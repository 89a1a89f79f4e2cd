"""Django's tasks in the queue: enqueued with the application's transaction, run by a cron, their results."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asgiref.local import Local
from asgiref.sync import async_to_sync
from django.conf import settings
from django.core.management import call_command
from django.db import transaction
from django.test import override_settings
from django.utils import timezone

from taskrunner.django.backend import InvalidTask, Status, exceptions, signals, tasks
from taskrunner.django.models import Result
from taskrunner.errors import StoreError
from tests.django.shop import letters
from tests.django.shop.tasks import DONE, add, fail, fail_once, fail_twice, returns_an_object, tell, wait
from tests.runner.runner_site import RunnerSite

PATH = "tests.django.shop.tasks"


def queued(project: RunnerSite) -> int:
    [[count]] = project.elsewhere("select count(*) from task_adhoc")
    return int(count)


def test_an_enqueued_task_is_run_by_the_next_cron_under_the_name_of_its_function(project: RunnerSite) -> None:
    result = add.enqueue(1, two=3)
    waiting = (result.status, result.args, result.kwargs, result.started_at, result.is_finished)

    project.cron()
    result.refresh()

    assert waiting == (Status.READY, [1], {"two": 3}, None, False)
    assert [(1, 3)] == DONE
    assert (result.status, result.return_value, result.attempts) == (Status.SUCCESSFUL, 4, 1)
    assert result.enqueued_at <= result.started_at <= result.finished_at
    assert f"Adhoc task complete: django.{PATH}.add" in project.log()
    [run] = project.runs(f"django.{PATH}.add")
    assert result.worker_ids == [run.run_id]


def test_what_is_rolled_back_was_never_queued(project: RunnerSite) -> None:
    with pytest.raises(KeyError), transaction.atomic():
        add.enqueue(1)
        add.enqueue(2)
        raise KeyError
    with transaction.atomic():
        add.enqueue(3)

    project.cron()

    assert [(3, 0)] == DONE
    assert Result.objects.count() == 1
    assert queued(project) == 0


def test_another_connection_sees_a_task_only_after_the_commit(project: RunnerSite) -> None:
    with transaction.atomic():
        add.enqueue(1)
        before = queued(project)

    assert (before, queued(project)) == (0, 1)


def test_a_coroutine_and_a_function_with_a_context_are_run(project: RunnerSite) -> None:
    waited = async_to_sync(wait.aenqueue)("x")
    told = tell.enqueue()

    project.cron()
    project.cron()  # where the thread of a coroutine takes long to end, the first one left after it

    assert async_to_sync(wait.aget_result)(waited.id).return_value == "x"
    assert tell.get_result(told.id).return_value == [1, told.id]


def test_a_failed_task_waits_for_its_next_attempt_until_it_has_none(project: RunnerSite) -> None:
    retried, given_up = fail.enqueue("x"), fail_once.enqueue("y")

    project.cron()
    for result in (retried, given_up):
        result.refresh()

    assert (retried.status, given_up.status) == (Status.READY, Status.FAILED)
    assert [error.exception_class for error in retried.errors] == [ValueError]
    assert "ValueError: x" in retried.errors[0].traceback
    with pytest.raises(ValueError, match="Task failed"):
        print(given_up.return_value)
    project.cron(after=7200)
    retried.refresh()
    assert (retried.attempts, len(retried.errors)) == (2, 2)


def test_what_json_does_not_know_is_no_return_value(project: RunnerSite) -> None:
    result = returns_an_object.enqueue()

    project.cron()
    result.refresh()

    assert "Unsupported type" in result.errors[0].traceback


def test_a_cancelled_task_has_failed(project: RunnerSite) -> None:
    result = add.enqueue(1)
    project.elsewhere("delete from task_adhoc")

    result.refresh()

    assert (result.status, result.is_finished) == (Status.FAILED, True)
    assert "cancelled" in result.errors[0].traceback


def test_of_a_queue_that_cannot_be_read_no_task_is_said_to_have_failed(project: RunnerSite) -> None:
    result = add.enqueue(1)
    project.elsewhere("alter table task_adhoc rename to away")

    with pytest.raises(StoreError):
        result.refresh()

    project.elsewhere("alter table away rename to task_adhoc")
    result.refresh()
    assert result.status == Status.READY


def test_a_later_task_waits(project: RunnerSite) -> None:
    moment = timezone.now() + timedelta(days=365 * 100)
    result = add.using(run_after=moment).enqueue(1)

    project.cron()

    [[due_at]] = project.elsewhere("select next_run_at from task_adhoc")
    assert due_at == pytest.approx(moment.timestamp())
    assert add.get_result(result.id).status == Status.READY
    assert add.get_result(result.id).task.run_after == moment


@override_settings(USE_TZ=False)
def test_a_project_without_time_zones_may_give_either_kind_of_moment(project: RunnerSite) -> None:
    aware = datetime(2110, 1, 1, 12, tzinfo=UTC)
    naive = timezone.make_naive(aware, timezone.get_default_timezone())

    results = [add.using(run_after=moment).enqueue(1) for moment in (aware, naive)]

    rows = project.elsewhere("select next_run_at from task_adhoc")
    assert [row[0] for row in rows] == [aware.timestamp()] * 2
    assert [add.get_result(result.id).task.run_after for result in results] == [naive] * 2


def test_attributes_of_the_options_hold_where_a_function_says_nothing(
    project: RunnerSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"ATTRIBUTES": {"attempts": 1, "timeout": 60}}
    monkeypatch.setitem(settings.TASKS["default"], "OPTIONS", options)
    monkeypatch.setattr(tasks.task_backends, "_connections", Local())
    results = [fail.enqueue("x"), fail_twice.enqueue("y")]

    project.cron()
    for result in results:
        result.refresh()

    assert [result.status for result in results] == [Status.FAILED, Status.READY]


def test_the_highest_priority_of_a_function_goes_first(project: RunnerSite) -> None:
    for number, priority in enumerate((0, -5, 100, 0, -100, 7)):
        add.using(priority=priority).enqueue(number)

    project.cron()

    assert [number for number, _ in DONE] == [2, 5, 0, 3, 1, 4]
    assert Result.objects.get(args=[2]).priority == 100


def test_a_function_that_no_cron_would_find_is_refused(project: RunnerSite) -> None:
    with pytest.raises(InvalidTask, match=r"does not look for tasks in tests\.django\.shop\.letters"):
        letters.send.enqueue()

    assert (queued(project), Result.objects.count()) == (0, 0)


def test_a_result_is_that_of_its_own_task(project: RunnerSite) -> None:
    result = add.enqueue(1)

    assert tasks.default_task_backend.get_result(result.id) == result
    with pytest.raises(exceptions.TaskResultMismatch):
        fail.get_result(result.id)
    with pytest.raises(exceptions.TaskResultDoesNotExist):
        add.get_result("123")


def test_the_queue_has_to_be_one_of_the_backend(project: RunnerSite) -> None:
    assert add.using(queue_name="slow").enqueue(1).task.queue_name == "slow"
    with pytest.raises(InvalidTask, match="Queue 'other' is not valid"):
        add.using(queue_name="other")


def test_signals_tell_of_enqueueing_start_and_end(project: RunnerSite) -> None:
    told: list[tuple[str, Any]] = []

    def note(name: str) -> Any:
        return lambda task_result, **_: told.append((name, task_result.status))

    names = ("task_enqueued", "task_started", "task_finished")
    receivers = {name: note(name) for name in names}
    for name, receiver in receivers.items():
        getattr(signals, name).connect(receiver)
    try:
        add.enqueue(1)
        fail_once.enqueue("x")
        project.cron()
    finally:
        for name, receiver in receivers.items():
            getattr(signals, name).disconnect(receiver)

    enqueued, rest = told[:2], told[2:]
    assert enqueued == [("task_enqueued", Status.READY)] * 2
    assert rest == [
        *(("task_started", Status.RUNNING), ("task_finished", Status.SUCCESSFUL)),
        *(("task_started", Status.RUNNING), ("task_finished", Status.FAILED)),
    ]


def test_a_function_with_a_schedule_is_a_scheduled_task(project: RunnerSite) -> None:
    row = project.row(f"django.{PATH}.tidy")

    assert (row.title, row.schedule) == ("Tidy up", "0 3 * * *")
    project.cron(after=86_400)
    assert "tidied" in DONE
    assert project.outcomes(f"django.{PATH}.tidy") == ["ok"]


def test_old_results_of_tasks_that_left_the_queue_are_deleted(project: RunnerSite) -> None:
    old, kept = add.enqueue(1), add.using(run_after=timezone.now() + timedelta(days=36_500)).enqueue(2)
    new = add.enqueue(3)
    project.cron()
    Result.objects.filter(id__in=[old.id, kept.id]).update(enqueued_at=timezone.now() - timedelta(days=29))

    project.cron(after=86_400)

    assert {kept.id, new.id} == {one.id for one in Result.objects.all()}
    assert project.outcomes("django.ForgetResults") == ["ok"]


def test_the_checks_of_django_find_nothing_wrong(project: RunnerSite) -> None:
    call_command("check", fail_level="WARNING", verbosity=0)
