"""Tasks that do their work in parts."""

import pytest

from tests.runner.runner_site import adhoc, scheduled

IN_PARTS = "from taskrunner import MORE\nwitness(self.name)\nreturn MORE"


def test_a_task_with_more_to_do_has_succeeded_and_is_due_again_at_once(make_site):
    site = make_site(plugins={"mail": scheduled("Queue", IN_PARTS, schedule="0 3 * * *")})

    site.cron(after=86_400)

    row = site.row("mail.Queue")
    assert ("ok", 0, 0) == (row.last_outcome, row.failures, site.waits("mail.Queue"))
    assert "... has more to do, and is due again behind the others\n" in site.log()


def test_it_goes_on_with_the_next_cron_and_not_in_the_same_phase(make_site):
    site = make_site(plugins={"mail": scheduled("Queue", IN_PARTS)})

    ran = [site.cron(after=60).scheduled, site.cron(after=1).scheduled]

    assert [1, 1] == ran


def test_it_goes_on_behind_what_else_is_due(make_site):
    site = make_site(
        plugins={
            "mail": scheduled("Queue", IN_PARTS, schedule="0 13 * * *"),
            "forum": scheduled("Digest", "witness(self.name)", schedule="*/5 13 * * *"),
        }
    )
    site.cron(after=3600)
    site.cron(after=300)

    assert ["forum.Digest", "mail.Queue"] == sorted(site.witnessed()[:2])
    assert ["mail.Queue", "forum.Digest"] == site.witnessed()[2:]


def test_it_returns_to_its_schedule_when_it_is_done(make_site):
    site = make_site(plugins={"mail": scheduled("Queue", IN_PARTS)})
    site.cron(after=60)
    site.write("mail", scheduled("Queue", "witness('the rest')"))

    site.cron(after=1)

    assert "the rest" == site.witnessed()[-1]
    assert 0 < site.waits("mail.Queue") < 60


@pytest.mark.parametrize("extra", ["", "isolation = 'fork'"])
def test_a_forked_task_says_so_too(make_site, extra):
    site = make_site(plugins={"mail": scheduled("Queue", IN_PARTS, schedule="0 3 * * *", extra=extra)})

    site.cron(after=86_400)

    assert 0 == site.waits("mail.Queue")


def test_an_adhoc_task_cannot_have_more_to_do(make_site):
    site = make_site(plugins={"mail": adhoc("Send", IN_PARTS)})
    site.queue("mail.Send")

    site.cron()

    [run] = site.runs()
    assert (
        "failed",
        "TypeError: only a scheduled task can return MORE: queue another task for the rest",
    ) == (
        run.outcome,
        run.message,
    )


def test_the_settings_of_a_plugin_are_known_when_it_is_asked_whether_it_is_to_run(make_site):
    asking = "def should_run(self):\n    witness(self.settings['spool'])\n    return False"
    site = make_site(
        plugins={"mail": scheduled("Queue", extra=asking)},
        config='[plugin_settings.mail]\nspool = "/var/spool/site"',
    )

    site.cron(after=60)

    assert ["/var/spool/site"] == site.witnessed()
