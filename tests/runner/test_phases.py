"""What one cron runs, and in which order."""

import re

import pytest

from taskrunner.runner import messages as lines
from tests.runner.runner_site import adhoc, scheduled

WITNESS = "witness(self.name)"


def test_the_longest_overdue_task_is_run_first(make_site):
    tasks = [
        scheduled(name, WITNESS, schedule=schedule)
        for name, schedule in (("Early", "1 * * * *"), ("Latest", "3 * * * *"), ("Later", "2 * * * *"))
    ]
    site = make_site(plugins={"forum": tuple(tasks)})

    site.cron(after=300)

    assert site.witnessed() == ["forum.Early", "forum.Later", "forum.Latest"]


def test_tasks_due_at_the_same_moment_are_run_in_the_order_they_were_declared(make_site):
    site = make_site(plugins={"forum": tuple(scheduled(name, WITNESS) for name in ("B", "A", "C"))})

    site.cron(after=60)

    assert site.witnessed() == ["forum.B", "forum.A", "forum.C"]


def test_scheduled_tasks_are_run_before_adhoc_tasks(make_site):
    site = make_site(plugins={"forum": (scheduled("Digest", WITNESS), adhoc("Mail", WITNESS))})
    site.queue("forum.Mail")

    summary = site.cron(after=60)

    assert site.witnessed() == ["forum.Digest", "forum.Mail"]
    assert (summary.scheduled, summary.adhoc, summary.failed) == (1, 1, 0)


def test_what_a_scheduled_task_queues_is_run_by_the_same_cron(make_site):
    queueing = "queue_adhoc_task(Mail({'to': 'Ada'}))"
    mail = adhoc("Mail", "witness(self.name, self.custom_data['to'])")
    site = make_site(plugins={"forum": (scheduled("Digest", queueing), mail)})

    site.cron(after=60)

    assert site.witnessed() == ["forum.Mail Ada"]
    assert site.adhoc() == []


def test_a_task_is_due_first_at_the_next_slot_after_it_was_first_seen(make_site):
    site = make_site(plugins={"forum": scheduled("Digest", WITNESS, schedule="5 * * * *")})

    summary = site.cron()

    assert summary.scheduled == 0
    assert site.waits("forum.Digest") == 270


def test_an_interval_task_that_never_ran_is_due_at_once(make_site):
    site = make_site(plugins={"forum": scheduled("Digest", WITNESS, schedule="Every(hours=2)")})

    site.cron()

    assert site.witnessed() == ["forum.Digest"]
    assert site.waits("forum.Digest") == 2 * 3600 - 30


def test_missed_slots_are_made_up_by_one_run_and_planned_from_now(make_site):
    site = make_site(plugins={"forum": scheduled("Digest", WITNESS)})

    first = site.cron(after=3 * 86_400)
    second = site.cron()

    assert (first.scheduled, second.scheduled) == (1, 0)
    assert site.waits("forum.Digest") == 30


def test_success_plans_the_next_slot_strictly_after_now(make_site):
    site = make_site(plugins={"forum": scheduled("Digest", WITNESS)})

    site.cron(after=30)

    assert site.witnessed() == ["forum.Digest"]
    assert site.waits("forum.Digest") == 60


def test_a_task_that_overruns_its_next_slots_is_planned_from_its_end(make_site):
    site = make_site(plugins={"forum": scheduled("Digest", "pass_time(1000)")})

    summary = site.cron(after=30)

    assert summary.scheduled == 1
    assert site.row("forum.Digest").next_run_at == (site.clock.now // 60 + 1) * 60


def test_a_task_that_ended_in_the_phase_is_not_started_again_in_it(make_site):
    site = make_site(
        plugins={"forum": (scheduled("Quick", WITNESS), scheduled("Slow", WITNESS + "\npass_time(300)"))}
    )

    site.cron(after=60)

    assert site.witnessed() == ["forum.Quick", "forum.Slow"]


def test_the_next_cron_starts_a_task_that_became_due_during_the_phase(make_site):
    site = make_site(
        plugins={"forum": (scheduled("Quick", WITNESS), scheduled("Slow", WITNESS + "\npass_time(300)"))}
    )
    site.cron(after=60)

    site.cron(after=1)

    assert site.witnessed() == ["forum.Quick", "forum.Slow", "forum.Quick"]


def test_one_failing_task_does_not_stop_the_others(make_site):
    broken = scheduled("Broken", "raise ValueError('disk is full')")
    site = make_site(plugins={"forum": (broken, scheduled("Digest", WITNESS))})

    summary = site.cron(after=60)

    assert site.witnessed() == ["forum.Digest"]
    assert (summary.scheduled, summary.failed) == (2, 1)


def test_a_process_that_is_kept_alive_runs_what_becomes_due(make_site):
    site = make_site(plugins={"forum": scheduled("Digest", WITNESS)})

    summary = site.cron(keep_alive=125)

    assert summary.scheduled == 2
    assert site.witnessed() == ["forum.Digest"] * 2


def test_a_process_that_is_kept_alive_leaves_when_its_time_is_up(make_site):
    site = make_site(plugins={"forum": scheduled("Digest", WITNESS)})
    started_at = site.clock.now

    site.cron(keep_alive=20)

    assert site.clock.now - started_at == 20


def test_a_process_that_is_kept_alive_counts_the_adhoc_tasks_of_each_phase_by_itself(make_site):
    again = adhoc("Mail", WITNESS)
    digest = scheduled("Digest", "queue_adhoc_task(Mail())")
    site = make_site(plugins={"forum": (digest, again)})

    site.cron(keep_alive=125)

    assert re.findall(r"Ran (\d+) adhoc tasks", site.log()) == ["1", "1"]


def test_a_process_that_finds_no_free_slot_writes_nothing_while_it_waits_for_one(make_site):
    site = make_site(
        plugins={"forum": scheduled("Digest", WITNESS)}, config="[cron]\nscheduled_concurrency_limit = 1"
    )

    with site.opened() as elsewhere:
        lock = elsewhere.locks.acquire("scheduled-0")
        site.cron(after=60, keep_alive=10)
        lock.release()

    assert site.log().count("Concurrency limit reached") == 1
    assert site.log().count("Ran 0 adhoc tasks") == 1


def test_the_log_has_the_lines_that_moodle_users_know(make_site):
    digest = scheduled("Digest", "mtrace('to Ada')", extra='"""Send digests."""')
    site = make_site(plugins={"forum": (digest, adhoc("Mail", "mtrace('sent')"))})
    site.queue("forum.Mail", '{"course":7}')

    site.cron(after=60)

    assert [
        re.sub(r"[0-9.e-]+ ([MG]B|seconds)", r"# \1", line).replace("# GB", "# MB")
        for line in site.log().splitlines()
    ] == [
        "Server Time: Mon, 4 Jan 2100 12:01:30 +0000",
        "",
        "Execute scheduled task: Send digests (forum.Digest)",
        "... started 12:01:30. Current memory use # MB.",
        f"... run id {site.runs('forum.Digest')[0].run_id}",
        "to Ada",
        "... used 0 dbqueries",
        "... used # seconds",
        "... used # MB peak memory",
        "Scheduled task complete: Send digests (forum.Digest)",
        "Execute adhoc task: forum.Mail",
        "Adhoc task id: 1",
        'Adhoc task custom data: {"course":7}',
        "... started 12:01:30. Current memory use # MB.",
        f"... run id {site.runs('forum.Mail')[0].run_id}",
        "sent",
        "... used 0 dbqueries",
        "... used # seconds",
        "... used # MB peak memory",
        "Adhoc task complete: forum.Mail",
        "Ran 1 adhoc tasks found at Mon, 4 Jan 2100 12:01:30 +0000",
        "Cron run completed correctly",
        "Cron completed at 12:01:30 in # seconds. Memory used: # MB.",
    ]


def test_seconds_are_never_written_in_scientific_notation():
    short = lines.usage_lines(queries=0, seconds=0.000_02, peak="")[1]
    long = lines.completed(at="", seconds=2_000_000, memory="")[1]

    assert short == "... used 0.00002 seconds"
    assert "in 2000000 seconds." in long


@pytest.mark.parametrize("body", ["print('half a line', end='')", "os.write(2, b'half a line')"])
def test_an_unfinished_line_does_not_swallow_the_line_behind_it(make_site, body):
    site = make_site(plugins={"forum": scheduled("Digest", body)})

    site.cron(after=60)

    assert "\n... used 0 dbqueries\n" in site.log()


def test_a_minute_without_work_makes_no_log_file_and_prints_nothing(make_site, capfd):
    site = make_site(plugins={"forum": scheduled("Digest", WITNESS)})

    site.cron(shown="all")

    assert site.log_files() == []
    assert capfd.readouterr() == ("", "")


def test_a_minute_without_work_is_shown_to_who_asks_for_it(make_site, capfd):
    site = make_site(plugins={"forum": scheduled("Digest", WITNESS)})

    site.cron(shown="all", always_shown=True)

    assert "Cron run completed correctly\n" in capfd.readouterr().out
    assert site.log_files() == []


def test_a_cron_leaves_no_runner_and_no_lock_of_its_own(make_site):
    site = make_site(plugins={"forum": (scheduled("Digest"), adhoc("Mail"))})
    site.queue("forum.Mail")

    site.cron(after=60)

    with site.opened() as opened:
        assert opened.store.runners.list() == []
    assert site.locks() == ["adhoc-0.lock", "scheduled-0.lock"]


def test_a_task_declared_while_a_process_is_kept_alive_waits_for_the_next_process(make_site):
    site = make_site(plugins={"forum": scheduled("Digest", WITNESS)})

    with site.opened() as old:
        site.write("shop", scheduled("Bill", WITNESS))
        site.row("shop.Bill")
        site.clock.now += 60
        site.runner(old).work()

    witnessed_by_the_old = site.witnessed()
    next_one = site.cron(after=60)

    assert "shop.Bill" not in witnessed_by_the_old
    assert (next_one.scheduled, next_one.failed) == (2, 0)
    assert site.outcomes("shop.Bill") == ["ok"]
