"""How long a phase goes on, how many processes may be in it, and what makes a process leave."""

import time

import pytest

from taskrunner.store.settings import STOP_REQUESTED_AT
from tests.runner.runner_site import START, adhoc, scheduled

LIMITS = "[cron]\nscheduled_max_runtime = 100\nadhoc_max_runtime = 200"
NO_SLOT = "Skipping processing of {} tasks. Concurrency limit reached."
NO_TIME = "Stopping processing of {} tasks as time limit has been reached."


def test_no_scheduled_task_is_started_after_the_time_limit(make_site):
    long = [scheduled(name, "witness(self.name)\npass_time(60)") for name in ("A", "B", "C")]
    site = make_site(plugins={"forum": tuple(long)}, config=LIMITS)

    site.cron(after=60)

    assert site.witnessed() == ["forum.A", "forum.B"]
    assert NO_TIME.format("scheduled") in site.log().splitlines()


def test_a_phase_that_ends_within_its_limit_does_not_speak_of_it(make_site):
    site = make_site(plugins={"forum": scheduled("A", "pass_time(60)")}, config=LIMITS)

    site.cron(after=60)

    assert "time limit" not in site.log()


def test_the_adhoc_phase_has_a_time_limit_of_its_own(make_site):
    site = make_site(
        plugins={"forum": (scheduled("Long", "pass_time(150)"), adhoc("Mail", "pass_time(90)"))},
        config=LIMITS,
    )
    for _ in range(4):
        site.queue("forum.Mail")

    summary = site.cron(after=60)

    assert (summary.scheduled, summary.adhoc) == (1, 3)
    assert NO_TIME.format("adhoc") in site.log().splitlines()


def test_the_time_limit_of_one_phase_does_not_keep_the_other_from_starting(make_site):
    slow = [scheduled(name, "pass_time(500)") for name in ("A", "B")]
    site = make_site(plugins={"forum": (*slow, adhoc("Mail"))}, config=LIMITS)
    site.queue("forum.Mail")

    summary = site.cron(after=60)

    assert (summary.scheduled, summary.adhoc) == (1, 1)


@pytest.mark.parametrize(("kind", "config"), [("scheduled", ""), ("adhoc", "")])
def test_with_two_slots_held_the_third_is_used(make_site, kind, config):
    site = make_site(plugins={"forum": (scheduled("Digest"), adhoc("Mail"))}, config=config)
    site.queue("forum.Mail")

    with site.opened() as elsewhere:
        locks = [elsewhere.locks.acquire(f"{kind}-{number}") for number in (0, 1)]
        summary = site.cron(after=60)
        for lock in locks:
            lock.release()

    assert (summary.scheduled, summary.adhoc) == (1, 1)


@pytest.mark.parametrize(("kind", "ran"), [("scheduled", (0, 1)), ("adhoc", (1, 0))])
def test_with_all_slots_held_a_phase_is_skipped_with_a_line_and_the_other_goes_on(make_site, kind, ran):
    site = make_site(plugins={"forum": (scheduled("Digest"), adhoc("Mail"))})
    site.queue("forum.Mail")

    with site.opened() as elsewhere:
        locks = [elsewhere.locks.acquire(f"{kind}-{number}") for number in (0, 1, 2)]
        summary = site.cron(after=60)
        for lock in locks:
            lock.release()

    assert (summary.scheduled, summary.adhoc) == ran
    assert site.log().splitlines().count(NO_SLOT.format(kind)) == 1


def test_a_slot_is_free_again_after_the_phase(make_site):
    site = make_site(plugins={"forum": scheduled("Digest")}, config="[cron]\nscheduled_concurrency_limit = 1")
    site.cron(after=60)

    assert site.cron(after=60).scheduled == 1


def test_clear_static_caches_in_a_task_lets_the_process_leave_and_the_next_one_goes_on(make_site):
    clearing = "clear_static_caches()\npass_time(100)\nwitness(self.name)"
    once = f"{time.gmtime(time.time() - 500).tm_min} * * * *"  # a quarter of an hour may end meanwhile
    tasks = (
        scheduled("First", clearing, schedule=once),
        scheduled("Second", "witness(self.name)", schedule=once),
        adhoc("Mail", "witness(self.name)"),
    )
    site = make_site(plugins={"forum": tasks}, now=time.time() - 1000)
    site.queue("forum.Mail")

    site.cron(after=995)
    left_after = site.witnessed()
    site.cron(after=1)

    assert left_after == ["forum.First"]
    assert site.witnessed() == ["forum.First", "forum.Second", "forum.Mail"]


@pytest.mark.parametrize("isolation", ["none", "fork"])
def test_clear_static_caches_in_a_short_task_is_obeyed_at_once(make_site, isolation):
    clearing = adhoc("Mail", "witness(self.name)\nclear_static_caches()", extra=f'isolation = "{isolation}"')
    site = make_site(plugins={"forum": clearing}, now=time.time() - 1000)
    for _ in range(3):
        site.queue("forum.Mail")

    site.cron()

    assert site.witnessed() == ["forum.Mail"]
    assert "clean process: it cleared the static caches" in site.log()
    assert [(task.attempts_left, task.tries) for task in site.adhoc()] == [(12, 0), (12, 0)]


def test_a_stop_asked_for_in_a_long_queue_is_obeyed_within_a_tenth_of_a_second(make_site):
    stop = f"""\
if self.custom_data == 2:
    elsewhere("insert into task_setting values ('{STOP_REQUESTED_AT}', '{START + 1e-6!r}')")
pass_time(0.03)"""
    site = make_site(plugins={"forum": adhoc("Mail", stop)})
    for number in range(1, 21):
        site.queue("forum.Mail", str(number))

    site.cron()

    left = site.adhoc()
    assert 20 - 2 - 4 <= len(left) <= 20 - 2
    assert {(12, 0, None, None)} == {
        (task.attempts_left, task.tries, task.run_id, task.first_started_at) for task in left
    }


def test_a_stop_asked_for_after_the_start_is_obeyed_after_the_current_task(make_site):
    stop = f"""\
elsewhere("insert into task_setting values ('{STOP_REQUESTED_AT}', '{START + 90!r}')")
pass_time(60)"""
    site = make_site(plugins={"forum": (scheduled("First", stop), scheduled("Second", "witness('ran')"))})

    site.cron(after=60)

    assert site.outcomes("forum.First") == ["ok"]
    assert site.witnessed() == []
    assert "Cron run completed correctly" in site.log()


def test_a_stop_asked_for_before_the_start_is_no_concern_of_the_process(make_site):
    site = make_site(plugins={"forum": scheduled("Digest", "witness(self.name)")})
    with site.opened() as opened:
        opened.store.settings.set(STOP_REQUESTED_AT, repr(site.clock.now))

    site.cron(after=60)

    assert site.witnessed() == ["forum.Digest"]


def test_an_idle_process_that_is_kept_alive_leaves_when_it_is_asked_to_stop(make_site):
    site = make_site(plugins={"forum": scheduled("Digest", schedule="@yearly")})
    started_at = site.clock.now
    with site.opened() as opened:
        opened.store.settings.set(STOP_REQUESTED_AT, repr(started_at + 1))

    site.cron(keep_alive=900)

    assert site.clock.now - started_at <= 1
