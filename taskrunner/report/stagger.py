"""Spreading tasks over the minutes of the day so that they do not all start at once."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

from taskrunner.schedule.parse import parse_fields, split_fields

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from taskrunner.records import ScheduledRow
    from taskrunner.report.load import LocalTime
    from taskrunner.store.imports import BriefRun

DAY = 1440
"""Minutes."""

EXACT = 1e-9
WORTH_A_MOVE = 0.01
"""By how many tasks at once a minute has to be quieter for a task to be moved there."""


@dataclass(frozen=True, slots=True)
class Slot:
    """When and how long a task runs: at each of `minutes` of each of `hours`, for `seconds` (its p95).

    `may_move`: whether its minute may change; `rest`: its other three fields; `shift`: minutes by which its
    own zone's clock is behind the day that is drawn.
    """

    name: str
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    rest: str
    seconds: float
    may_move: bool
    shift: int = 0

    @property
    def starts(self) -> Iterator[int]:
        """The minutes of the day at which it starts."""
        return ((hour * 60 + minute + self.shift) % DAY for hour in self.hours for minute in self.minutes)

    @property
    def expression(self) -> str:
        """Its schedule, as five fields.

        >>> Slot("a", (3, 18, 33, 48), tuple(range(24)), "* * *", 1.0, True).expression
        '3-59/15 * * * *'
        """
        return f"{_column(self.minutes, 60)} {_column(self.hours, 24)} {self.rest}"


@dataclass(frozen=True, slots=True)
class Move:
    """A task that should start at another minute."""

    before: Slot
    after: Slot


@dataclass(frozen=True, slots=True)
class Plan:
    """The moves, and the most tasks at once in any minute, before and after them."""

    moves: list[Move]
    peak_before: float
    peak_after: float
    load_before: list[float]
    load_after: list[float]


def stagger(slots: Iterable[Slot], *, window: tuple[int, ...] = ()) -> Plan:
    """Return which tasks to move, the largest placed first, each where the resulting peak is lowest.

    Only moves that lower the peak are made. The period and the days never change. The hour changes only
    within `window`, and only that of a task with one hour. A task stays where it is unless another minute is
    really quieter.
    """
    everything = list(slots)
    before, load = [0.0] * DAY, [0.0] * DAY
    for slot in everything:
        _add(before, slot)
        if not slot.may_move:
            _add(load, slot)
    moves = []
    for slot in sorted((slot for slot in everything if slot.may_move), key=_size):
        chosen = _best_place(slot, load, window)
        _add(load, chosen)
        if chosen != slot:
            moves.append(Move(slot, chosen))
    if max(load) > max(before) - WORTH_A_MOVE:  # nothing better was found: leave all as it is
        return Plan([], max(before), max(before), before, before)
    moves = _without_idle_moves(moves, load)
    return Plan(moves, max(before), max(load), before, load)


def _without_idle_moves(moves: list[Move], load: list[float]) -> list[Move]:
    """Take back the moves without which the peak is as low, the smallest first; `load` changes with them."""
    peak = max(load)
    kept = list(moves)
    for move in sorted(moves, key=lambda move: _size(move.before), reverse=True):
        _add(load, move.after, sign=-1)
        _add(load, move.before)
        if max(load) <= peak + EXACT:
            kept.remove(move)
        else:
            _add(load, move.before, sign=-1)
            _add(load, move.after)
    return kept


def _size(slot: Slot) -> tuple[float, str]:
    return -slot.seconds * len(slot.minutes) * len(slot.hours), slot.name


def _best_place(slot: Slot, load: list[float], window: tuple[int, ...]) -> Slot:
    here = _peak_of(slot, load)
    best = min(_places(slot, window), key=lambda place: (_peak_of(place, load), _distance(place, slot)))
    return best if _peak_of(best, load) < here - WORTH_A_MOVE else slot


def _places(slot: Slot, window: tuple[int, ...]) -> Iterator[Slot]:
    """Yield the slots to which a task may be moved: all its minutes by as much, within the hour."""
    first, last = min(slot.minutes), max(slot.minutes)
    hours = [slot.hours]
    if window and len(slot.hours) == 1:
        hours = [(hour,) for hour in window]
    for chosen in hours:
        for start in range(60 - (last - first)):
            minutes = tuple(minute - first + start for minute in slot.minutes)
            yield replace(slot, minutes=minutes, hours=chosen)


def _distance(place: Slot, slot: Slot) -> int:
    return abs(next(place.starts) - next(slot.starts))


def _shares(seconds: float) -> list[float]:
    """Return how much of each minute a run takes, from its start on, a day at most.

    >>> _shares(90.0)
    [1.0, 0.5]
    """
    whole, rest = divmod(min(seconds, DAY * 60.0), 60.0)
    return [1.0] * int(whole) + ([rest / 60.0] if rest else [])


def _add(load: list[float], slot: Slot, *, sign: int = 1) -> None:
    shares = _shares(slot.seconds)
    for start in slot.starts:
        for offset, share in enumerate(shares):
            load[(start + offset) % DAY] += sign * share


def _peak_of(slot: Slot, load: list[float]) -> float:
    """Return the most tasks at once in the minutes that a slot takes."""
    shares = _shares(slot.seconds)
    return max(
        (
            load[(start + offset) % DAY] + share
            for start in slot.starts
            for offset, share in enumerate(shares)
        ),
        default=0.0,
    )


def _column(numbers: tuple[int, ...], size: int) -> str:
    """Return numbers as a cron field."""
    ordered = sorted(numbers)
    if len(ordered) == size:
        return "*"
    if len(ordered) > 2:
        step = ordered[1] - ordered[0]
        is_steady = all(b - a == step for a, b in zip(ordered, ordered[1:], strict=False))
        if is_steady and ordered[0] < step and ordered[-1] + step >= size:
            return f"*/{step}" if ordered[0] == 0 else f"{ordered[0]}-{size - 1}/{step}"
    return ",".join(map(str, ordered))


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


FEWEST_SEEN = 5
HALF = 0.5
PERIODS = (5, 6, 10, 12, 15, 20, 30)


def seen_slots(runs: Iterable[BriefRun], seconds: Mapping[str, float], local: LocalTime) -> Iterator[Slot]:
    """Yield the slots of scheduled tasks whose schedule is not known, from when they were seen to start.

    A task is taken for one of each hour, each day or each few minutes if half of its starts or more lie on
    the same minutes; others have no slot.
    """
    starts: dict[str, list[float]] = {}
    for run in runs:
        if run.type == "scheduled" and run.outcome != "skipped":
            starts.setdefault(run.name, []).append(run.started_at)
    for name, moments in sorted(starts.items()):
        found = _seen_times(moments, local) if len(moments) >= FEWEST_SEEN else None
        if found is not None:
            yield Slot(name, *found, "* * *", seconds.get(name, UNKNOWN), may_move=True)


def _seen_times(moments: list[float], local: LocalTime) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """Return the minutes and hours at which a task starts, or None if that is not plain."""
    step = round(median(later - sooner for sooner, later in pairwise(moments)) / 60)
    of_day = [local.read(moment)[1] // 60 for moment in moments]
    if abs(step - DAY) <= 10:
        minute = _usual(of_day)
        return None if minute is None else ((minute % 60,), (minute // 60,))
    period = 60 if abs(step - 60) <= 5 else step
    if period != 60 and period not in PERIODS:
        return None
    first = _usual([minute % period for minute in of_day])
    return None if first is None else (tuple(range(first, 60, period)), tuple(range(24)))


def _usual(numbers: list[int]) -> int | None:
    number, count = Counter(numbers).most_common(1)[0]
    return number if count >= HALF * len(numbers) else None
