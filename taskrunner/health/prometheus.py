"""The checks as a text file for Prometheus' node exporter."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from taskrunner.health.rules import Check

HELP = {
    "taskrun_check_status": "What each check says: 0 ok, 1 warning, 2 critical, 3 unknown.",
    "taskrun_check_time_seconds": "When the checks were made, in seconds since 1970.",
    "taskrun_cron_last_start_age_seconds": "Seconds since the last cron started.",
    "taskrun_cron_start_gap_seconds": "Seconds between the last two starts of a cron.",
    "taskrun_paused": "Whether cron is paused.",
    "taskrun_fail_delay_max_seconds": "The longest fail delay of a task.",
    "taskrun_failing_tasks": "How many tasks are failing.",
    "taskrun_scheduled_oldest_due_seconds": "Seconds for which the oldest due scheduled task waits.",
    "taskrun_adhoc_oldest_due_seconds": "Seconds for which the oldest due adhoc task waits.",
    "taskrun_running_tasks": "How many tasks are running.",
    "taskrun_running_longest_seconds": "Seconds for which the longest running task runs.",
    "taskrun_crashes_last_day": "Runs in the last 24 hours whose process died.",
    "taskrun_plugin_problems": "How many problems plugins have.",
    "taskrun_log_dir_writable": "Whether the log directory can be written.",
    "taskrun_database_up": "Whether the database answers.",
}
"""Every metric: all of them are gauges."""


def exposition(checks: Sequence[Check], *, now: float) -> str:
    """Return the checks in the text format of Prometheus.

    Source: https://prometheus.io/docs/instrumenting/exposition_formats/
    """
    values = {name: value for check in checks for name, value in check.values.items()}
    status = [(f'{{check="{check.name}"}}', float(check.exit_code)) for check in checks]
    samples = {"taskrun_check_status": sorted(status), "taskrun_check_time_seconds": [("", now)]}
    samples |= {name: [("", value)] for name, value in sorted(values.items())}
    return "".join(_family(name, of_name) for name, of_name in samples.items())


def write_atomically(file: Path, text: str) -> None:
    """Replace a file as a whole, for all to read: they see the old text or the new. Raises OSError."""
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        draft.write_text(text, "ascii")
        draft.chmod(0o644)
        os.replace(draft, file)
    finally:
        draft.unlink(missing_ok=True)


def _family(name: str, samples: Sequence[tuple[str, float]]) -> str:
    lines = [f"# HELP {name} {HELP[name]}", f"# TYPE {name} gauge"]
    lines += [f"{name}{labels} {value!r}" for labels, value in samples]
    return "\n".join(lines) + "\n"
