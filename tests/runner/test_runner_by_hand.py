"""A failure by hand leaves fail delay and next run as they were; a success plans like any other run."""

import pytest

from taskrunner.runner.job import BY_HAND
from taskrunner.runner.manual import run_scheduled_task
from taskrunner.runner.presence import present
from tests.runner.runner_site import scheduled

NIGHTLY = "0 3 * * *"


def by_hand(site, name):
    with site.opened() as opened:
        declaration = opened.registry.get(name)
        return run_scheduled_task(site.runner(opened), declaration, force=False, patience=0.0)


def planned(site, name):
    row = site.row(name)
    return row.next_run_at, row.fail_delay, row.failures, row.failing_since


@pytest.mark.parametrize("isolation", ["none", "fork"])
@pytest.mark.parametrize(
    "body", ["raise ValueError('no')", "import time\ntime.sleep(60)", "import sys; sys.exit(3)"]
)
def test_a_failure_by_hand_changes_nothing_of_the_plan_and_says_so(make_site, body, isolation):
    extra = f"isolation = {isolation!r}\ntimeout = 0.3"
    site = make_site(plugins={"forum": scheduled("Backup", body, schedule=NIGHTLY, extra=extra)})
    before = planned(site, "forum.Backup")

    run = by_hand(site, "forum.Backup")

    assert run.failed
    assert planned(site, "forum.Backup") == before
    assert "It was run by hand: its fail delay and its next run stay as they were." in site.log()
    assert site.cron(after=60).scheduled == 0
    assert site.outcomes("forum.Backup") == [run.outcome]


def test_a_process_by_hand_that_dies_changes_nothing_of_the_plan(make_site):
    site = make_site(plugins={"forum": scheduled("Backup", schedule=NIGHTLY)})
    before = planned(site, "forum.Backup")
    with site.opened() as opened:
        runner = site.runner(opened, command=BY_HAND)
        with present(runner):
            opened.store.scheduled.claim_named("forum.Backup", runner.identity.claim_info(site.clock()))
            opened.store.runners.remove = lambda _: None  # as if killed

    site.cron(after=60)

    assert ["crashed"] == site.outcomes("forum.Backup")
    assert planned(site, "forum.Backup") == before


def test_a_failure_by_hand_leaves_the_delay_of_one_that_fails_already(make_site):
    site = make_site(plugins={"forum": scheduled("Backup", "raise ValueError('no')")})
    site.cron(after=60)
    before = planned(site, "forum.Backup")

    by_hand(site, "forum.Backup")

    assert planned(site, "forum.Backup") == before
    assert before[1:3] == (60, 1)


def test_a_success_by_hand_clears_the_delay_and_plans_the_next_slot(make_site):
    body = "if os.path.exists(TOGGLE): raise ValueError('no')"
    site = make_site(plugins={"forum": scheduled("Backup")})
    toggle = site.root / "toggle"
    toggle.touch()
    site.write("forum", f"TOGGLE = {str(toggle)!r}\n" + scheduled("Backup", body))
    site.cron(after=60)
    toggle.unlink()

    by_hand(site, "forum.Backup")

    row = site.row("forum.Backup")
    assert (row.fail_delay, row.failures, row.failing_since) == (0, 0, None)
    assert site.waits("forum.Backup") <= 60


def test_a_failure_by_hand_is_no_change_of_state_to_tell(make_site, tmp_path):
    told = tmp_path / "told"
    site = make_site(
        plugins={"forum": scheduled("Backup", "raise ValueError('no')", schedule=NIGHTLY)},
        config=f'[notify]\ncommand = ["sh", "-c", "cat >> {told}"]',
    )

    by_hand(site, "forum.Backup")

    assert not told.exists()
