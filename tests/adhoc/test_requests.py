"""What is asked of a task while it runs is kept until it has ended, however it ends."""

from collections.abc import Callable

import pytest

from taskrunner.records import AdhocRow
from taskrunner.runner.job import FinishedRun
from taskrunner.runner.settle import settle
from tests.runner.runner_site import START, RunnerSite, adhoc
from tests.store.store_rows import claim_info, run_of

HOUR = 3600.0

IMPORTS = (
    "import time\nfrom taskrunner import GiveUp, RetryLater, UnknownUserError, reschedule_or_queue_adhoc_task"
)
ASKS = "witness(reschedule_or_queue_adhoc_task(Mail(), next_run_at={at!r}))\n"


@pytest.fixture
def forum(make_site: Callable[..., RunnerSite]) -> Callable[..., RunnerSite]:
    """Make a site whose `forum.Mail`, queued once, asks on its first run to run at a time, and then ends."""

    def forum(end: str, at: float = START + HOUR, *, attempts: int = 12) -> RunnerSite:
        body = f"if not os.path.exists({{witness!r}}):\n    {ASKS.format(at=at)}    {end}"
        site = make_site(plugins={"forum": (IMPORTS, adhoc("Mail", "raise SystemError"))})
        site.write("forum", IMPORTS, adhoc("Mail", body.format(witness=str(site.root / "witness"))))
        site.queue("forum.Mail", attempts=attempts)
        with site.opened() as opened, opened.store.transaction():
            (row,) = opened.store.adhoc.list()
        site.elsewhere(f"update task_adhoc set identity = '{identity()}' where id = {row.id}")
        return site

    return forum


def identity() -> str:
    from taskrunner.queueing import dedupe_key

    return dedupe_key("forum.Mail", None, None)


def only(site: RunnerSite) -> AdhocRow:
    (row,) = site.adhoc()
    return row


def test_what_a_run_asks_for_itself_stays_when_it_succeeds_and_runs_then(forum):
    site = forum("pass")
    site.cron()

    row = only(site)
    assert [str(row.id)] == site.witnessed()
    assert (START + HOUR, 12, 0, None, None, None) == (
        row.next_run_at,
        row.attempts_left,
        row.tries,
        row.run_id,
        row.requested_run_at,
        row.requested_attempts,
    )
    site.cron(after=HOUR)
    assert ["ok", "ok"] == site.outcomes()
    assert [] == site.adhoc()


def test_a_run_whose_log_row_is_not_kept_stays_as_well(make_site):
    body = "if not os.path.exists({0!r}):\n    " + ASKS.format(at=START + HOUR)
    site = make_site(plugins={"forum": (IMPORTS, adhoc("Mail"))}, config='[log]\nmode = "none"')
    site.write("forum", IMPORTS, adhoc("Mail", body.format(str(site.root / "witness"))))
    site.queue("forum.Mail")
    site.elsewhere(f"update task_adhoc set identity = '{identity()}'")
    site.cron()

    assert START + HOUR == only(site).next_run_at


@pytest.mark.parametrize(("at", "waits"), [(START + HOUR, HOUR), (START + 5, 60)])
def test_after_a_failure_the_later_of_its_delay_and_what_was_asked_for_counts(forum, at, waits):
    site = forum("raise ValueError", at)
    site.cron()

    assert (START + waits, 11, 1) == (only(site).next_run_at, only(site).attempts_left, only(site).failures)


@pytest.mark.parametrize(("at", "waits"), [(START + HOUR, HOUR), (START + 5, 300)])
def test_after_a_later_try_the_later_of_both_times_counts(forum, at, waits):
    site = forum("raise RetryLater(seconds=300)", at)
    site.cron()

    assert START + waits == only(site).next_run_at


@pytest.mark.parametrize("end", ["raise ValueError", "raise RetryLater(seconds=1)", "raise GiveUp('no')"])
def test_the_last_attempt_does_not_take_with_it_what_was_asked_for(forum, end):
    site = forum(end, attempts=1)
    site.cron()

    assert (START + HOUR, 12) == (only(site).next_run_at, only(site).attempts_left)
    site.cron(after=HOUR)
    assert "ok" == site.outcomes()[-1]


def test_a_cancelled_run_leaves_what_was_asked_for(forum):
    site = forum("raise UnknownUserError('ann')")
    site.cron()

    assert START + HOUR == only(site).next_run_at


@pytest.mark.parametrize("outcome", ["interrupted", "crashed", "timeout"])
def test_a_run_ended_from_outside_leaves_what_was_asked_for(forum, outcome):
    site = forum("pass")
    with site.opened() as opened:
        store = opened.store
        (row,) = store.adhoc.list()
        store.adhoc.claim_id(row.id, claim_info(now=START))
        store.adhoc.request(row.id, next_run_at=START + HOUR, attempts=12, moves=False)
        run = run_of("RUN1", type="adhoc", adhoc_id=row.id, started_at=START, ended_at=START, outcome=outcome)
        with store.transaction():
            assert settle(opened, FinishedRun(run, 0, 11)).get()

    assert (START + HOUR, None) == (only(site).next_run_at, only(site).run_id)


def test_a_claim_that_is_given_back_leaves_what_was_asked_for(forum):
    site = forum("pass")
    with site.opened() as opened:
        (row,) = opened.store.adhoc.list()
        opened.store.adhoc.claim_id(row.id, claim_info(now=START))
        opened.store.adhoc.request(row.id, next_run_at=START + HOUR, attempts=12, moves=False)
        opened.store.adhoc.release_claims("RUNNER1")

    assert (START + HOUR, 12) == (only(site).next_run_at, only(site).attempts_left)


def test_the_last_time_asked_for_counts_where_a_task_is_moved(forum):
    site = forum("reschedule_or_queue_adhoc_task(Mail(), next_run_at=%r)" % (START + 2 * HOUR))
    site.cron()

    assert START + 2 * HOUR == only(site).next_run_at
