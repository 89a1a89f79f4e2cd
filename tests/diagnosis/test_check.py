"""What each check finds on a site, on both databases."""

import pytest

from taskrunner.config import load_config
from taskrunner.diagnosis.check import check_site, examine, only_check, worst
from taskrunner.errors import UnknownTaskError
from taskrunner.queueing import enqueue, new_task
from taskrunner.records import ClaimInfo, Suspension
from taskrunner.store.settings import EVERYTHING, PAUSED
from tests.diagnosis.test_why_scheduled import asked
from tests.runner.runner_site import adhoc, scheduled
from tests.store.store_rows import run_of


def checks(site):
    with site.opened() as opened:
        return {check.area: check for check in check_site(opened, now=site.clock())}


def test_a_site_whose_crons_start_is_well(make_site):
    site = make_site(plugins={"forum": scheduled("Digest")})
    asked(site, after=0)
    asked(site, after=60)
    site.cron()

    found = checks(site)

    assert {"ok"} == {check.level for check in found.values()}
    assert 0 == worst(found.values()).exit_code


def test_a_site_where_no_cron_ever_started_is_critical(make_site):
    site = make_site(plugins={"forum": scheduled("Digest")})

    assert ("critical", "no cron has ever started") == (
        checks(site)["cron"].level,
        checks(site)["cron"].message,
    )


def test_a_gap_between_two_crons_is_a_warning(make_site):
    site = make_site(plugins={"forum": scheduled("Digest")})
    asked(site, after=0)
    asked(site, after=3600)

    found = checks(site)["cron"]

    assert ("warning", "the last one started now, after a gap of 60 min") == (found.level, found.message)


def test_a_pause_is_a_warning(make_site):
    site = make_site(plugins={"forum": scheduled("Digest")})
    with site.opened() as opened:
        opened.store.settings.suspend(
            PAUSED, Suspension(EVERYTHING, site.clock() - 7200, "new disk", None, "")
        )

    assert "cron has been paused for 2 h: new disk" == checks(site)["pause"].message


def test_a_failing_task_is_told_before_it_is_a_warning(make_site):
    site = make_site(plugins={"forum": scheduled("Digest", "raise ValueError")})
    site.cron(after=60)

    found = checks(site)["fail delay"]

    assert ("info", 0) == (found.level, found.exit_code)
    assert "1 failing, the longest delay is 60 s (forum.Digest)" == found.message


def test_an_adhoc_task_that_waits_for_hours_because_it_failed_is_critical(make_site):
    site = make_site(plugins={"forum": adhoc("Mail", "raise ValueError")})
    site.queue("forum.Mail")
    for _ in range(9):
        site.cron(after=86_400)

    found = checks(site)["fail delay"]

    assert ("critical", "1 failing, the longest delay is 4 h (adhoc tasks)") == (found.level, found.message)


def test_a_task_that_is_due_for_long_is_named(make_site):
    site = make_site(plugins={"forum": (scheduled("Digest"), adhoc("Mail"))})
    task_id = site.queue("forum.Mail")
    site.clock.now += 15_000

    found = checks(site)

    assert ("critical", "taskrun why forum.Digest") == (
        found["scheduled queue"].level,
        found["scheduled queue"].hint,
    )
    assert f"forum.Mail {task_id} has been due for 4 h" == found["adhoc queue"].message


def test_a_task_that_is_put_off_again_and_again_is_no_queue_that_is_well(make_site):
    site = make_site(plugins={"forum": adhoc("Mail")})
    with site.opened() as opened:
        task = new_task("forum.Mail", None, user="bob", next_run_at=site.clock(), retry=True, attempts=12)
        [task_id] = enqueue(opened.store, [task], site.clock())
    levels = []
    for _ in range(3):
        site.cron(after=60)
        levels.append(checks(site)["adhoc queue"].level)

    found = checks(site)["adhoc queue"]

    assert ["warning"] * 3 == levels
    assert f"1 adhoc task cannot be started, forum.Mail {task_id}: it is for the user 'bob'" in found.message
    assert f"taskrun why {task_id}" == found.hint


def test_a_task_that_was_given_up_is_not_overdue(make_site):
    site = make_site(plugins={"forum": adhoc("Mail", "raise ValueError")})
    site.queue("forum.Mail", attempts=1)
    site.cron(after=60)
    site.clock.now += 86_400

    assert "ok" == checks(site)["adhoc queue"].level


def test_a_long_run_is_named_with_its_host(make_site):
    site = make_site(plugins={"forum": scheduled("Digest")})
    with site.opened() as opened:
        opened.store.scheduled.claim_named("forum.Digest", ClaimInfo("R", "RUN1", site.clock(), "cron2", 7))
    site.clock.now += 50_000

    found = checks(site)["running"]

    assert ("warning", "1 running, forum.Digest for 14 h on cron2") == (found.level, found.message)


def test_crashes_of_the_last_day_are_counted(make_site):
    site = make_site(plugins={"forum": scheduled("Digest")})
    with site.opened() as opened:
        for number, age in enumerate((100, 86_000, 90_000)):
            opened.store.log.add(run_of(f"RUN{number}", outcome="crashed", started_at=site.clock() - age))
        opened.store.log.add(run_of("RUN9", outcome="failed", started_at=site.clock() - 100))

    found = checks(site)["crashes"]

    assert ("warning", "2 in the last day") == (found.level, found.message)


def test_a_broken_plugin_is_a_warning_with_file_and_line(make_site):
    site = make_site(plugins={"forum": scheduled("Digest")})
    broken = site.write(
        "broken", "class Bad(ScheduledTask):\n    schedule = 'nonsense'\n    def execute(self): pass"
    )

    found = checks(site)["plugins"]

    assert "warning" == found.level
    assert found.message.startswith(f"{broken}:")


def test_a_log_directory_that_cannot_be_written_is_critical(make_site):
    site = make_site(plugins={"forum": scheduled("Digest")})
    (site.root / "log").write_text("a file")

    assert "critical" == checks(site)["log directory"].level


def test_thresholds_come_from_the_config(make_site):
    site = make_site(plugins={"forum": scheduled("Digest")})
    site.configure("[check]\nscheduled_age_warning = 10\nscheduled_age_critical = 20")
    site.clock.now += 45

    assert "warning" == checks(site)["scheduled queue"].level


def test_a_database_that_does_not_answer_is_a_critical_finding(tmp_path):
    (tmp_path / "taskrunner.toml").write_text(f'database = "sqlite:{tmp_path}"\n')
    config = load_config(tmp_path / "taskrunner.toml", environ={}, cwd=tmp_path)

    found = {check.area: check for check in examine(config, now=0.0).findings}

    assert "critical" == found["database"].level
    assert "is a directory" in found["database"].message


def test_one_check_or_one_task_can_be_asked_for(make_site):
    site = make_site(plugins={"forum": scheduled("Digest", "raise ValueError('disk is full')")})
    site.cron(after=60)
    config = load_config(site.root / "taskrunner.toml", environ={}, cwd=site.root)

    def only(name):
        [found] = examine(config, now=site.clock(), only=name).findings
        return found.area, found.level, found.message

    assert ("fail delay", "info", "1 failing, the longest delay is 60 s (forum.Digest)") == only("fail-delay")
    assert ("forum.Digest", "warning", "has been failing for 0 s: ValueError: disk is full") == only("Digest")
    with pytest.raises(UnknownTaskError, match="there is no check and no task nothing"):
        only("nothing")


def test_a_task_without_faults_is_well(make_site):
    site = make_site(plugins={"forum": scheduled("Digest")})
    site.cron(after=60)

    with site.opened() as opened:
        [found] = only_check(opened, "forum.Digest", site.clock())

    assert ("ok", "nothing is wrong with it") == (found.level, found.message)
