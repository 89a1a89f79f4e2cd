"""Whether a task fails when it runs longer than some length."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from taskrunner.report.statistics import area_under_curve, best_cut, chance_of_cut, percentile
from taskrunner.store.imports import COUNTED

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from taskrunner.store.imports import Lengths

FEWEST_FAILURES = 5
FEWEST_SUCCESSES = 20
TELLS_APART = 0.75
SHARP = 0.6
BY_CHANCE = 0.002
"""How often chance may make so sharp a cut."""

NEAR = 0.01
MOST_OF_THEM = 0.6
FEW_OF_THEM = 0.02
SOME_OF_THEM = 0.2
SHORTEST_LIMIT = 1.0
"""Seconds; a task that fails takes a little longer than one that does not, and nobody set that as a limit."""


@dataclass(frozen=True, slots=True)
class TaskThreshold:
    """Whether failures of a task come with its length.

    `threshold` is the length in seconds from which on it fails, None where no such limit is seen; `reason`
    says why. `over` and `under`: (failed, runs) on its two sides. `hard_limit` is the length at which
    something ends the runs. `area` is the AUC, None where there are too few runs. `unknown` are failures
    whose length nobody knows; they are not compared.
    """

    name: str
    failures: int
    successes: int
    unknown: int
    threshold: float | None
    over: tuple[int, int]
    under: tuple[int, int]
    hard_limit: float | None
    area: float | None
    youden: float | None
    reason: str


@dataclass(slots=True)
class LengthsOfTask:
    """Seconds that the runs of a task took which are known to the end; `unknown`: how many others failed."""

    ok: array[float] = field(default_factory=lambda: array("d"))
    failed: array[float] = field(default_factory=lambda: array("d"))
    killed: array[float] = field(default_factory=lambda: array("d"))
    unknown: int = 0

    def add(self, piece: Lengths) -> None:
        """Take lengths of runs that ended alike."""
        if piece.end_known:
            kind = {"ok": self.ok, "failed": self.failed}.get(piece.outcome, self.killed)
            kind.extend(piece.seconds)
        elif piece.outcome != "ok":
            self.unknown += len(piece.seconds)


def thresholds(pieces: Iterable[Lengths]) -> list[TaskThreshold]:
    """Return for each task whether it fails over some length, those that do first."""
    tasks: dict[str, LengthsOfTask] = {}
    for piece in pieces:
        if piece.outcome in COUNTED:
            tasks.setdefault(piece.name, LengthsOfTask()).add(piece)
    rows = [find_threshold(name, lengths) for name, lengths in tasks.items()]
    return sorted(rows, key=lambda row: (row.threshold is None, -row.failures, row.name))


def find_threshold(name: str, lengths: LengthsOfTask) -> TaskThreshold:
    """Return whether a task fails over some length.

    The cut lies between the lengths on its two sides, or where failures pile up at one length, there.
    """
    successes, failures = sorted(lengths.ok), sorted([*lengths.failed, *lengths.killed])
    row = _Row(name, successes, failures, lengths.unknown, hard_limit(lengths))
    if len(failures) < FEWEST_FAILURES or len(successes) < FEWEST_SUCCESSES:
        return row.without(
            f"too few runs: {len(failures)} failed ({FEWEST_FAILURES} are needed), "
            f"{len(successes)} were ok ({FEWEST_SUCCESSES})"
        )
    area = area_under_curve(successes, failures)
    youden, below, above = best_cut(successes, failures)
    chance = chance_of_cut(youden, len(successes), len(failures))
    if area < TELLS_APART or youden < SHARP or chance > BY_CHANCE:
        reason = f"failed runs are not the long ones (AUC {area:.2f}, J {youden:.2f})"
        return row.without(reason, area=area, youden=youden)
    hard = row.hard_limit
    cut = hard if hard is not None and below < hard * (1 - NEAR) else (below + above) / 2
    cut = min(cut, above)
    if cut < SHORTEST_LIMIT:
        reason = f"failed runs take longer, but from {cut:.2g} s on, which is not a limit"
        return row.without(reason, area=area, youden=youden)
    return row.at(cut, area=area, youden=youden)


def hard_limit(lengths: LengthsOfTask) -> float | None:
    """Return the length at which something ends the runs of a task, or None if nothing is seen to do so.

    Most failures lie within 1 % of it, hardly a run takes longer, and successes do not pile up there, too, as
    those of a task do that always takes as long.

    >>> killed = array("d", [1000.2, 1001.0, 1000.7, 1000.9, 1003.0, 12.0])
    >>> hard_limit(LengthsOfTask(killed=killed))
    1000.7
    >>> hard_limit(LengthsOfTask(killed=killed, ok=array("d", [999.0, 1001.0, 1004.0])))
    >>> hard_limit(LengthsOfTask(killed=array("d", [1000.2, 1210.0, 1433.0, 1671.0, 1900.0])))
    """
    failures, successes = sorted([*lengths.failed, *lengths.killed]), sorted(lengths.ok)
    if len(failures) < FEWEST_FAILURES or (not lengths.killed and len(successes) < FEWEST_FAILURES):
        return None
    middle = percentile(failures, 0.5)
    low, high = middle * (1 - NEAR), middle * (1 + NEAR)
    near = bisect_right(failures, high) - bisect_left(failures, low)
    ok_from, ok_beyond = bisect_left(successes, low), bisect_right(successes, high)
    ok_near, ok_over = ok_beyond - ok_from, len(successes) - ok_beyond
    is_pile = middle >= SHORTEST_LIMIT and near >= MOST_OF_THEM * len(failures)
    ends_runs = ok_over <= FEW_OF_THEM * len(successes)
    is_usual = ok_near > SOME_OF_THEM * len(successes) or ok_near > near
    return middle if is_pile and ends_runs and not is_usual else None


@dataclass(frozen=True, slots=True)
class _Row:
    name: str
    successes: Sequence[float]
    failures: Sequence[float]
    unknown: int
    hard_limit: float | None

    def without(
        self, reason: str, *, area: float | None = None, youden: float | None = None
    ) -> TaskThreshold:
        return self._made(None, (0, 0), area, youden, reason)

    def at(self, cut: float, *, area: float, youden: float) -> TaskThreshold:
        failed = len(self.failures) - bisect_left(self.failures, cut)
        ok = len(self.successes) - bisect_left(self.successes, cut)
        return self._made(cut, (failed, failed + ok), area, youden, "")

    def _made(
        self,
        cut: float | None,
        over: tuple[int, int],
        area: float | None,
        youden: float | None,
        reason: str,
    ) -> TaskThreshold:
        failures, successes = len(self.failures), len(self.successes)
        under = failures - over[0], failures + successes - over[1]
        return TaskThreshold(
            self.name,
            failures,
            successes,
            self.unknown,
            cut,
            over,
            under,
            self.hard_limit,
            area,
            youden,
            reason,
        )


def in_words(row: TaskThreshold) -> str:
    """Return what is found, as a sentence.

    >>> ok, failed = array("d", range(400)), array("d", [1003.0 + i * 50 for i in range(14)])
    >>> in_words(find_threshold("a.B", LengthsOfTask(ok, failed, unknown=2)))
    'a.B: 14 of 14 runs over 701 s failed, 0 of 400 under it. 2 more died at a moment nobody knows.'
    >>> in_words(find_threshold("a.B", LengthsOfTask(ok[:30], failed[:1])))
    'a.B: no such limit seen; too few runs: 1 failed (5 are needed), 30 were ok (20).'
    """
    limit = f" It looks like a hard limit at about {row.hard_limit:.4g} s." if row.hard_limit else ""
    unknown = f" {row.unknown} more died at a moment nobody knows." if row.unknown else ""
    if row.threshold is None:
        return f"{row.name}: no such limit seen; {row.reason}.{limit}{unknown}"
    over, under = row.over, row.under
    return (
        f"{row.name}: {over[0]} of {over[1]} runs over {row.threshold:.4g} s failed, "
        f"{under[0]} of {under[1]} under it.{limit}{unknown}"
    )
