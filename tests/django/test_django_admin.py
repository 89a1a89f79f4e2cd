"""The list of enqueued tasks in Django's admin: to read, with a link to the web administration."""

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client

from taskrunner.django.models import Result
from tests.databases import ON_SQLITE
from tests.django.shop.tasks import add, fail
from tests.runner.runner_site import RunnerSite


@pytest.fixture
def client(project: RunnerSite) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("ann"))
    return client


@ON_SQLITE
def test_the_list_shows_state_and_last_run(
    project: RunnerSite, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"WEB_URL": "https://example.org/tasks/"}
    monkeypatch.setitem(settings.TASKS["default"], "OPTIONS", options)
    add.enqueue(1)
    project.cron()
    fail.enqueue("<b>x</b>")

    page = client.get("/admin/taskrunner/result/").content.decode()

    [run_id] = Result.objects.get(succeeded=True).run_ids
    assert f'<a href="https://example.org/tasks/run/{run_id}">{run_id}</a>' in page
    assert "Successful" in page
    assert "Ready" in page
    assert "tests.django.shop.tasks.add" in page


@ON_SQLITE
def test_nothing_can_be_changed_there(project: RunnerSite, client: Client) -> None:
    result = add.enqueue(1)
    place = f"/admin/taskrunner/result/{result.id}"

    assert client.get(f"{place}/change/").status_code == 200
    answers = [
        client.post(f"{place}/change/", {}),
        client.post(f"{place}/delete/"),
        client.get("/admin/taskrunner/result/add/"),
    ]
    assert [403] * 3 == [answer.status_code for answer in answers]
