"""why NAME for a scheduled task: each reason is named, and no other."""

import os
import re

import pytest

from taskrunner.diagnosis.why import why
from taskrunner.heartbeat import beat
from taskrunner.records import ClaimInfo, Suspension
from taskrunner.runner.execute import why_not_runnable
from taskrunner.store.settings import EVERYTHING, PAUSED
from taskrunner.views.find import subject
from tests.runner.runner_site import scheduled

DUE = 120


def asked(site, name="forum.Digest", *, after=DUE, cron=True, before=None):
    """Let seconds pass, start a cron that does nothing, and return the answer."""
    site.clock.now += after
    with site.opened() as opened:
        if cron:
            beat(opened.config.state_dir, site.clock())
            if opened.store.is_shared:
                opened.store.hosts.beat(opened.hostname, site.clock())
        if before is not None:
            before(opened)
        return why(
            opened,
            subject(opened, name),
            now=site.clock(),
            ask=lambda declaration: why_not_runnable(opened.registry, declaration.name),
        )


def closed(answer):
    return {gate.area: gate.message for gate in answer.closed}


def test_nothing_keeps_a_task_that_is_due(make_site):
    site = make_site(plugins={"forum": scheduled("Digest")})

    answer = asked(site)

    assert [] == answer.closed
    assert [
        "paused",
        "plugin",
        "declared",
        "disabled",
        "override",
        "schedule",
        "due",
        "fail delay",
        "running",
        "slots",
        "is_runnable",
        "cron",
    ] == [gate.area for gate in answer.gates]


def test_a_pause_is_named_with_its_reason(make_site):
    site = make_site(plugins={"forum": scheduled("Digest")})

    pause = Suspension(EVERYTHING, site.clock(), "new disk", None, "ann")
    answer = asked(site, before=lambda opened: opened.store.settings.suspend(PAUSED, pause))

    assert {"paused": "cron is paused since 2100-01-04 12:00:30 +0000, by ann: new disk"} == closed(answer)
    assert "taskrun resume" == answer.closed[0].hint


def test_a_task_that_is_disabled_says_who_disabled_it(make_site):
    site = make_site(plugins={"forum": scheduled("Digest", extra="disabled = True")})

    assert {"disabled": "it is disabled, by its plugin"} == closed(asked(site))


def test_a_task_that_the_config_disables_names_file_and_line(make_site):
    site = make_site(plugins={"forum": scheduled("Digest")})
    site.configure('[tasks."forum.*"]\ndisabled = true')

    message = closed(asked(site))

    assert ["disabled"] == list(message)
    assert re.fullmatch(
        r'disabled by taskrunner\.toml line \d+ \(\[tasks\."forum\.\*"\]\)', message["disabled"]
    )


def test_a_fail_delay_is_named_with_its_numbers(make_site):
    site = make_site(plugins={"forum": scheduled("Digest", "raise ValueError('disk is full')")})
    site.cron(after=DUE)

    message = closed(asked(site, after=0))

    assert ["fail delay"] == list(message)
    assert message["fail delay"].startswith(
        "waits 60 s, until 2100-01-04 12:03:30 +0000, in 60 s; failed once"
    )
    assert message["fail delay"].endswith("disk is full")


def test_a_task_that_runs_on_another_host_says_where_and_since_when(make_site):
    site = make_site(plugins={"forum": scheduled("Digest")})

    def claim(opened):
        stamp = ClaimInfo("RUNNER", "RUN1", site.clock() - 90, "cron2", 4711)
        opened.store.scheduled.claim_named("forum.Digest", stamp)

    assert {
        "running": "it is running on cron2, pid 4711, for 90 s, since 2100-01-04 12:01:00 +0000"
    } == closed(asked(site, before=claim))


def test_taken_slots_are_counted(make_site):
    site = make_site(plugins={"forum": scheduled("Digest")})
    held = []

    def take_slots(opened):
        held.extend(opened.locks.acquire(f"scheduled-{number}") for number in range(3))

    answer = asked(site, before=take_slots)

    assert {"slots": "3 of 3 scheduled slots are taken; [cron] scheduled_concurrency_limit"} == closed(answer)
    for lock in held:
        lock.release()


def test_a_wrong_month_is_named(make_site):
    site = make_site(plugins={"forum": scheduled("Digest", schedule="0 3 * 7 *")})

    message = closed(asked(site))

    assert ["due"] == list(message)
    assert message["due"].endswith("its month field 7 leaves out this month, 1")
    assert message["due"].startswith("not before 2100-07-01 03:00:00 +0000, in 1")


def test_a_wrong_day_is_named(make_site):
    site = make_site(plugins={"forum": scheduled("Digest", schedule="0 3 * * 0")})

    assert closed(asked(site))["due"].endswith("its day and weekday fields * and 0 leave out today, Mon 04")


def test_a_later_hour_of_the_same_day_needs_no_explanation(make_site):
    site = make_site(plugins={"forum": scheduled("Digest", schedule="0 23 * * *")})

    assert {"due": "not before 2100-01-04 23:00:00 +0000, in 11 h"} == closed(asked(site))


def test_a_broken_plugin_is_named_with_file_and_line(make_site):
    site = make_site(plugins={"forum": scheduled("Digest")})
    path = site.root / "plugins" / "forum.py"
    path.write_text("from taskrunner import\n")
    path.chmod(0o644)

    message = closed(asked(site))

    assert ["plugin"] == list(message)
    assert f"{path}:1:" in message["plugin"]


def test_a_class_that_is_gone_is_missing(make_site):
    site = make_site(plugins={"forum": scheduled("Digest")})
    site.write("forum", scheduled("Other"))

    message = closed(asked(site))

    assert ["declared"] == list(message)
    assert message["declared"].startswith("missing: ")


def test_a_disabled_plugin_is_named(make_site):
    site = make_site(plugins={"forum": scheduled("Digest")})
    site.configure("[plugins.forum]\nenabled = false")

    assert ["plugin"] == list(closed(asked(site)))


def test_a_cron_that_did_not_start_for_an_hour_is_named(make_site):
    site = make_site(plugins={"forum": scheduled("Digest", schedule="0 12 * * *")})
    asked(site, after=0)

    message = closed(asked(site, after=86_400, cron=False))

    here = os.uname().nodename
    assert {"cron": f"the last cron started 24 h ago on {here}: is the crontab line still there?"} == message


def test_no_cron_ever_is_named(make_site):
    site = make_site(plugins={"forum": scheduled("Digest")})

    assert {"cron": "no cron has ever started here: is there a crontab line?"} == closed(
        asked(site, cron=False)
    )


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("'no mail server is set'", "the task says no: no mail server is set"),
        ("False", "the task says no: the configuration does not allow it"),
        ("1 / 0", "the task says no: asking it fails: ZeroDivisionError: division by zero"),
    ],
)
def test_what_is_runnable_says_is_named(make_site, answer, message):
    extra = f"def is_runnable(self):\n    return {answer}\n"
    site = make_site(plugins={"forum": scheduled("Digest", extra=extra)})

    assert {"is_runnable": message} == closed(asked(site))


def test_slots_that_were_passed_over_are_counted(make_site):
    site = make_site(
        plugins={"forum": scheduled("Digest", extra="def should_run(self):\n    return False\n")}
    )
    site.cron(after=60)
    site.cron(after=60)

    skipped = next(gate for gate in asked(site, after=60).gates if gate.area == "skipped")

    assert "skipped twice since 2100-01-04 12:01:30 +0000 because it has nothing to do" == skipped.message


def test_what_the_config_decides_is_named(make_site):
    site = make_site(plugins={"forum": scheduled("Digest")})
    site.configure('[tasks."forum.*"]\ntimeout = 5')

    override = next(gate for gate in asked(site).gates if gate.area == "override")

    assert override.message.startswith("timeout: decided by taskrunner.toml line ")
