"""What the commands of taskrun report say alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskrunner.cli.times import short_moment

if TYPE_CHECKING:
    from taskrunner.cli.report.source import Opened

NOTHING = "no run is known of that time"


def percent(rate: float | None) -> str:
    """Return a rate for a table; small ones keep two digits.

    >>> [percent(rate) for rate in (0.0, 0.0213, 0.5, 1.0, None)]
    ['0 %', '2.1 %', '50 %', '100 %', '–']
    """
    if rate is None:
        return "–"
    return f"{100 * rate:.1f} %" if 0 < rate < 0.0995 else f"{100 * rate:.0f} %"


def moment_text(epoch: float, opened: Opened) -> str:
    """Return a moment for a table."""
    return short_moment(epoch, now=opened.now, zone=opened.zone)
