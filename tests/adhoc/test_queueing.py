"""Queueing from any program: where, when, once, in the caller's transaction, from many processes."""

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from psycopg.rows import dict_row

from taskrunner import AdhocTask, queue_adhoc_task, queue_adhoc_tasks, reschedule_or_queue_adhoc_task
from taskrunner.config import Config, load_config
from taskrunner.errors import ConfigError, CustomDataError, PluginError, StoreError
from taskrunner.installation import Site
from taskrunner.records import AdhocRow, ClaimInfo
from taskrunner.runner.job import FinishedRun
from taskrunner.runner.settle import settle
from tests.databases import connect_to
from tests.patience import DEADLINE
from tests.runner.runner_site import START, RunnerSite, adhoc
from tests.store.store_rows import run_of

DEDUPE = json.loads((Path(__file__).parents[1] / "data" / "moodle.json").read_text("utf-8"))["adhoc_dedupe"]
FORUM = (adhoc("Mail", "witness(self.custom_data, self.user)"), adhoc("Once", extra="retry = False"))


class Mail(AdhocTask):
    name = "forum.Mail"

    def execute(self) -> None:
        raise AssertionError("it is queued here, not run")


class Once(Mail):
    name = "forum.Once"
    retry = False


class Few(Mail):
    attempts = 3


ANYBODY = '[users]\nresolver = "contextlib:nullcontext"'
"""A resolver that knows every user, and does nothing."""


@pytest.fixture
def site(make_site: Callable[..., RunnerSite], monkeypatch: pytest.MonkeyPatch) -> RunnerSite:
    """A site that a program finds by TASKRUN_CONFIG."""
    site = make_site(plugins={"forum": FORUM}, config=ANYBODY)
    monkeypatch.setenv("TASKRUN_CONFIG", str(site.root / "taskrunner.toml"))
    return site


@pytest.fixture
def config(site: RunnerSite) -> Config:
    return load_config(site.root / "taskrunner.toml", environ={}, cwd=site.root)


@pytest.fixture
def opened(site: RunnerSite) -> Iterator[Site]:
    with site.opened() as opened:
        yield opened


WAYS = {
    "sqlite": {
        "default": {},
        "strict": {"isolation_level": "IMMEDIATE"},
        "by hand": {"isolation_level": None},
    },
    "postgres": {
        "default": {},
        "strict": {"options": "-c default_transaction_isolation=serializable"},
        "by hand": {"autocommit": True},
    },
}
"""Kind of database -> how a program may begin its transactions -> what it tells the standard driver."""


@pytest.fixture
def connect(config: Config, database_kind: str) -> Callable[..., Any]:
    """Give the test a connection of its own to the site's database; it is closed after the block."""
    return lambda way="default": closing(connect_to(config.database, **WAYS[database_kind][way]))


def only(site: RunnerSite) -> AdhocRow:
    (row,) = site.adhoc()
    return row


def test_a_program_queues_into_the_site_that_taskrun_config_names(site):
    before = time.time()
    added = queue_adhoc_task(Mail({"to": "ann"}), user="ann")

    row = only(site)
    assert (added, "forum.Mail", "forum", '{"to":"ann"}', "ann", 12) == (
        row.id,
        row.name,
        row.plugin,
        row.custom_data,
        row.user,
        row.attempts_left,
    )
    assert before <= row.created_at == row.next_run_at <= time.time()


def test_a_program_that_has_imported_the_plugin_queues_its_class(site):
    script = (
        f"import sys; sys.path.insert(0, {str(site.root / 'plugins')!r})\n"
        "from taskrunner import queue_adhoc_task\nfrom forum import Mail\nprint(queue_adhoc_task(Mail(7)))"
    )
    environment = {"TASKRUN_CONFIG": str(site.root / "taskrunner.toml"), "PYTHONPATH": os.getcwd()}
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        cwd="/",
        capture_output=True,
        text=True,
        timeout=DEADLINE,
    )

    assert ("", f"{only(site).id}\n") == (done.stderr, done.stdout)
    assert ("forum.Mail", "7") == (only(site).name, only(site).custom_data)


def test_a_program_that_says_which_config_uses_that(site, config, monkeypatch):
    monkeypatch.setenv("TASKRUN_CONFIG", str(site.root / "gone.toml"))

    queue_adhoc_task(Mail(), config=config)

    assert "null" == only(site).custom_data


def test_a_configuration_that_was_changed_is_read_again(site):
    """Although its size and the time it was changed are what they were."""
    file = site.root / "taskrunner.toml"
    os.utime(file, (1_500_000_000, 1_500_000_000))
    queue_adhoc_task(Mail(1))
    queue_adhoc_task(Mail(2))

    file.write_text("x" * file.stat().st_size)
    os.utime(file, (1_500_000_000, 1_500_000_000))

    with pytest.raises(ConfigError):
        queue_adhoc_task(Mail(3))


def test_an_environment_that_was_changed_is_minded(site, monkeypatch):
    os.utime(site.root / "taskrunner.toml", (1_500_000_000, 1_500_000_000))
    queue_adhoc_task(Mail())

    monkeypatch.setenv("TASKRUN_DATABASE", "nonsense:")

    with pytest.raises(ConfigError):
        queue_adhoc_task(Mail())


def test_without_a_configuration_nothing_can_be_queued(site, monkeypatch):
    monkeypatch.setenv("TASKRUN_CONFIG", str(site.root / "gone.toml"))

    with pytest.raises(ConfigError):
        queue_adhoc_task(Mail())


def test_where_the_file_of_a_class_lies_is_found_out_once_for_all_its_tasks(
    site: RunnerSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolved, resolve = [], Path.resolve
    class_of_plugin = type("Many", (AdhocTask,), {"__module__": "many", "execute": lambda self: None})
    module = ModuleType("many")
    module.__file__ = str(site.root / "plugins" / "many.py")
    monkeypatch.setitem(sys.modules, "many", module)
    monkeypatch.setattr(Path, "resolve", lambda path: resolved.append(path) or resolve(path))

    queue_adhoc_tasks(class_of_plugin() for _ in range(100))

    assert {"many.Many"} == {row.name for row in site.adhoc()}
    assert 1 == len([path for path in resolved if path.name == "many.py"])


def test_a_class_that_lies_in_no_plugin_directory_cannot_be_queued(site):
    class Stray(AdhocTask):
        def execute(self) -> None:
            raise AssertionError("it is queued here, not run")

    with pytest.raises(PluginError, match="Stray of .* lies in no plugin directory"):
        queue_adhoc_task(Stray())

    assert [] == site.adhoc()


def test_a_queued_task_is_run_with_its_data_and_its_user(site):
    queue_adhoc_task(Mail({"to": "ann"}), user="ann")

    site.cron()

    assert ["{'to': 'ann'} ann"] == site.witnessed()
    assert [] == site.adhoc()


def test_a_running_task_queues_into_its_own_site(make_site):
    body = "witness(queue_adhoc_task(Leaf(self.custom_data), user='ann'))"
    site = make_site(
        plugins={"forum": (adhoc("Root", body), adhoc("Leaf", "witness(self.custom_data, self.user)"))},
        config=ANYBODY,
    )
    site.queue("forum.Root", '"x"')

    summary = site.cron()

    assert (2, ["2", "x ann"]) == (summary.adhoc, site.witnessed())


@pytest.mark.parametrize(("task", "attempts"), [(Mail(), 12), (Few(), 3), (Once(), 1)])
def test_the_class_says_how_often_a_task_is_tried(site, task, attempts):
    queue_adhoc_task(task)

    assert attempts == only(site).attempts_left


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2030, 1, 1, tzinfo=UTC),
        datetime(2030, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))),
        1_893_456_000,
        1_893_456_000.0,
    ],
    ids=["UTC", "another zone", "int", "float"],
)
def test_a_task_waits_for_the_moment_it_was_given(site, moment):
    queue_adhoc_task(Mail(), next_run_at=moment)

    assert 1_893_456_000.0 == only(site).next_run_at


@pytest.mark.parametrize("queue", [queue_adhoc_task, reschedule_or_queue_adhoc_task])
@pytest.mark.parametrize(
    "moment",
    [datetime(2030, 1, 1), float("nan"), float("inf"), 1e300],
    ids=["naive", "nan", "inf", "after all time"],
)
def test_what_is_no_moment_is_refused(site, queue, moment):
    with pytest.raises(ValueError):
        queue(Mail(), next_run_at=moment)

    assert [] == site.adhoc()


def test_of_many_with_a_naive_moment_none_is_queued(site):
    with pytest.raises(ValueError, match="has no time zone; pass an aware datetime"):
        queue_adhoc_tasks([Mail()], next_run_at=datetime(2030, 1, 1))

    assert [] == site.adhoc()


def test_data_that_cannot_be_kept_is_refused_before_anything_is_queued(site):
    with pytest.raises(CustomDataError):
        queue_adhoc_task(Mail({"x": float("nan")}))

    assert [] == site.adhoc()


@pytest.mark.parametrize("once", [False, True])
@pytest.mark.parametrize("user", ["ann\0", "\ud800"], ids=["NUL", "half a character"])
def test_a_user_that_no_database_keeps_as_it_is_is_refused(site, user, once):
    """It would be run as somebody else, or its row could not be read again and would stop the queue."""
    with pytest.raises(CustomDataError):
        queue_adhoc_task(Mail(), user=user, check_for_existing=once)

    assert [] == site.adhoc()


def test_the_usual_way_the_same_task_is_queued_again_and_again(site):
    first, second = queue_adhoc_task(Mail(1)), queue_adhoc_task(Mail(1))

    assert [first, second] == [row.id for row in site.adhoc()]


def test_what_is_queued_once_is_what_moodle_queues_once(site):
    rows, expected = [], []
    for step in DEDUPE["sequential"]:
        data = json.loads(step["customdata"]) if step["customdata"] else ""
        user = None if step["userid"] is None else str(step["userid"])
        queue_adhoc_task(Mail(data), user=user, check_for_existing=True)
        rows.append(len(site.adhoc()))
        expected.append(step["rows_after"])

    assert expected == rows


def test_data_for_a_user_is_not_the_same_data_for_nobody(site):
    for_user = queue_adhoc_task(Mail(1), user="2", check_for_existing=True)
    for_nobody = queue_adhoc_task(Mail(1), check_for_existing=True)

    assert [for_user, for_nobody] == [row.id for row in site.adhoc()]


def test_the_same_keys_in_another_order_are_the_same_task(site):
    first = queue_adhoc_task(Mail({"a": 1, "b": 2}), check_for_existing=True)
    second = queue_adhoc_task(Mail({"b": 2, "a": 1}), check_for_existing=True)

    assert first == second == only(site).id


def test_a_task_queued_the_usual_way_is_there_already(site):
    first = queue_adhoc_task(Mail(1), next_run_at=5)
    second = queue_adhoc_task(Mail(1), check_for_existing=True)

    assert first == second == only(site).id
    assert 5 == only(site).next_run_at


def test_a_running_task_is_there_already_and_runs_again(site, opened):
    first = queue_adhoc_task(Mail(1), check_for_existing=True)
    opened.store.adhoc.claim_id(first, ClaimInfo("RUNNER", "RUN", START, "cron1", 1))

    second = queue_adhoc_task(Mail(1), check_for_existing=True, next_run_at=START + 9)
    third = queue_adhoc_task(Mail(1), check_for_existing=True, next_run_at=START + 10)

    assert first == second == third
    assert ("RUN", START + 9, 12) == (
        only(site).run_id,
        only(site).requested_run_at,
        only(site).requested_attempts,
    )


def test_a_task_that_waits_is_taken_before_the_same_one_that_runs(site, opened):
    running, waiting = queue_adhoc_task(Mail(1)), queue_adhoc_task(Mail(1))
    opened.store.adhoc.claim_id(running, ClaimInfo("RUNNER", "RUN", START, "cron1", 1))

    assert waiting == queue_adhoc_task(Mail(1), check_for_existing=True)


def test_a_task_that_is_done_may_be_queued_again(site):
    first = queue_adhoc_task(Mail(1), check_for_existing=True)
    site.cron()
    second = queue_adhoc_task(Mail(1), check_for_existing=True)

    assert first < second == only(site).id


def give_up(opened: Site, task_id: int) -> None:
    opened.store.adhoc.claim_id(task_id, ClaimInfo("RUNNER", "RUN", START, "cron1", 1))
    run = run_of(
        "RUN", type="adhoc", adhoc_id=task_id, started_at=START, outcome="failed", message="disk is full"
    )
    assert settle(opened, FinishedRun(run, 0, 0, gives_up=True)).get()


def test_a_task_that_was_given_up_gets_its_attempts_back(site, opened):
    first = queue_adhoc_task(Mail(1), check_for_existing=True)
    give_up(opened, first)

    second = queue_adhoc_task(Mail(1), check_for_existing=True, next_run_at=77)

    row = only(site)
    assert first == second
    assert (12, 0, 0, None, 77) == (
        row.attempts_left,
        row.fail_delay,
        row.failures,
        row.failing_since,
        row.next_run_at,
    )
    site.cron()
    assert ["1 None"] == site.witnessed()


def test_a_queued_task_is_moved_to_another_time(site):
    first = queue_adhoc_task(Mail({"a": 1, "b": 2}), next_run_at=5)
    second = reschedule_or_queue_adhoc_task(Mail({"b": 2, "a": 1}), next_run_at=9)

    assert first == second == only(site).id
    assert 9 == only(site).next_run_at


def test_a_task_to_be_moved_that_is_not_there_is_queued(site):
    queue_adhoc_task(Mail(1), user="ann", next_run_at=5)
    added = reschedule_or_queue_adhoc_task(Mail(1), next_run_at=9)

    assert [(None, 9.0), ("ann", 5.0)] == sorted(
        ((row.user, row.next_run_at) for row in site.adhoc()), key=lambda row: -row[1]
    )
    assert added in [row.id for row in site.adhoc()]


def test_a_given_up_task_that_is_moved_is_tried_at_the_new_time(site, opened):
    first = queue_adhoc_task(Mail(1))
    give_up(opened, first)

    second = reschedule_or_queue_adhoc_task(Mail(1), next_run_at=9)

    assert (first, 12) == (second, only(site).attempts_left)


def test_many_tasks_get_their_ids_in_their_order(site):
    ids = queue_adhoc_tasks((Mail(number) for number in range(2500)), user="ann", next_run_at=5)

    rows = {row.id: row for row in site.adhoc()}
    assert sorted(set(ids)) == ids
    assert [str(number) for number in range(2500)] == [rows[task_id].custom_data for task_id in ids]
    assert {("ann", 5.0)} == {(row.user, row.next_run_at) for row in rows.values()}


def test_no_tasks_are_queued_without_harm(site):
    assert [] == queue_adhoc_tasks([])


@pytest.mark.parametrize("bad", [float("nan"), b"x", "\0"])
def test_of_many_tasks_all_are_queued_or_none(site, bad):
    with pytest.raises(CustomDataError):
        queue_adhoc_tasks([*(Mail(number) for number in range(1500)), Mail(bad)])

    assert [] == site.adhoc()


def test_of_tasks_of_several_classes_each_is_queued_as_its_class_says(site):
    queue_adhoc_tasks([Mail(), Once()])

    assert [("forum.Mail", 12), ("forum.Once", 1)] == [(row.name, row.attempts_left) for row in site.adhoc()]


def in_transaction(connection: Any, way: str, *, commit: bool, **options: Any) -> None:
    """Queue in a transaction of the caller, whose own write goes with it."""
    if way == "by hand":
        connection.execute("begin")
    connection.execute("insert into task_setting (name, value) values ('mine', '1')")
    queue_adhoc_task(Mail(1), connection=connection, **options)
    queue_adhoc_tasks([Mail(2), Mail(3)], connection=connection)
    reschedule_or_queue_adhoc_task(Mail(4), connection=connection)
    if commit:
        connection.commit()
    else:
        connection.rollback()


EACH_WAY = pytest.mark.parametrize("way", ["default", "strict", "by hand"])


@EACH_WAY
@pytest.mark.parametrize("once", [False, True])
def test_what_is_queued_in_the_callers_transaction_goes_with_it(site, connect, way, once):
    with connect(way) as connection:
        in_transaction(connection, way, commit=False, check_for_existing=once)

    with site.opened() as opened:
        assert ([], None) == (opened.store.adhoc.list(), opened.store.settings.list().get("mine"))


@EACH_WAY
@pytest.mark.parametrize("once", [False, True])
def test_what_is_queued_in_the_callers_transaction_stays_with_it(site, connect, way, once):
    with connect(way) as connection:
        in_transaction(connection, way, commit=True, check_for_existing=once)

    with site.opened() as opened:
        assert ["1", "2", "3", "4"] == sorted(row.custom_data for row in opened.store.adhoc.list())
        assert "1" == opened.store.settings.list().get("mine")


@pytest.mark.parametrize("queue", [queue_adhoc_task, reschedule_or_queue_adhoc_task])
def test_queueing_alone_opens_the_transaction_of_a_default_connection(site, connect, queue):
    with connect() as connection:
        queue(Mail(1), connection=connection)
        while_open = site.adhoc()
        connection.rollback()

    assert [] == while_open
    assert [] == site.adhoc()


def test_what_was_given_up_is_revived_in_the_callers_transaction(site, opened, connect):
    task_id = queue_adhoc_task(Mail(1))
    give_up(opened, task_id)
    with connect() as connection:
        queue_adhoc_task(Mail(1), check_for_existing=True, connection=connection)
        connection.rollback()

    assert 0 == only(site).attempts_left


def test_a_connection_without_transaction_queues_at_once(site, connect):
    with connect("by hand") as connection:
        queue_adhoc_task(Mail(1), connection=connection)

    assert "1" == only(site).custom_data


def test_the_callers_connection_keeps_its_own_ways(site, connect, database_kind):
    ways = {"sqlite": (sqlite3.Row, sqlite3.Row), "postgres": (dict_row, dict)}
    with connect() as connection:
        connection.row_factory, kind_of_row = ways[database_kind]
        queue_adhoc_task(Mail(1), connection=connection)
        queue_adhoc_tasks([Mail(2), Mail(3)], connection=connection)
        connection.commit()

        assert kind_of_row is type(connection.execute("select 1 as a").fetchone())


@pytest.mark.parametrize(
    ("other", "said"),
    [("sqlite", "no such table: task_adhoc"), ("postgres", 'relation "task_adhoc" does not exist')],
)
def test_a_connection_to_another_database_is_refused(site, tmp_path, postgres_databases, other, said):
    urls = {"sqlite": f"sqlite:{tmp_path / 'other.db'}", "postgres": postgres_databases.server.url()}
    with closing(connect_to(urls[other])) as connection, pytest.raises(StoreError) as refusal:
        queue_adhoc_task(Mail(1), connection=connection)

    assert f"queueing through the given connection: {said}" == str(refusal.value)
    assert "it has to be one to taskrunner's own database" == refusal.value.hint
    assert [] == site.adhoc()


def test_a_closed_connection_is_refused(site, connect):
    with connect() as connection:
        pass

    with pytest.raises(StoreError):
        queue_adhoc_task(Mail(1), connection=connection)


def test_what_is_no_connection_is_refused(site):
    with pytest.raises(TypeError, match="connection is a str"):
        queue_adhoc_task(Mail(1), connection="sqlite:state/taskrunner.db")


QUEUE_OFTEN = """\
import sys
from pathlib import Path
from taskrunner import AdhocTask, queue_adhoc_task
from taskrunner.config import load_config

class Mail(AdhocTask):
    name = "forum.Mail"
    def execute(self): pass

config = load_config(Path(sys.argv[1]), environ={}, cwd=Path("/"))
keys = sys.argv[2].split(",")
print("ready", flush=True)
sys.stdin.readline()
mails = [Mail(dict.fromkeys(keys, number)) for number in range(150)]
print([queue_adhoc_task(mail, check_for_existing=True, config=config) for mail in mails])
"""


def test_two_processes_that_queue_the_same_at_once_leave_one_row_of_each(site):
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", QUEUE_OFTEN, site.root / "taskrunner.toml", keys],
            env={"PYTHONPATH": os.getcwd()},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for keys in ("a,b", "b,a")
    ]
    ready = [process.stdout.readline() for process in processes]
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    ends = [process.communicate(timeout=DEADLINE) for process in processes]

    assert ["ready\n"] * 2 == ready
    assert [(f"{sorted(row.id for row in site.adhoc())}\n", "")] * 2 == ends
    assert 150 == len(site.adhoc())
