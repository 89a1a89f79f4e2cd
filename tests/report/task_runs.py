"""Runs of synthetic sites, of which the tests know the truth."""

from __future__ import annotations

from typing import Any

from taskrunner.report import message_key
from taskrunner.store.imports import CronRun, TaskRun
from tests.report.log_lines import moment

MONDAY = moment("2026-11-02T00:00:00")
"""The beginning of a week."""

HOUR, DAY = 3600.0, 86_400.0


def run_of(name: str = "backup.CourseBackup", outcome: str = "ok", **said: Any) -> TaskRun:
    """A run that took a second."""
    started_at = said.get("started_at", MONDAY)
    seconds = said.pop("seconds", 1.0)
    message = said.get("message", "disk is full" if outcome == "failed" else "")
    usual: dict[str, Any] = {
        "type": "scheduled",
        "title": name,
        "adhoc_id": None,
        "run_id": "",
        "started_at": started_at,
        "ended_at": started_at + seconds,
        "end_known": int(outcome not in ("crashed", "running")),
        "ended_before": None,
        "message": message,
        "message_key": message_key(message),
        "confidence": "high",
        "time_source": "header",
        "hostname": "cron1",
        "pid": 4711,
        "db_queries": 27,
        "memory_start": 15_000_000,
        "memory_peak": None,
        "fatal": "",
        "last_lines": "",
        "line": 3,
        "run_number": 1,
    }
    return TaskRun(name=name, outcome=outcome, **(usual | said))


def hourly(outcomes: str, name: str = "backup.CourseBackup", **said: Any) -> list[TaskRun]:
    """One run an hour: `.` is ok, `F` failed, `C` crashed."""
    words = {".": "ok", "F": "failed", "C": "crashed"}
    return [
        run_of(name, words[letter], started_at=MONDAY + number * HOUR, **said)
        for number, letter in enumerate(outcomes)
    ]


def cron_run(started_at: float, seconds: float = 3.0, **said: Any) -> CronRun:
    """A cron process that took three seconds."""
    usual: dict[str, Any] = {
        "number": 1,
        "line": 1,
        "started_at": started_at,
        "ended_at": started_at + seconds,
        "state": "completed",
        "time_source": "header",
        "hostname": "",
        "pid": None,
        "last_line": "Cron completed",
    }
    return CronRun(**(usual | said))
