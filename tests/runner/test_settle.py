"""What came of a run is not lost when the database goes away while the task runs."""

import os
import sqlite3
import sys
from contextlib import contextmanager
from dataclasses import replace

import pytest

from taskrunner.errors import StoreError
from taskrunner.runner.job import FinishedRun
from tests.databases import ON_POSTGRES, ON_SQLITE, ask
from tests.runner.runner_site import adhoc, scheduled, site_at
from tests.server.postgres import running_server

OTHER_SESSIONS = (
    "select count(pg_terminate_backend(pid, 10000)) from pg_stat_activity"
    " where datname = current_database() and pid <> pg_backend_pid()"
)
END_ALL_SESSIONS = f'elsewhere("{OTHER_SESSIONS}")\n'


def cron(site, wait):
    """Run a cron whose tries to reach the database wait as told; return the error it ends with."""
    with site.opened() as opened:
        runner = site.runner(opened)
        runner.settler = replace(runner.settler, wait=wait)
        try:
            runner.work()
        except StoreError as error:
            return error
    return None


def noted(site):
    """Return the notes of runs whose process could not tell the database of them."""
    return list((site.root / "state" / "ended").glob("*.journal"))


@ON_POSTGRES
@pytest.mark.parametrize("end", ["", "raise ValueError('no')"], ids=["ok", "failed"])
@pytest.mark.parametrize("isolation", ["none", "fork"])
def test_a_run_is_settled_after_all_sessions_were_ended_under_it(make_site, isolation, end):
    tasks = (
        scheduled("Digest", f"witness('ran')\n{END_ALL_SESSIONS}print('done')\n{end}"),
        adhoc("Mail", f"witness('ran')\n{END_ALL_SESSIONS}print('done')\n{end}"),
    )
    site = make_site(plugins={"forum": tasks}, config=f'[tasks."forum.*"]\nisolation = "{isolation}"')
    site.queue("forum.Mail")

    for after in (60, 1, 1):
        site.cron(after=after)

    outcome = "failed" if end else "ok"
    assert {(run.name, run.outcome) for run in site.runs()} == {
        ("forum.Digest", outcome),
        ("forum.Mail", outcome),
    }
    assert site.witnessed() == ["ran", "ran"]
    assert all(run.output.startswith("done\n") for run in site.runs())
    assert noted(site) == []


@ON_POSTGRES
def test_a_process_that_lost_its_lock_starts_no_more_tasks_and_the_next_one_does(make_site):
    tasks = (scheduled("Digest", END_ALL_SESSIONS), scheduled("Second", "witness('second')"), adhoc("Mail"))
    site = make_site(plugins={"forum": tasks})
    site.queue("forum.Mail")

    site.cron(after=60)
    after_the_first = (site.outcomes(), site.witnessed())
    site.cron(after=1)

    assert after_the_first == (["ok"], [])
    assert sorted(site.outcomes()) == ["ok", "ok", "ok"]
    assert site.witnessed() == ["second"]


@ON_POSTGRES
def test_while_the_database_is_away_it_is_asked_again_and_again(make_site):
    """Nobody is let in until the third try."""
    tries = []

    def wait(seconds):
        tries.append(seconds)
        if len(tries) == 3:
            ask(f"{server}/postgres", f"alter database {name} allow_connections true")

    site = make_site(plugins={"forum": scheduled("Digest")})
    server, _, name = site.url.rpartition("/")
    end_all = f"select pg_terminate_backend(pid, 10000) from pg_stat_activity where datname = '{name}'"
    away = f"""\
ask("{server}/postgres", "alter database {name} allow_connections false")
ask("{server}/postgres", "{end_all}")
print("done")"""
    site.write("forum", scheduled("Digest", away))
    site.row("forum.Digest")
    site.clock.now += 60

    error = cron(site, wait)

    assert (error, tries) == (None, [0.05, 0.2, 0.5])
    assert [(run.outcome, run.output) for run in site.runs()] == [("ok", "done\n")]
    assert noted(site) == []


STOP_SERVER = """\
import time
witness('ran')
os.kill({pid}, signal.SIGINT)
while os.path.exists({data!r}):
    time.sleep(0.01)
print('done')
{end}"""


@pytest.mark.parametrize("end", ["", "raise ValueError('no')"], ids=["ok", "failed"])
def test_a_run_during_which_the_server_was_stopped_is_recorded_once_by_the_next_cron(tmp_path, end):
    with running_server() as server:
        data = server.folder / "data" / "postmaster.pid"
        pid = int(data.read_text().split()[0])
        line = f'database = "{server.url()}"\n'
        stop = "import signal\n" + STOP_SERVER.format(pid=pid, data=str(data), end=end)
        tasks = (scheduled("Digest", stop), scheduled("Next", "witness('next')"))
        site = site_at(tmp_path, database_line=line, plugins={"forum": tasks})
        site.clock.now += 60
        waits: list[float] = []

        error = cron(site, waits.append)
        kept = noted(site)
        server.restart()
        for _ in range(2):
            site.cron(after=1)

        outcome = "failed" if end else "ok"
        assert (error.exit_code, len(kept)) == (69, 1)
        assert sum(waits) > 10
        [run] = site.runs("forum.Digest")
        assert (run.outcome, run.output.startswith("done\n")) == (outcome, True)
        assert site.row("forum.Digest").last_outcome == outcome
        assert site.witnessed() == ["ran", "next"]
        assert noted(site) == []
        assert f"Recovered scheduled task: forum.Digest (run {run.run_id})" in site.log()


@pytest.fixture
def impatient(monkeypatch):
    """Do not wait for a database that another process holds."""
    monkeypatch.setattr("taskrunner.db.sqlite.connect.BUSY_SECONDS", 0.0)


@ON_SQLITE
def test_a_run_during_which_the_file_was_locked_is_settled_when_it_is_free(make_site, impatient):
    held = []

    def hold():
        held.append(sqlite3.connect(site.url.removeprefix("sqlite:"), isolation_level=None))
        held[0].execute("begin exclusive")

    def wait(seconds):
        waits.append(seconds)
        if len(waits) == 3:
            held[0].close()

    waits = []
    site = make_site(plugins={"forum": scheduled("Digest", "print('done')\nsys.hold()")})
    site.clock.now += 60
    with pytest.MonkeyPatch.context() as context:
        context.setattr("sys.hold", hold, raising=False)
        error = cron(site, wait)

    assert (error, len(waits)) == (None, 3)
    assert [(run.outcome, run.output) for run in site.runs()] == [("ok", "done\n")]
    assert noted(site) == []


@ON_SQLITE
def test_a_task_that_leaves_the_file_locked_in_its_own_process_is_named_and_the_wait_is_bounded(
    make_site, impatient
):
    body = "import sqlite3\nsys.held = sqlite3.connect({path!r}, isolation_level=None)\n"
    body += "sys.held.execute('begin exclusive')\nprint('done')"
    site = make_site(plugins={"forum": scheduled("Digest")})
    site.write("forum", scheduled("Digest", body.format(path=site.url.removeprefix("sqlite:"))))
    site.row("forum.Digest")
    site.clock.now += 60
    waits = []

    error = cron(site, lambda seconds: waits.append(seconds) or site.clock.wait(seconds))
    sys.held.close()
    site.write("forum", scheduled("Digest"))
    site.cron(after=1)

    assert (75, True) == (error.exit_code, sum(waits) < 60)
    assert str(error).startswith("the end of forum.Digest could not be written")
    assert str(error.hint).startswith("perhaps forum.Digest itself leaves a transaction of its own open")
    assert [("ok", "done\n")] == [(run.outcome, run.output) for run in site.runs()]


@ON_SQLITE
@pytest.mark.parametrize("end", ["", "raise ValueError('no')"], ids=["ok", "failed"])
def test_a_run_during_which_the_file_was_moved_away_is_recorded_once_by_the_next_cron(make_site, end):
    away = "path = {path!r}\nos.rename(path, path + '.away')\nprint('done')\n" + end
    site = make_site(plugins={"forum": scheduled("Digest")})
    path = site.url.removeprefix("sqlite:")
    site.write("forum", scheduled("Digest", away.format(path=path)))
    site.row("forum.Digest")
    site.clock.now += 60

    error = cron(site, lambda seconds: None)
    kept = noted(site)
    os.rename(f"{path}.away", path)
    site.write("forum", scheduled("Digest"))
    for _ in range(2):
        site.cron(after=1)

    outcome = "failed" if end else "ok"
    assert (error.exit_code, len(kept)) == (69, 1)
    assert [(run.outcome, run.output.startswith("done\n")) for run in site.runs()] == [(outcome, True)]
    assert site.row("forum.Digest").failures == (1 if end else 0)
    assert noted(site) == []


@ON_SQLITE
def test_a_run_that_was_settled_after_all_is_not_recorded_again(make_site):
    """The database took it, and could not say so any more."""
    site = make_site(plugins={"forum": scheduled("Digest")})
    site.cron(after=60)
    [run] = site.runs()

    with site.opened() as opened:
        runner = site.runner(opened)
        runner.settler._settle_late([FinishedRun(run, 0)], StoreError("it was not heard"))

    assert site.outcomes() == ["ok"]


def test_what_was_claimed_by_a_transaction_whose_answer_was_lost_is_given_back(make_site):
    """The database took it, and could not say so: the task has not run, and nothing is charged."""
    site = make_site(plugins={"forum": (scheduled("Digest"), adhoc("Mail"))})
    site.queue("forum.Mail")
    site.clock.now += 60
    before = (site.row("forum.Digest"), site.adhoc())

    with site.opened() as opened:
        runner, committing = site.runner(opened), opened.store.transaction

        @contextmanager
        def losing_the_answer():
            opened.store.transaction = committing
            with committing():
                yield
            raise StoreError("it was not heard")

        runner.scheduled.begin_phase(site.clock())
        for claims in (runner.scheduled, runner.adhoc):
            opened.store.transaction = losing_the_answer
            with pytest.raises(StoreError, match="not heard"):
                runner.settler.claim(claims.next)

    assert before == (site.row("forum.Digest"), site.adhoc())
    site.cron()
    assert site.outcomes() == ["ok", "ok"]
