"""The thresholds: Moodle's, as its own status checks answered (tests/data/moodle.json, health_checks)."""

import json
from pathlib import Path

import pytest

from taskrunner.config import CheckConfig
from taskrunner.diagnosis.check import above, cron_level, worst
from taskrunner.records import Finding

VECTORS = json.loads((Path(__file__).parents[1] / "data" / "moodle.json").read_text("utf-8"))["health_checks"]
LIMITS = CheckConfig()
OURS = {"ok": "ok", "info": "ok", "warning": "warning", "error": "critical", "critical": "critical"}
"""Moodle's word -> ours; info is told of what is ok, and decides nothing."""


@pytest.mark.parametrize("vector", [row for row in VECTORS["cronrunning"] if row["interval"] is not None])
def test_cron_is_judged_as_moodle_does(vector):
    assert OURS[vector["status"]] == cron_level(vector["since_last_start"], vector["interval"], LIMITS)


@pytest.mark.parametrize("vector", VECTORS["maxfaildelay"])
def test_the_longest_fail_delay_is_judged_as_moodle_does(vector):
    level = above(vector["max_delay"], LIMITS.fail_delay_warning, LIMITS.fail_delay_critical)

    assert OURS[vector["status"]] == level


@pytest.mark.parametrize("vector", [row for row in VECTORS["adhocqueue"] if "status" in row])
def test_the_oldest_adhoc_task_is_judged_as_moodle_does(vector):
    level = above(vector["oldest_overdue"] or 0, LIMITS.adhoc_age_warning, LIMITS.adhoc_age_critical)

    assert OURS[vector["status"]] == level


@pytest.mark.parametrize("vector", VECTORS["longrunning"])
def test_the_longest_run_is_judged_as_moodle_does(vector):
    level = above(vector["runtime"], LIMITS.running_warning, LIMITS.running_critical)

    assert OURS[vector["status"]] == level


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        (("ok", "info"), "ok"),
        (("ok", "warning"), "warning"),
        (("unknown", "warning"), "unknown"),
        (("unknown", "critical"), "critical"),
    ],
)
def test_the_worst_finding_decides_and_unknown_hides_nothing_critical(levels, expected):
    assert expected == worst(Finding(level, level, "") for level in levels).level
