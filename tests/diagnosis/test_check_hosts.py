"""What check finds of hosts: how crons ended, what cannot be written, slots, queues and sites."""

import os
from types import SimpleNamespace

import pytest

from taskrunner.config import load_config
from taskrunner.diagnosis.check import check_site, examine
from taskrunner.errors import NotOwnerError, StoreError
from taskrunner.hosts import CronEnd, find_failure, note_site
from tests.databases import ON_POSTGRES, ask
from tests.diagnosis.test_why_scheduled import asked
from tests.runner.runner_site import RunnerSite, adhoc, scheduled, site_at


def found(site: RunnerSite, area: str, *, after: float = 0.0):
    with site.opened() as opened:
        return next(one for one in check_site(opened, now=site.clock() + after) if one.area == area)


def end_badly(site: RunnerSite, error: Exception) -> None:
    """Have a cron start, and end with an error."""
    asked(site, after=60)
    with pytest.raises(type(error)), CronEnd(site.root / "state", site.clock):
        raise error


def end_well(site: RunnerSite) -> None:
    with CronEnd(site.root / "state", site.clock) as end, site.opened() as end.site:
        end.note(0)


@pytest.fixture
def site(make_site) -> RunnerSite:
    return make_site(plugins={"forum": (scheduled("Digest"), adhoc("Mail"))})


# How crons ended


def test_a_cron_that_ended_badly_is_told_with_its_code_and_line_until_one_ends_well(site) -> None:
    end_badly(site, StoreError("database x: it is away"))
    once = found(site, "cron ends")
    end_badly(site, StoreError("database x: it is away"))
    twice = found(site, "cron ends")
    end_well(site)

    assert ("warning", "the last cron on this host ended with 69") == (
        once.level,
        once.message.replace(os.uname().nodename, "this host").partition(":")[0],
    )
    assert ("critical", 2.0) == (twice.level, twice.values["taskrun_cron_failures"])
    assert "2 crons in a row" in twice.message and "database x: it is away" in twice.message
    assert ("ok", None) == (found(site, "cron ends").level, find_failure(site.root / "state"))


def test_crons_that_start_and_never_end_well_are_critical_although_the_last_started_now(site) -> None:
    for _ in range(3):
        end_badly(site, StoreError("database x: it is away"))

    assert ("ok", "critical") == (found(site, "cron").level, found(site, "cron ends").level)


def test_how_crons_ended_is_told_without_the_database_too(tmp_path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "taskrunner.toml").write_text("database = 'postgresql://nobody@127.0.0.1:1/none'\n")
    config = load_config(tmp_path / "taskrunner.toml", environ={}, cwd=tmp_path)
    with pytest.raises(StoreError), CronEnd(config.state_dir, lambda: 5.0):
        raise StoreError("the database is away")

    areas = {finding.area: finding.message for finding in examine(config, now=10.0).findings}

    assert areas["cron ends"] == "the last cron on this host ended with 69: the database is away"


@ON_POSTGRES
def test_another_host_whose_crons_end_badly_is_named(site, monkeypatch) -> None:
    with monkeypatch.context() as context:
        context.setattr(os, "uname", lambda: SimpleNamespace(nodename="cron2"))
        (site.root / "state2").mkdir()
        with CronEnd(site.root / "state2", site.clock) as end, site.opened() as opened:
            end.site = opened
            end.note(69, "its disk is full")

    assert "on cron2 ended with 69: its disk is full" in found(site, "cron ends").message


def test_somebody_else_whose_cron_is_refused_leaves_no_file(tmp_path) -> None:
    with pytest.raises(NotOwnerError), CronEnd(tmp_path, lambda: 5.0):
        raise NotOwnerError("this site belongs to shop", owner="shop")

    assert [] == list(tmp_path.iterdir())


# The database


def test_a_database_that_can_be_read_and_not_written_is_critical(site, database_url, database_kind) -> None:
    refuse = (
        "create trigger full before insert on task_setting begin select raise(abort, 'no room'); end"
        if database_kind == "sqlite"
        else "alter table task_setting add constraint no_room check (name <> 'checked_at')"
    )
    assert "ok" == found(site, "database").level
    ask(database_url, "delete from task_setting where name = 'checked_at'")
    ask(database_url, refuse)

    broken = found(site, "database")

    assert ("critical", 0.0) == (broken.level, broken.values["taskrun_database_writable"])
    assert broken.message.startswith("it cannot be written: database ")


# The queue and the slots


def test_adhoc_tasks_that_were_given_up_are_counted(site, database_url) -> None:
    for _ in range(2):
        site.queue("forum.Mail")
    ask(database_url, "update task_adhoc set attempts_left = 0")

    told = found(site, "given up")

    assert ("warning", "2 adhoc tasks were given up, 2 of them forum.Mail") == (told.level, told.message)


def test_a_note_that_was_set_aside_is_named(site) -> None:
    site.cron()
    folder = site.root / "state" / "ended"
    folder.mkdir(exist_ok=True)
    (folder / "01.refused").write_text("{}")

    told = found(site, "run journals")

    assert "warning" == told.level and str(folder / "01.refused") in told.message


def test_slots_held_by_nobody_who_runs_anything_are_critical(site) -> None:
    with site.opened() as opened:
        locks = [opened.locks.acquire(f"scheduled-{number}") for number in range(3)]
        told = next(one for one in check_site(opened, now=site.clock()) if one.area == "slots")

    assert None not in locks
    assert ("critical", "all scheduled slots are held by processes that show no sign of life") == (
        told.level,
        told.message,
    )


def test_a_queue_that_no_slot_serves_is_critical(make_site) -> None:
    site = make_site(plugins={"forum": adhoc("Mail")}, config="[cron]\nadhoc_concurrency_limit = 0")
    quiet = found(site, "slots")
    site.queue("forum.Mail")

    told = found(site, "slots", after=60)

    assert ("ok", "critical") == (quiet.level, told.level)
    assert "adhoc tasks are due, and no host has a slot for them" == told.message


# Two sites in one database


def test_two_sites_in_one_database_are_told_after_an_hour_and_a_roll_out_is_not(
    tmp_path, make_site, database_line
) -> None:
    one = make_site(plugins={"forum": scheduled("Digest")})
    (tmp_path / "copy").mkdir()
    database = database_line or f'database = "sqlite:{one.root}/state/taskrunner.db"\n'
    two = site_at(tmp_path / "copy", database_line=database, plugins={"shop": scheduled("Orders")})

    def both(after: float) -> str:
        for site in (one, two):
            site.clock.now = one_began + after
            with site.opened() as opened:
                note_site(opened, site.clock())
        return found(one, "sites").level

    one_began = one.clock.now
    levels = [both(after) for after in (0.0, 600.0, 3500.0, 3700.0)]
    told = found(one, "sites").message

    assert ["ok", "ok", "ok", "critical"] == levels
    assert f"{one.root}/taskrunner.toml on" in told and f"{two.root}/taskrunner.toml on" in told
