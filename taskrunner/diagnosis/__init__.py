"""When a number is worth a warning: the thresholds and comparisons of Moodle's status checks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from taskrunner.config import CheckConfig

EXIT_CODES = {"ok": 0, "info": 0, "warning": 1, "critical": 2, "unknown": 3}
"""Level -> exit code of a monitoring plugin (monitoring-plugins.org, development guidelines)."""

WORDS = ("OK", "WARNING", "CRITICAL", "UNKNOWN")


@dataclass(frozen=True, slots=True)
class Check:
    """What a check found: ok, info (ok, but worth a look), warning, critical or unknown.

    `values` are its numbers by metric name, in seconds where the name says so; `mend`: what to type next.
    """

    name: str
    level: str
    told: str
    values: Mapping[str, float] = field(default_factory=dict)
    mend: str = ""

    @property
    def exit_code(self) -> int:
        """The level as a monitoring plugin's exit code."""
        return EXIT_CODES[self.level]

    @property
    def word(self) -> str:
        """The level as a monitoring plugin says it."""
        return WORDS[self.exit_code]


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


def worst(checks: Iterable[Check]) -> Check:
    """Return the finding that decides: critical before unknown, so that nothing critical is hidden."""
    order = {"ok": 0, "info": 0, "warning": 1, "unknown": 2, "critical": 3}
    return max(checks, key=lambda check: order[check.level])


@dataclass(frozen=True, slots=True)
class Finding:
    """Where (config, files, program, database, plugins, tasks, cron), what, and what mends it.

    `fatal`: nothing that depends on it can be looked at.
    """

    area: str
    told: str
    mend: str
    fatal: bool = False
