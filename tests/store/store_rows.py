"""Rows for the tests of the store: what is usual is given, what a test is about is said there."""

from typing import Any

from taskrunner.records import ClaimInfo, Run
from taskrunner.store import Store
from taskrunner.store.tasks import NewTask

NOW = 1_800_000_000.0
"""Fri, 15 Jan 2027 08:00:00 UTC."""

HOUR = 3600.0
DAY = 24 * HOUR


def declare(store: Store, name: str = "forum.SendDigest", **said: Any) -> None:
    """Declare a scheduled task that is due since an hour."""
    usual = {
        "name": name,
        "plugin": name.partition(".")[0],
        "title": "Send digests",
        "schedule": "0 7 * * *",
        "timezone": "UTC",
        "default_schedule": "0 7 * * *",
        "own_schedule": None,
        "disabled": 0,
        "default_disabled": 0,
        "own_disabled": None,
        "customised": 0,
        "blocked": None,
        "next_run_at": NOW - HOUR,
    }
    store.scheduled.declare(usual | said)


def new_task(name: str = "backup.CourseBackup", **said: Any) -> NewTask:
    """An adhoc task that is due since an hour."""
    usual: dict[str, Any] = {
        "plugin": name.partition(".")[0],
        "custom_data": '{"course":7}',
        "user": None,
        "identity": "IDENTITY",
        "next_run_at": NOW - HOUR,
        "attempts": 12,
    }
    values = usual | said
    return NewTask(name, attempts_left=values.pop("attempts"), **values)


def queue(store: Store, name: str = "backup.CourseBackup", **said: Any) -> int:
    """Queue an adhoc task that is due since an hour, and return its id."""
    return store.adhoc.add([new_task(name, **said)], NOW - DAY)[0]


def claim_info(run_id: str = "RUN1", *, now: float = NOW, runner_id: str = "RUNNER1") -> ClaimInfo:
    return ClaimInfo(runner_id=runner_id, run_id=run_id, now=now, hostname="cron1", pid=4711)


def run_of(run_id: str = "RUN1", **said: Any) -> Run:
    """A run that took a minute."""
    started_at = said.get("started_at", NOW)
    usual: dict[str, Any] = {
        "run_id": run_id,
        "type": "scheduled",
        "name": "forum.SendDigest",
        "plugin": "forum",
        "adhoc_id": None,
        "user": None,
        "due_at": NOW - HOUR,
        "started_at": started_at,
        "ended_at": started_at + 60,
        "outcome": "ok",
        "message": None,
        "output": "3 digests sent\n",
        "log_file": "log/2027-01-15/cron_0800_4711.log",
        "db_reads": 20,
        "db_writes": 7,
        "cpu_seconds": 0.063,
        "max_rss": 51_200_000,
        "attempt": 1,
        "hostname": "cron1",
        "pid": 4711,
    }
    return Run(**(usual | said))


def scheduled_names(store: Store) -> list[str]:
    return [row.name for row in store.scheduled.list()]


def add_runner(store: Store, runner_id: str = "RUNNER1", **said: Any) -> None:
    usual: dict[str, Any] = {
        "hostname": "cron1",
        "pid": 4711,
        "started_at": NOW,
        "command": "cron",
        "log_file": "log/2027-01-15/cron_0800_4711.log",
    }
    store.runners.add(runner_id, **(usual | said))
