"""Limits of single tasks: how long they run, how often they succeed, how late they start."""

from taskrunner.diagnosis.check import check_site
from taskrunner.records import Suspension
from taskrunner.store.settings import MUTED
from tests.runner.runner_site import adhoc, scheduled

LIMITS = """
[tasks."forum.Slow"]
warn_after = 60

[tasks."forum.Broken"]
expect_every = 3600

[tasks."forum.Late"]
max_start_delay = 300
"""


def found(site, after=0):
    with site.opened() as opened:
        checks = {check.area: check for check in check_site(opened, now=site.clock() + after)}
    return checks["limits"].level, checks["limits"].message


def test_a_task_that_keeps_its_limits_is_not_told_of(make_site):
    site = make_site(plugins={"forum": scheduled("Slow")})
    site.configure(LIMITS)
    site.cron(after=60)

    assert ("ok", "no task exceeds its limits") == found(site)


def test_a_run_that_took_too_long_is_a_warning(make_site):
    site = make_site(plugins={"forum": scheduled("Slow", "pass_time(90)", schedule="0 * * * *")})
    site.configure(LIMITS)
    site.cron(after=3600)

    assert ("warning", "forum.Slow ran for 90 s, over warn_after 60 s") == found(site)


def test_a_task_without_a_success_for_too_long_is_critical_unless_it_is_muted(make_site):
    site = make_site(plugins={"forum": scheduled("Broken", "raise ValueError")})
    site.configure(LIMITS)
    site.cron(after=60)

    assert "ok" == found(site, after=3500)[0]
    assert ("critical", "forum.Broken has not succeeded for 2 h, over expect_every 60 min") == found(
        site, after=7200
    )
    with site.opened() as opened:
        opened.store.settings.suspend(MUTED, Suspension("forum.*", site.clock(), "", None, ""))
    assert "ok" == found(site, after=7200)[0]


def test_what_waits_too_long_for_its_start_is_a_warning(make_site):
    site = make_site(plugins={"forum": [scheduled("Late"), adhoc("Mail")]})
    site.configure(LIMITS + '[tasks."forum.Mail"]\nmax_start_delay = 60')
    site.cron(after=60)
    site.queue("forum.Mail")

    assert "ok" == found(site, after=59)[0]
    assert (
        "warning",
        "forum.Late has been due for 120 min, over max_start_delay 5 min (and 1 more task)",
    ) == found(site, after=2 * 3600)
