"""Which runs are kept, what stdout is told, and how long both are kept."""

import os
import time

import pytest

from tests.runner.runner_site import adhoc, scheduled

TWO = (
    scheduled("Good", "print('fine')"),
    scheduled("Bad", "print('so far')\nraise ValueError('disk is full')"),
)
DAY = 86_400


@pytest.mark.parametrize(
    ("mode", "kept"), [("all", ["ok", "failed"]), ("failures", ["failed"]), ("none", [])]
)
def test_the_log_mode_says_which_runs_are_kept(make_site, mode, kept):
    site = make_site(plugins={"forum": TWO}, config=f'[log]\nmode = "{mode}"')

    site.cron(after=60)

    assert site.outcomes() == kept
    assert site.row("forum.Bad").failures == 1


def test_stdout_is_told_all_that_the_log_file_has(make_site, capfd):
    site = make_site(plugins={"forum": TWO})

    site.cron(after=60, shown="all")

    assert capfd.readouterr().out == site.log()


def test_stdout_is_told_of_failures_only(make_site, capfd):
    site = make_site(plugins={"forum": TWO})

    site.cron(after=60, shown="failures")

    [run] = site.runs("forum.Bad")
    assert capfd.readouterr().out == (
        "Scheduled task failed: Bad (forum.Bad),ValueError: disk is full\n"
        f"{run.output}"
        "Next try: Mon, 4 Jan 2100 12:02:30 +0000\n"
        f"Run {run.run_id}, log file {run.log_file}\n\n"
    )


def test_stdout_is_told_nothing_where_it_is_switched_off(make_site, capfd):
    site = make_site(plugins={"forum": TWO})

    site.cron(after=60, shown="none")

    assert capfd.readouterr() == ("", "")
    assert "disk is full" in site.log()


def test_stdout_is_told_nothing_of_successes_where_it_hears_of_failures(make_site, capfd):
    site = make_site(plugins={"forum": TWO[0]})

    site.cron(after=60, shown="failures")

    assert capfd.readouterr() == ("", "")


def test_no_next_try_is_promised_for_a_task_without_attempts(make_site, capfd):
    site = make_site(plugins={"forum": adhoc("Mail", "raise ValueError('disk is full')")})
    site.queue("forum.Mail", attempts=1)

    site.cron(shown="failures")

    printed = capfd.readouterr().out
    assert "Adhoc task failed: forum.Mail,ValueError: disk is full" in printed
    assert "Next try: " not in printed


def test_a_crash_is_a_failure_that_stdout_is_told_of(make_site, capfd):
    site = make_site(plugins={"forum": scheduled("Digest")})
    die_in(site, "forum.Digest", "half a digest\n")

    site.cron(shown="failures")

    printed = capfd.readouterr().out
    assert "Scheduled task failed: Digest (forum.Digest),the process died" in printed
    assert "half a digest" in printed
    assert "Next try: " in printed


def die_in(site, name, output):
    """Claim a task as a process that dies in it."""
    site.clock.now += 60
    log = site.root / "dead.log"
    with site.opened() as opened:
        runner = site.runner(opened)
        opened.store.runners.add(
            runner.identity.id,
            hostname=runner.identity.hostname,
            pid=1,
            started_at=site.clock(),
            command="cron",
            log_file=str(log),
        )
        row = opened.store.scheduled.claim_named(name, runner.identity.claim_info(site.clock()))
    log.write_text(f"... run id {row.run_id}\n{output}")


def test_log_file_and_folders_are_closed_to_others(make_site):
    site = make_site(plugins={"forum": TWO})

    site.cron(after=60)

    [path] = site.log_files()
    modes = [oct(place.stat().st_mode & 0o777) for place in (path, path.parent, site.root / "log")]
    assert modes == ["0o640", "0o750", "0o750"]


def test_the_log_file_is_named_by_the_config(make_site):
    site = make_site(plugins={"forum": TWO}, config='[log]\nfile = "cron/%Y/%j-{pid}.txt"')

    site.cron(after=60)

    assert site.log_files() == [site.root / "log" / "cron" / "2100" / f"004-{os.getpid()}.txt"]


def test_a_log_folder_that_cannot_be_used_is_replaced_and_told_of(make_site, capfd):
    site = make_site(plugins={"forum": TWO})
    (site.root / "log").write_text("in the way")

    summary = site.cron(after=60, shown="all")

    told = capfd.readouterr().err.splitlines()
    [run] = site.runs("forum.Good")
    assert summary.scheduled == 2
    assert len(told) == 1 and told[0].startswith(
        f"taskrun: log_dir: cannot write {site.root}/log/2100-01-04/"
    )
    assert run.log_file.startswith(f"{site.root}/state/log/2100-01-04/")


def test_a_link_in_place_of_the_log_file_is_not_followed(make_site, capfd):
    site = make_site(plugins={"forum": TWO}, config='[log]\nfile = "cron_{pid}.log"')
    target = site.root / "precious"
    target.write_text("precious")
    (site.root / "log").mkdir()
    (site.root / "log" / f"cron_{os.getpid()}.log").symlink_to(target)

    summary = site.cron(after=60, shown="all")

    assert (summary.scheduled, target.read_text()) == (2, "precious")
    assert "it is not a regular file" in capfd.readouterr().err


@pytest.fixture
def housekeeping(make_site):
    """Make a site that has only its housekeeping to do, at the real time, all of it overdue."""

    def make(config: str = "", **plugins: str):
        every_minute = '[tasks."core.*Cleanup"]\nschedule = "* * * * *"'
        return make_site(
            plugins={"forum": scheduled("Digest", schedule="@yearly")} | plugins,
            config=f"{every_minute}\n{config}",
            core_disabled=False,
            now=time.time(),
        )

    return make


def kept_days(site, name="forum.Digest"):
    """Return how many days ago the kept runs of a task started, oldest first."""
    return [round((site.clock.now - run.started_at) / DAY) for run in site.runs(name)]


def keep_runs(site, days, name="forum.Digest"):
    """Keep a successful run for each number of days ago."""
    from taskrunner.records import Run

    with site.opened() as opened:
        for number, ago in enumerate(days):
            moment = site.clock() - ago * DAY
            opened.store.log.add(
                Run(
                    run_id=f"{name}-{number:05}",
                    type="scheduled",
                    name=name,
                    plugin="forum",
                    adhoc_id=None,
                    user=None,
                    due_at=moment,
                    started_at=moment,
                    ended_at=moment,
                    outcome="ok",
                    message=None,
                    output="",
                    log_file=None,
                    db_reads=0,
                    db_writes=0,
                    cpu_seconds=0.0,
                    max_rss=0,
                    attempt=1,
                    hostname="here",
                    pid=1,
                )
            )


def test_old_runs_are_deleted_but_the_newest_of_each_task_stay(housekeeping):
    site = housekeeping("[log]\nretention_days = 28\nretain_runs = 2")
    keep_runs(site, [60, 50, 40, 30])
    keep_runs(site, [60, 50, 20, 10, 5], name="forum.Other")

    site.cron(after=60)

    assert kept_days(site) == [40, 30]
    assert kept_days(site, "forum.Other") == [20, 10, 5]


def test_no_task_keeps_more_runs_than_it_may(housekeeping):
    site = housekeeping("[log]\nmax_runs = 3\nretain_runs = 2")
    keep_runs(site, [5, 4, 3, 2, 1])

    site.cron(after=60)

    assert kept_days(site) == [3, 2, 1]


def test_with_nothing_to_retain_all_old_runs_go(housekeeping):
    site = housekeeping("[log]\nretain_runs = 0")
    keep_runs(site, [60, 29, 27])

    site.cron(after=60)

    assert kept_days(site) == [27]


def test_old_log_files_are_deleted_and_other_files_stay(housekeeping):
    site = housekeeping()
    old = time.time() - 15 * DAY
    names = {
        "2026-01-02/cron_1357_4711.log": old,
        "2026-01-02/cron_1358_4712.log.gz": old,
        "2026-01-03/cron_1357_4711.log": time.time() - 13 * DAY,
        "2026-01-03/notes.txt": old,
        "cron_1357_4711.log": old,
    }
    for name, moment in names.items():
        path = site.root / "log" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("old")
        os.utime(path, (moment, moment))

    site.cron(after=60)

    left = [
        str(path.relative_to(site.root / "log")) for path in site.log_files() if path.read_text() == "old"
    ]
    assert left == ["2026-01-03/cron_1357_4711.log", "2026-01-03/notes.txt", "cron_1357_4711.log"]
    assert not (site.root / "log" / "2026-01-02").exists()


def test_the_log_file_of_a_process_that_lives_stays_however_old_it_looks(housekeeping):
    site = housekeeping()
    path = site.root / "log" / "2026-01-02" / "cron_1357_4711.log"
    path.parent.mkdir(parents=True)
    path.write_text("written now")
    os.utime(path, (time.time() - 15 * DAY,) * 2)
    with site.opened() as opened:
        lives = site.runner(opened)
        opened.store.runners.add(
            lives.identity.id,
            hostname=opened.hostname,
            pid=lives.identity.pid,
            started_at=site.clock(),
            command="cron",
            log_file=str(path),
        )
        lock = opened.locks.acquire(f"runner-{lives.identity.id}")
        assert lock is not None

        site.runner(opened).work()
        site.clock.now += 60
        site.runner(opened).work()

        assert "written now" == path.read_text()
        lock.release()


def test_given_up_adhoc_tasks_are_deleted_after_their_retention(housekeeping):
    site = housekeeping("[adhoc]\nfailed_retention_days = 1")
    site.write("shop", adhoc("Mail", "raise ValueError"))
    site.clock.now -= 2 * DAY
    site.queue("shop.Mail", attempts=1)
    site.queue("shop.Mail", attempts=5)
    site.cron()
    site.clock.now += 2 * DAY

    site.cron(after=120)

    assert [row.attempts_left for row in site.adhoc()] == [3]


def test_housekeeping_is_listed_and_customisable_like_any_task(housekeeping):
    site = housekeeping()

    assert [site.row(f"core.{name}").default_schedule for name in ("LogCleanup", "LogFileCleanup")] == [
        "R R * * *",
        "R R * * *",
    ]
    assert site.row("core.LogCleanup").schedule == "* * * * *"


def test_two_containers_with_one_pid_never_share_a_log_file(make_site):
    site = make_site(plugins={"forum": TWO})
    site.clock.now += 60
    with site.opened() as first, site.opened() as second:
        one, other = site.runner(first), site.runner(second)
        paths = [runner.output.log_path for runner in (one, other)]
        one.output.say("of the first")
        other.output.say("of the second")

    assert 2 == len(set(paths))
    assert paths[1].name == f"{paths[0].stem}-2.log"
    assert ["of the first\n", "of the second\n"] == [path.read_text() for path in paths]


def test_a_log_file_without_a_word_is_not_kept(make_site):
    site = make_site(plugins={"forum": TWO})
    with site.opened() as opened:
        output = site.runner(opened).output
        path = output.log_path
        assert path.exists()
        output.close()

    assert not path.exists()


def test_the_name_of_the_host_may_stand_in_the_name_of_a_log_file(make_site):
    site = make_site(plugins={"forum": TWO}, config='[log]\nfile = "{host}/cron_{pid}.log"')

    site.cron(after=60)

    assert {f"log/{os.uname().nodename}"} == {
        str(file.parent.relative_to(site.root)) for file in site.log_files()
    }
