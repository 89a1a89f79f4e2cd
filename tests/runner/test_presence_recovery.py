"""Runs whose process died, as the next cron finds them."""

import os

import pytest

from tests.runner.runner_site import RunnerSite, adhoc, scheduled
from tests.store.store_rows import run_of


def die_in_task(
    site: RunnerSite, name: str, log: str | None = "{marker}so far\n", *, hostname: str | None = None
) -> str:
    """Leave what a process leaves that dies in a task: rows and a log file, no lock. Return the run's id."""
    path = site.root / "log" / "dead.log"
    with site.opened() as opened:
        identity = site.runner(opened).identity
        claim = identity.claim_info(site.clock())
        opened.store.runners.add(
            identity.id,
            hostname=hostname or identity.hostname,
            pid=identity.pid,
            started_at=identity.started_at,
            command="cron",
            log_file=None if log is None else str(path),
        )
        if opened.registry.get(name).kind == "scheduled":
            opened.store.scheduled.claim_named(name, claim)
        else:
            opened.store.adhoc.claim(name, claim).get()
    if log is not None:
        path.parent.mkdir(exist_ok=True)
        marker = f"... started 12:00:00.\n... run id {claim.run_id}\n"
        path.write_bytes(log.replace("{marker}", marker).encode("utf-8", "surrogateescape"))
    return claim.run_id


def test_a_run_whose_process_died_gets_one_log_row_with_its_output(make_site):
    site = make_site(plugins={"forum": scheduled("Digest")})
    run_id = die_in_task(site, "forum.Digest")
    died_at = site.clock()

    site.cron(after=30)
    site.cron(after=1)

    [run] = site.runs()
    assert (run.run_id, run.outcome, run.output) == (run_id, "crashed", "so far\n")
    assert (run.started_at, run.ended_at, run.noticed_at, run.attempt) == (
        died_at,
        died_at,
        died_at + 30,
        1,
    )
    assert (run.message or "").startswith("the process died (pid ")
    assert run.log_file == str(site.root / "log" / "dead.log")


@pytest.mark.parametrize(("written_after", "lived"), [(0.125, 0.125), (20, 20), (-5, 0), (4000, 3600)])
def test_a_run_lived_until_the_last_write_of_its_log_file(make_site, written_after, lived):
    site = make_site(plugins={"forum": scheduled("Digest")})
    die_in_task(site, "forum.Digest")
    path = site.root / "log" / "dead.log"
    os.utime(path, (site.clock() + written_after,) * 2)

    site.cron(after=3600)

    [run] = site.runs("forum.Digest")[:1]
    assert (lived, 3600) == (run.duration, (run.noticed_at or 0) - run.started_at)
    assert 3660 == site.row("forum.Digest").next_run_at - run.started_at


@pytest.mark.parametrize("log", [None, "another run\n"])
def test_a_run_lived_until_the_last_progress_it_told(make_site, log):
    site = make_site(plugins={"forum": scheduled("Digest")})
    run_id = die_in_task(site, "forum.Digest", log)
    with site.opened() as opened:
        [dead] = opened.store.runners.list()
        told_at = site.clock() + 7
        opened.store.runners.progress(dead.id, run_id, now=told_at, done=1, total=2, text="half")

    site.cron(after=3600)

    assert 7 == site.runs("forum.Digest")[0].duration


@pytest.mark.parametrize("is_recorded", [False, True])
def test_a_run_that_was_not_queued_gets_one_log_row_too(make_site, is_recorded):
    site = make_site(plugins={"forum": adhoc("Mail")})
    with site.opened() as opened:
        dead = site.runner(opened).identity
        of_runner = {"hostname": dead.hostname, "pid": dead.pid, "started_at": site.clock()}
        opened.store.runners.add(dead.id, **of_runner, command="run-task", log_file=None)
        opened.store.runners.begin(dead.id, "RUN1", name="forum.Mail", started_at=site.clock())
        if is_recorded:  # it died when that was done
            opened.store.log.add(run_of("RUN1", name="forum.Mail", outcome="ok"))

    site.cron(after=30)

    assert [("RUN1", "ok" if is_recorded else "crashed")] == [
        (run.run_id, run.outcome) for run in site.runs()
    ]
    with site.opened() as opened:
        assert [] == opened.store.runners.list() == opened.store.runners.running()


def test_a_crash_is_charged_like_any_failure(make_site):
    site = make_site(plugins={"forum": scheduled("Digest")})
    die_in_task(site, "forum.Digest")

    site.cron()

    row = site.row("forum.Digest")
    assert (row.fail_delay, row.failures, row.last_outcome, row.run_id) == (60, 1, "crashed", None)
    assert site.waits("forum.Digest") == 60


def test_nothing_is_left_of_a_dead_runner(make_site):
    site = make_site(plugins={"forum": scheduled("Digest")})
    die_in_task(site, "forum.Digest")

    site.cron()

    with site.opened() as opened:
        assert opened.store.runners.list() == []
    assert [name for name in site.locks() if name.startswith("runner-")] == []


def test_a_dead_runner_that_had_no_task_is_removed_without_a_word(make_site, capfd):
    site = make_site(plugins={"forum": scheduled("Digest")})
    with site.opened() as opened:
        opened.store.runners.add(
            "dead", hostname=opened.hostname, pid=1, started_at=site.clock(), command="cron", log_file=None
        )

    site.cron(shown="all")

    with site.opened() as opened:
        assert opened.store.runners.list() == []
    assert capfd.readouterr().out == ""
    assert site.log_files() == []


def test_a_task_whose_runner_lives_is_left_alone(make_site):
    site = make_site(plugins={"forum": (scheduled("Digest"), scheduled("Other"))})
    run_id = die_in_task(site, "forum.Digest")
    with site.opened() as opened:
        [runner] = opened.store.runners.list()
        lock = opened.locks.acquire(f"runner-{runner.id}")
        assert lock is not None
        site.cron(after=60)
        lock.release()

    assert site.row("forum.Digest").run_id == run_id
    assert site.outcomes() == ["ok"]


def test_a_recovered_task_is_not_run_again_before_its_delay(make_site):
    site = make_site(plugins={"forum": scheduled("Digest", "witness('ran')")})
    die_in_task(site, "forum.Digest")

    site.cron(after=30)
    too_early = site.witnessed()
    site.cron(after=60)

    assert too_early == []
    assert site.witnessed() == ["ran"]


def test_a_crash_charges_an_adhoc_task_its_attempt_once(make_site):
    site = make_site(plugins={"forum": adhoc("Mail")})
    site.queue("forum.Mail", attempts=5)
    die_in_task(site, "forum.Mail")

    site.cron()

    [row] = site.adhoc()
    assert (row.attempts_left, row.failures, row.fail_delay, row.run_id) == (4, 1, 60, None)
    assert site.outcomes() == ["crashed"]


def test_an_adhoc_task_that_kills_its_process_each_time_is_given_up(make_site):
    site = make_site(plugins={"forum": adhoc("Mail")})
    site.queue("forum.Mail", attempts=2)
    for _ in range(2):
        die_in_task(site, "forum.Mail")
        site.cron(keep_alive=0)
        site.clock.now += 86_400

    assert site.cron().adhoc == 0
    assert [row.attempts_left for row in site.adhoc()] == [0]
    assert site.outcomes() == ["crashed", "crashed"]


@pytest.mark.parametrize(
    ("log", "output"),
    [
        ("{marker}", ""),
        ("{marker}no line end", "no line end"),
        ("other lines\n" * 200_000 + "{marker}so far\n", "so far\n"),
        ("{marker}\udcff\0", "\ufffd\ufffd"),
        ("it died before its first line", ""),
        (None, ""),
    ],
)
def test_what_a_dead_run_printed_is_read_from_its_log_file(make_site, log, output):
    site = make_site(plugins={"forum": scheduled("Digest")})
    die_in_task(site, "forum.Digest", log)

    site.cron()

    assert [run.output for run in site.runs()] == [output]


def test_the_marker_is_found_where_the_log_file_is_read_piece_by_piece(make_site):
    site = make_site(plugins={"forum": scheduled("Digest")})
    before = "x" * (1024 * 1024 - 30)
    die_in_task(site, "forum.Digest", before + "\n{marker}so far\n")

    site.cron()

    assert [run.output for run in site.runs()] == ["so far\n"]


def test_a_huge_output_of_a_dead_run_is_cut_in_the_middle(make_site):
    site = make_site(plugins={"forum": scheduled("Digest")})
    die_in_task(site, "forum.Digest", "{marker}first\n" + "x" * 3_000_000 + "\nlast\n")

    site.cron()

    [run] = site.runs()
    assert run.output.startswith("first\n") and run.output.endswith("\nlast\n")
    assert "bytes are cut here" in run.output
    assert len(run.output) < 1024 * 1024 + 100


def test_a_log_file_that_is_gone_does_not_keep_a_run_from_being_recovered(make_site):
    site = make_site(plugins={"forum": scheduled("Digest")})
    die_in_task(site, "forum.Digest")
    (site.root / "log" / "dead.log").unlink()

    site.cron()

    [run] = site.runs()
    assert run.outcome == "crashed"
    assert f"dead.log on {run.hostname} cannot be read here: No such file or directory" in run.output


def test_the_output_of_the_next_task_is_not_that_of_the_dead_run(make_site):
    site = make_site(plugins={"forum": (scheduled("Digest"), scheduled("Other", "print('other')"))})
    die_in_task(site, "forum.Digest")

    site.cron(after=60)

    assert [(run.name, run.output) for run in site.runs()] == [
        ("forum.Digest", "so far\n"),
        ("forum.Other", "other\n"),
    ]


def test_a_crashed_task_that_vanished_is_recovered_all_the_same(make_site):
    site = make_site(plugins={"forum": (scheduled("Digest"), scheduled("Other"))})
    die_in_task(site, "forum.Digest")
    site.write("forum", scheduled("Other"))

    site.cron()

    assert site.outcomes("forum.Digest") == ["crashed"]
    assert site.row("forum.Digest").run_id is None


def test_a_recovery_is_told_in_the_log(make_site):
    site = make_site(plugins={"forum": scheduled("Digest")})
    run_id = die_in_task(site, "forum.Digest")

    site.cron()

    assert f"\nRecovered scheduled task: forum.Digest (run {run_id}): the process died" in site.log()


def test_the_next_success_ends_the_series_of_failures(make_site):
    site = make_site(plugins={"forum": scheduled("Digest")})
    die_in_task(site, "forum.Digest")
    site.cron()

    site.cron(after=60)

    row = site.row("forum.Digest")
    assert (row.failures, row.failing_since, site.outcomes()) == (0, None, ["crashed", "ok"])
