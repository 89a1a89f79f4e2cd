"""A task that is interrupted again and again: three times at no cost, then it is charged."""

from taskrunner.runner.job import FinishedRun, adhoc_job, scheduled_job
from taskrunner.runner.settle import settle
from tests.runner.runner_site import RunnerSite, adhoc, scheduled
from tests.store.store_rows import claim_info


def interrupt(site: RunnerSite, run_id: str, *, outcome: str = "interrupted") -> None:
    """Claim the only task, and end its run so."""
    with site.opened() as opened:
        store, now = opened.store, site.clock()
        claim = claim_info(run_id, now=now)
        if rows := store.adhoc.list():
            row = store.adhoc.claim_id(rows[0].id, claim)
            assert row is not None
            job = adhoc_job(row)
        else:
            named = store.scheduled.claim_named("forum.Digest", claim)
            assert named is not None
            job = scheduled_job(named)
        run = job.run(outcome=outcome, ended_at=now, message="asked to stop")
        with store.transaction():
            assert settle(opened, FinishedRun(run, job.fail_delay, job.attempts_left)).get()


def test_a_queued_task_is_charged_the_fourth_time(make_site):
    site = make_site(plugins={"forum": adhoc("Mail")})
    site.queue("forum.Mail")

    for number in range(3):
        interrupt(site, f"RUN{number}")
        [row] = site.adhoc()
        assert (12, 0, 0) == (row.attempts_left, row.tries, row.fail_delay)
        assert row.next_run_at <= site.clock()
    interrupt(site, "RUN3")

    [row] = site.adhoc()
    assert (11, 1, 60, 0) == (row.attempts_left, row.failures, row.fail_delay, row.interruptions)
    assert 60 == row.next_run_at - site.clock()


def test_a_scheduled_task_is_charged_the_fourth_time(make_site):
    site = make_site(plugins={"forum": scheduled("Digest", schedule="* * * * *")})
    site.clock.now += 60

    for number in range(3):
        interrupt(site, f"RUN{number}")
        assert site.waits("forum.Digest") <= 0
        assert 0 == site.row("forum.Digest").failures
    interrupt(site, "RUN3")

    assert (60, 1, 60) == (
        site.waits("forum.Digest"),
        site.row("forum.Digest").failures,
        site.row("forum.Digest").fail_delay,
    )


def test_a_run_that_ends_another_way_lets_the_count_begin_anew(make_site):
    site = make_site(plugins={"forum": scheduled("Digest", schedule="* * * * *")})
    site.clock.now += 60
    for number in range(3):
        interrupt(site, f"RUN{number}")

    interrupt(site, "RUN3", outcome="ok")

    assert 0 == site.row("forum.Digest").interruptions
