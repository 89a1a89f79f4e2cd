"""What a task raises on purpose is shown in its author's words, without a traceback of the runner."""

import pytest

from tests.runner.runner_site import adhoc, scheduled

IMPORTS = "from taskrunner import GiveUp, RetryLater, UnknownUserError\n"


@pytest.mark.parametrize("isolation", ["none", "fork"])
def test_who_gives_up_says_why_and_nothing_else(make_site, isolation):
    body = "raise GiveUp('the customer is gone')"
    task = adhoc("Mail", body, extra=f"isolation = {isolation!r}")
    site = make_site(plugins={"forum": IMPORTS + task})
    site.queue("forum.Mail")

    site.cron()

    [run] = site.runs("forum.Mail")
    assert (run.outcome, run.message, run.output) == ("failed", "the customer is gone", "")
    assert "Adhoc task failed: forum.Mail,the customer is gone" in site.log()
    assert "Traceback" not in site.log()


def test_what_made_a_task_give_up_is_shown_where_it_says_so(make_site):
    body = "try:\n    {}['customer']\nexcept KeyError as error:\n    raise GiveUp('no customer') from error"
    site = make_site(plugins={"forum": IMPORTS + adhoc("Mail", body)})
    site.queue("forum.Mail")

    site.cron()

    assert site.runs()[0].message == "no customer"
    assert "KeyError: 'customer'" in site.log()
    assert "GiveUp" not in site.log()


@pytest.mark.parametrize(("kind", "make"), [("scheduled", scheduled), ("adhoc", adhoc)])
def test_who_asks_to_be_tried_later_says_why(make_site, kind, make):
    site = make_site(
        plugins={"forum": IMPORTS + make("Mail", "raise RetryLater('the server is busy', seconds=9)")}
    )
    if kind == "adhoc":
        site.queue("forum.Mail")

    site.cron(after=60)

    [run] = site.runs("forum.Mail")
    assert (run.outcome, run.message) == ("delayed", "the server is busy")
    assert "task delayed: " in site.log()
    assert "the server is busy" in site.log()
    assert "Traceback" not in site.log()


def test_an_unknown_user_is_told_in_the_words_of_who_looked(make_site):
    site = make_site(plugins={"forum": IMPORTS + adhoc("Mail", "raise UnknownUserError('ada left in May')")})
    site.queue("forum.Mail")

    site.cron()

    log = site.log()
    assert site.runs()[0].message == "ada left in May"
    assert "\nada left in May\nUser " in log
    assert "Traceback" not in log


@pytest.mark.parametrize("isolation", ["none", "fork"])
def test_a_file_name_that_is_no_utf8_can_be_shown_as_progress(make_site, isolation):
    body = r"self.progress(1, 2, 'caf\udce9.txt')" + "\nself.progress(2, 2, 'nul \\x00')"
    site = make_site(plugins={"forum": scheduled("Digest", body, extra=f"isolation = {isolation!r}")})

    site.cron(after=60)

    assert site.outcomes("forum.Digest") == ["ok"]
