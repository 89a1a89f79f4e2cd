"""Tasks that are asked before they run, and slots that come too late."""

import pytest

from tests.runner.runner_site import scheduled

REFUSING = "def {question}(self):\n    witness('asked')\n    return {answer}"


def asked(question: str, answer: str, *, schedule: str = "* * * * *") -> str:
    extra = REFUSING.format(question=question, answer=answer)
    return scheduled("Digest", "witness('ran')", schedule=schedule, extra=extra)


def test_a_task_that_is_not_runnable_is_not_run_and_says_why(make_site):
    site = make_site(plugins={"forum": asked("is_runnable", "'no mail server is set'")})

    site.cron(after=60)

    row = site.row("forum.Digest")
    assert (row.off_reason, row.skips, row.skip_reason) == (
        "no mail server is set",
        1,
        "no mail server is set",
    )
    assert site.witnessed() == ["asked"]
    assert site.runs() == []


def test_a_task_that_is_not_runnable_without_a_reason_gets_one(make_site):
    site = make_site(plugins={"forum": asked("is_runnable", "False")})

    site.cron(after=60)

    assert site.row("forum.Digest").off_reason == "the configuration does not allow it"


def test_a_task_that_became_runnable_is_run(make_site):
    site = make_site(plugins={"forum": asked("is_runnable", "'not yet'")})
    site.cron(after=60)
    site.write("forum", asked("is_runnable", "True"))

    site.cron(after=60)

    assert site.outcomes() == ["ok"]
    assert site.row("forum.Digest").off_reason is None


def test_a_task_that_has_nothing_to_do_is_counted_as_a_skip_without_a_log_row(make_site):
    site = make_site(plugins={"forum": asked("should_run", "False")})

    first = site.cron(after=60)
    site.cron(after=60)

    row = site.row("forum.Digest")
    assert (row.skips, row.skip_reason, row.off_reason) == (2, "it has nothing to do", None)
    assert row.skipped_since == site.clock.now - 60
    assert (first.scheduled, first.failed, site.runs()) == (0, 0, [])
    assert site.waits("forum.Digest") == 30


def test_a_task_is_asked_only_when_it_is_due(make_site):
    site = make_site(plugins={"forum": asked("should_run", "False", schedule="5 * * * *")})

    site.cron(after=60)

    assert site.witnessed() == []


def test_skips_are_forgotten_with_the_next_success(make_site):
    site = make_site(plugins={"forum": asked("should_run", "False")})
    site.cron(after=60)
    site.write("forum", asked("should_run", "True"))

    site.cron(after=60)

    row = site.row("forum.Digest")
    assert (row.skips, row.skipped_since, row.skip_reason) == (0, None, None)


def test_an_interval_task_that_has_nothing_to_do_is_asked_again_next_minute(make_site):
    site = make_site(plugins={"forum": asked("should_run", "False", schedule="Every(hours=2)")})

    site.cron()

    assert site.waits("forum.Digest") == 60


def test_a_skipped_task_leaves_no_trace_in_an_otherwise_idle_minute(make_site, capfd):
    site = make_site(plugins={"forum": asked("should_run", "False")})

    site.cron(after=60, shown="all")

    assert site.log_files() == []
    assert capfd.readouterr().out == ""


def test_what_a_task_prints_while_it_is_asked_is_in_the_log(make_site):
    extra = "def should_run(self):\n    print('looking')\n    return False"
    site = make_site(plugins={"forum": scheduled("Digest", extra=extra)})

    site.cron(after=60)

    assert "\nlooking\n" in site.log()


def late(late_by: float, extra: str = 'misfire = "skip"') -> tuple[str, float]:
    return scheduled("Digest", "witness('ran')", schedule="0 * * * *", extra=extra), 3570 + late_by


@pytest.mark.parametrize(
    ("late_by", "extra", "outcomes"),
    [
        (300, 'misfire = "skip"', ["ok"]),
        (301, 'misfire = "skip"', ["skipped"]),
        (11, 'misfire = "skip"\nmisfire_grace = 10', ["skipped"]),
        (301, "", ["ok"]),
    ],
)
def test_a_slot_later_than_its_grace_is_skipped_by_tasks_that_say_so(make_site, late_by, extra, outcomes):
    task, after = late(late_by, extra)
    site = make_site(plugins={"forum": task})

    site.cron(after=after)

    assert site.outcomes() == outcomes
    assert site.waits("forum.Digest") == 3600 - late_by


def test_a_skipped_slot_is_logged_with_its_reason(make_site):
    task, after = late(1000)
    site = make_site(plugins={"forum": task})

    site.cron(after=after)

    [run] = site.runs()
    assert (run.outcome, run.message) == (
        "skipped",
        "missed its slot by 1000 s, more than its grace of 300 s",
    )
    assert site.witnessed() == []


def test_a_skipped_slot_does_not_keep_the_next_one_from_being_run(make_site):
    task, after = late(1000)
    site = make_site(plugins={"forum": task})
    site.cron(after=after)

    site.cron(after=2600)

    assert site.outcomes() == ["skipped", "ok"]


def test_a_skipped_slot_is_not_kept_where_no_runs_are_kept(make_site):
    task, after = late(1000)
    site = make_site(plugins={"forum": task}, config='[log]\nmode = "none"')

    site.cron(after=after)

    assert site.runs() == []
    assert site.row("forum.Digest").skips == 1


def test_the_delay_of_a_failed_task_is_no_missed_slot(make_site):
    failing = scheduled(
        "Digest", "raise ValueError", schedule="0 * * * *", extra="misfire = 'skip'\nmisfire_grace = 1"
    )
    site = make_site(plugins={"forum": failing})
    site.cron(after=3570)

    site.cron(after=200)

    assert site.outcomes() == ["failed", "failed"]
