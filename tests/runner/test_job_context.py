"""What a task may ask and use while it runs."""

import pytest

from tests.databases import ON_POSTGRES, ask, placeholder
from tests.runner.runner_site import adhoc, scheduled

TABLE = "create table thing (id integer)"
INSERT = "self.db.execute('insert into thing values (1)')\n"


def test_a_scheduled_task_knows_its_run_its_attempt_and_its_delay(make_site):
    telling = "witness(self.run_id, self.attempt, self.fail_delay)"
    site = make_site(plugins={"forum": scheduled("Digest", f"{telling}\nif self.attempt < 3: raise OSError")})

    for after in (60, 60, 120, 60):
        site.cron(after=after)

    ids = [run.run_id for run in site.runs()]
    assert site.witnessed() == [f"{ids[0]} 1 0", f"{ids[1]} 2 60", f"{ids[2]} 3 120", f"{ids[3]} 1 0"]


def test_a_scheduled_task_knows_its_last_run_and_its_last_success(make_site):
    telling = (
        "moments = (self.last_run_at, self.last_success_at)\nwitness(*(at and int(at) for at in moments))"
    )
    failing = f"{telling}\nif self.last_success_at: raise OSError"
    site = make_site(plugins={"forum": scheduled("Digest", failing)})
    first = int(site.clock.now) + 60

    for after in (60, 60, 60):
        site.cron(after=after)

    assert site.witnessed() == ["None None", f"{first} {first}", f"{first + 60} {first}"]


def test_an_adhoc_task_knows_its_data_and_its_attempt(make_site):
    telling = "witness(self.name, self.custom_data['course'], self.attempt, self.fail_delay, self.user)"
    site = make_site(plugins={"forum": adhoc("Mail", f"{telling}\nif self.attempt < 3: raise OSError")})
    site.queue("forum.Mail", '{"course": 7}')

    for after in (0, 60, 120):
        site.cron(after=after)

    assert site.witnessed() == [
        "forum.Mail 7 1 0 None",
        "forum.Mail 7 2 60 None",
        "forum.Mail 7 3 120 None",
    ]


def test_a_queued_task_is_not_initialised_again(make_site):
    extra = (
        "def __init__(self, course, *, urgent):\n    super().__init__({'course': course, 'urgent': urgent})"
    )
    mail = adhoc("Mail", "witness(self.custom_data['course'], self.custom_data['urgent'])", extra=extra)
    site = make_site(plugins={"forum": (scheduled("Digest", "queue_adhoc_task(Mail(7, urgent=True))"), mail)})

    site.cron(after=60)

    assert site.witnessed() == ["7 True"]


def test_what_is_asked_outside_of_a_run_is_refused(make_site):
    extra = "def should_run(self):\n    self.run_id"
    site = make_site(plugins={"forum": scheduled("Digest", extra=extra)})

    site.cron(after=60)

    assert (
        site.runs()[0].message == "RuntimeError: Digest is not running: this is known only inside execute()"
    )


def test_reads_and_writes_of_the_task_are_counted(make_site):
    body = INSERT + (
        "self.db.cursor().executemany('insert into thing values ({})', [(2,), (3,)])\n"
        "self.db.commit()\n"
        "self.db.execute('select * from thing').fetchall()\n"
        "self.db.execute('select 1')"
    )
    site = make_site(plugins={"forum": scheduled("Digest")})
    site.elsewhere(TABLE)
    site.write("forum", scheduled("Digest", body.format(placeholder(site.url))))

    site.cron(after=60)

    [run] = site.runs()
    assert (run.outcome, run.db_reads, run.db_writes) == ("ok", 2, 3)
    assert "\n... used 5 dbqueries\n" in site.log()


def test_a_transaction_left_open_fails_the_task_and_is_rolled_back(make_site):
    site = make_site(plugins={"forum": scheduled("Digest", INSERT)})
    site.elsewhere(TABLE)

    site.cron(after=60)

    [run] = site.runs()
    assert (run.outcome, run.message) == ("failed", "Task left transaction open")
    assert "Scheduled task failed: Digest (forum.Digest),Task left transaction open" in site.log()
    assert things(site) == []


def test_a_task_that_has_only_read_left_nothing_open(make_site):
    site = make_site(plugins={"forum": scheduled("Digest", "self.db.execute('select 1').fetchall()")})

    site.cron(after=60)

    assert site.outcomes() == ["ok"]


@ON_POSTGRES
def test_a_transaction_that_a_statement_has_broken_was_left_open(make_site):
    broken = "try:\n    self.db.execute('select nonsense')\nexcept Exception:\n    print('on')"
    site = make_site(plugins={"forum": scheduled("Digest", broken)})

    site.cron(after=60)

    assert [run.message for run in site.runs()] == ["Task left transaction open"]


@ON_POSTGRES
@pytest.mark.parametrize("before", ["", INSERT], ids=["idle", "in a transaction"])
def test_a_task_whose_connection_was_ended_gets_its_outcome_all_the_same(make_site, before):
    end = "elsewhere(f'select pg_terminate_backend({self.db.info.backend_pid}, 5000)')"
    site = make_site(plugins={"forum": (scheduled("Digest", before + end), scheduled("Next"))})
    site.elsewhere(TABLE)

    site.cron(after=60)

    [digest] = site.runs("forum.Digest")
    assert (digest.outcome, things(site)) == ("failed" if before else "ok", [])
    assert site.outcomes("forum.Next") == ["ok"]


def test_a_transaction_left_open_by_a_failing_task_is_rolled_back_and_its_own_reason_is_kept(make_site):
    site = make_site(plugins={"forum": scheduled("Digest", INSERT + "raise ValueError('disk is full')")})
    site.elsewhere(TABLE)

    site.cron(after=60)

    assert [run.message for run in site.runs()] == ["ValueError: disk is full"]
    assert things(site) == []


@pytest.mark.parametrize("close", ["self.db.close()", "self.db.commit()\nself.db.close()"])
def test_a_task_may_close_its_connection_itself(make_site, close):
    site = make_site(plugins={"forum": scheduled("Digest", f"self.db.execute('select 1')\n{close}")})

    site.cron(after=60)

    assert [(run.outcome, run.message) for run in site.runs()] == [("ok", None)]


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_the_task_database_of_the_config_is_used(make_site, tmp_path, postgres_databases, kind):
    with postgres_databases.new() as postgres:
        url = postgres if kind == "postgres" else f"sqlite:{tmp_path / 'other.db'}"
        site = make_site(
            plugins={"forum": scheduled("Digest", f"self.db.execute('{TABLE}')\nself.db.commit()")},
            config=f'[task_database]\nurl = "{url}"',
        )

        site.cron(after=60)

        assert ask(url, "select id from thing") == []


def test_a_task_may_use_its_connection_and_queue_one_after_the_other(make_site):
    body = INSERT + "self.db.commit()\nqueue_adhoc_task(Mail())"
    site = make_site(plugins={"forum": (scheduled("Digest", body), adhoc("Mail"))})
    site.elsewhere(TABLE)

    summary = site.cron(after=60)

    assert (summary.scheduled, summary.adhoc, summary.failed) == (1, 1, 0)
    assert things(site) == [(1,)]


def test_progress_is_known_while_the_task_runs_and_not_of_the_next_one(make_site):
    looking = (
        "columns = 'progress_done, progress_total, progress_text'\n"
        "witness(*elsewhere(f\"select {columns} from v_task_running where run_id = '{self.run_id}'\")[0])"
    )
    first, second = f"self.progress(3, 10, 'courses')\n{looking}", looking
    site = make_site(plugins={"forum": (scheduled("Digest", first), scheduled("Second", second))})

    site.cron(after=60)

    assert site.witnessed() == ["3.0 10.0 courses", "None None None"]


def things(site):
    return site.elsewhere("select id from thing")
