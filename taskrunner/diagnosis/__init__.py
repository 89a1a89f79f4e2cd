"""When a number is worth a warning: the thresholds and comparisons of Moodle's status checks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskrunner.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable

    from taskrunner.config import CheckConfig

__all__ = ["LARGEST_CLOCK_DIFFERENCE", "Finding", "above", "cron_level", "worst"]

LARGEST_CLOCK_DIFFERENCE = 5.0
"""Seconds by which a host's clock may differ from the database's before that is worth a word."""


def above(value: float, warning: float, critical: float) -> str:
    """Return ok, warning or critical; a value at a threshold is still below it.

    >>> [above(value, 300, 14_400) for value in (0, 300, 301, 14_400, 14_401)]
    ['ok', 'ok', 'warning', 'warning', 'critical']
    """
    if value > critical:
        return "critical"
    return "warning" if value > warning else "ok"


def cron_level(since: float, interval: float | None, limits: CheckConfig) -> str:
    """Judge how long ago the last cron started, and how long after the one before it."""
    level = above(since, limits.cron_warning, limits.cron_critical)
    is_gap = interval is not None and interval > limits.cron_warning
    return "warning" if level == "ok" and is_gap else level


def worst(findings: Iterable[Finding]) -> Finding:
    """Return the finding that decides: critical before unknown, so that nothing critical is hidden."""
    severity = {"ok": 0, "info": 0, "warning": 1, "unknown": 2, "critical": 3}
    return max(findings, key=lambda finding: severity[finding.level])
