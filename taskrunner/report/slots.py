"""The scheduled tasks of a site as slots of a day, for staggering."""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskrunner.report.stagger import Slot
from taskrunner.schedule.grammar import parse_fields, split_fields

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from taskrunner.records import ScheduledRow

UNKNOWN = 1.0
"""Seconds that a task is thought to take of which no run is known."""


def slots(
    rows: Iterable[ScheduledRow],
    seconds: Mapping[str, float],
    *,
    fixed: frozenset[str],
    shifts: Mapping[str, int],
) -> Iterator[Slot]:
    """Yield the slots of the tasks that run at minutes of the clock.

    `seconds`: the p95 of each task; `fixed`: tasks that may not be moved; `shifts`: zone -> minutes by which
    its clock is behind. Tasks with an interval have no slot: they run when their time has passed.
    """
    for row in rows:
        if not row.disabled and row.blocked is None and not row.schedule.startswith("every"):
            columns = split_fields(row.schedule)
            fields = parse_fields(columns, row.schedule)
            minutes = tuple(sorted(fields.minutes))
            yield Slot(
                name=row.name,
                minutes=minutes,
                hours=tuple(sorted(fields.hours)),
                rest=" ".join(columns[2:]),
                seconds=seconds.get(row.name, UNKNOWN),
                may_move=row.name not in fixed and minutes[-1] - minutes[0] < 59,
                shift=shifts.get(row.timezone, 0),
            )
