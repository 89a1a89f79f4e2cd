"""A database that went back in time is told, and no id is given twice."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from taskrunner.diagnosis.check import check_site
from taskrunner.heartbeat import beat, last_beat
from taskrunner.hosts import begin_counting, find_older
from tests.databases import ask
from tests.runner.runner_site import RunnerSite, adhoc, scheduled

TABLES = ("task_host", "task_adhoc", "task_log", "task_setting", "task_scheduled")


def cron(site: RunnerSite) -> str:
    """Do what `taskrun cron` does; return what it says of the database."""
    site.clock.now += 60
    with site.opened() as opened:
        now = site.clock()
        older = begin_counting(opened, beat(opened.config.state_dir, now), now)
        site.runner(opened).work()
    return older.message("UTC") if older else ""


@contextmanager
def put_back(site: RunnerSite, url: str) -> Iterator[None]:
    """Have, after the block, a database as it was before it."""
    if url.startswith("sqlite:"):
        file = url.removeprefix("sqlite:")
        with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(f"{file}.dump")) as target:
            source.backup(target)
        yield
        for suffix in ("-wal", "-shm", "-journal"):
            with pytest.MonkeyPatch.context():
                (site.root / f"state/taskrunner.db{suffix}").unlink(missing_ok=True)
        shutil.copyfile(f"{file}.dump", file)
        return
    for table in TABLES:
        ask(url, f"create table saved_{table} as table {table}")
    [(last_id,)] = ask(url, "select last_value from task_adhoc_id_seq")
    yield
    for table in reversed(TABLES):
        ask(url, f"delete from {table}")
    for table in TABLES:
        ask(url, f"insert into {table} select * from saved_{table}")
    ask(url, f"select setval('task_adhoc_id_seq', {last_id})")


@pytest.fixture
def site(make_site) -> RunnerSite:
    return make_site(plugins={"forum": (scheduled("Digest", schedule="* * * * *"), adhoc("Mail"))})


def test_an_older_database_is_told_once_by_cron_and_for_a_day_by_check(site, database_url) -> None:
    first = cron(site)
    with put_back(site, database_url):
        cron(site)
        cron(site)
    with site.opened() as opened:
        before = check_site(opened, now=site.clock())

    told = [cron(site), cron(site)]

    with site.opened() as opened:
        after = check_site(opened, now=site.clock())
        later = check_site(opened, now=site.clock() + 90_000)
    assert first == ""
    assert told[0].startswith(
        "the database went back in time: it knows of 1 crons of this host, 3 were counted"
    )
    assert told[1] == ""
    assert ["warning", "warning", "ok"] == [
        finding.level for found in (before, after, later) for finding in found if finding.area == "history"
    ]


def test_no_id_is_given_twice_by_a_database_that_went_back_in_time(site, database_url) -> None:
    cron(site)
    with put_back(site, database_url):
        ids = [site.queue("forum.Mail") for _ in range(3)]
        cron(site)

    cron(site)

    assert site.queue("forum.Mail") > max(ids) + 1000


def test_a_host_under_another_name_and_another_installation_are_compared_with_nothing(site) -> None:
    cron(site)
    cron(site)
    noted = last_beat(site.root / "state")

    with site.opened() as opened:
        assert noted is not None and noted.crons_of(opened.planner.seed, opened.hostname) == 2
        assert (0, 0) == (
            noted.crons_of("another", opened.hostname),
            noted.crons_of(opened.planner.seed, "another"),
        )
        assert find_older(opened, noted, site.clock()) is None


def test_a_host_that_was_forgotten_meanwhile_is_no_older_database(site, database_url) -> None:
    cron(site)
    ask(database_url, "delete from task_host")
    noted = last_beat(site.root / "state")

    with site.opened() as opened:
        at_once, later = (find_older(opened, noted, site.clock() + passed) for passed in (60, 90_000))

    assert (True, None) == (at_once is not None, later)
