"""why for the queue: a class, and a queued task by its id."""

import pytest

from taskrunner.errors import TaskrunnerError, UnknownTaskError
from taskrunner.records import ClaimInfo
from tests.diagnosis.test_why_scheduled import asked, closed
from tests.runner.runner_site import adhoc, scheduled


def test_the_limit_of_a_class_is_named_with_its_numbers(make_site):
    site = make_site(plugins={"forum": adhoc("Mail", extra="concurrency_limit = 1")})
    site.queue("forum.Mail", "1")
    second = site.queue("forum.Mail", "2")

    def claim(opened):
        opened.store.adhoc.claim("forum.Mail", ClaimInfo("RUNNER", "RUN1", site.clock(), "cron2", 4711)).get()

    expected = {"limit": "1 of at most 1 tasks of its class are running"}
    assert expected == closed(asked(site, str(second), before=claim))
    assert expected == closed(asked(site, "forum.Mail"))


def test_nothing_keeps_a_due_task(make_site):
    site = make_site(plugins={"forum": adhoc("Mail")})
    task_id = site.queue("forum.Mail")

    answer = asked(site, str(task_id))

    assert (f"forum.Mail {task_id}", []) == (answer.subject, answer.closed)


def test_a_task_that_was_given_up_says_why(make_site):
    site = make_site(plugins={"forum": adhoc("Mail", "raise ValueError('no route')")})
    task_id = site.queue("forum.Mail", attempts=1)
    site.cron(after=60)

    assert {"attempts": "given up after 1 try: ValueError: no route"} == {
        name: message for name, message in closed(asked(site, str(task_id), after=86_400)).items()
    }


def test_a_task_that_failed_waits_for_its_delay(make_site):
    site = make_site(plugins={"forum": adhoc("Mail", "raise ValueError('no route')")})
    task_id = site.queue("forum.Mail")
    site.cron(after=60)

    assert ["fail delay"] == list(closed(asked(site, str(task_id), after=0)))


def test_a_class_of_which_nothing_is_queued_says_so(make_site):
    site = make_site(plugins={"forum": adhoc("Mail")})

    assert {"queued": "no task of this class is queued"} == closed(asked(site, "Mail"))


def test_the_tasks_of_a_class_whose_plugin_is_gone_are_explained(make_site):
    site = make_site(plugins={"forum": adhoc("Mail"), "other": scheduled("Digest")})
    task_id = site.queue("forum.Mail")
    (site.root / "plugins" / "forum.py").unlink()

    assert ["plugin"] == list(closed(asked(site, str(task_id))))


def test_an_id_that_is_not_queued_is_an_error(make_site):
    site = make_site(plugins={"forum": adhoc("Mail")})

    with pytest.raises(TaskrunnerError, match="no task 4711 is queued"):
        asked(site, "4711")


def test_a_name_that_is_wrong_gets_the_nearest_one(make_site):
    site = make_site(plugins={"forum": adhoc("Mail")})

    with pytest.raises(UnknownTaskError, match=r"did you mean forum\.Mail"):
        asked(site, "forum.Mial")
