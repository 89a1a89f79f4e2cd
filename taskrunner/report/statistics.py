"""The statistics of the reports: rates, percentiles, cuts, and what chance alone would do.

A cut tells whether a task fails when it runs longer than some length.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from itertools import accumulate
from math import ceil, erfc, exp, lgamma, log, sqrt
from random import Random
from typing import TYPE_CHECKING

from taskrunner.store.imports import COUNTED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from taskrunner.store.imports import Lengths


def hypergeometric_tail(hits: int, cell: int, failures: int, runs: int) -> float:
    """Return the chance that at least `hits` of the failures fall among `cell` of the runs.

    Fisher's exact test, one-sided. Source of the first value: R. A. Fisher, The Design of Experiments (1935),
    the lady who tastes tea: 3 or more of 4 cups right, 17 of 70.

    >>> round(hypergeometric_tail(3, 4, 4, 8), 4), round(17 / 70, 4)
    (0.2429, 0.2429)
    >>> hypergeometric_tail(0, 4, 4, 8), hypergeometric_tail(5, 4, 5, 8)
    (1.0, 0.0)
    """
    most = min(cell, failures)
    if hits <= max(0, cell + failures - runs):
        return 1.0
    if hits > most:
        return 0.0
    term = exp(
        _log_choose(failures, hits) + _log_choose(runs - failures, cell - hits) - _log_choose(runs, cell)
    )
    total = 0.0
    for count in range(hits, most + 1):
        total += term
        if term < total * 1e-12:
            break
        term *= (failures - count) * (cell - count)
        term /= (count + 1) * max(1, runs - failures - cell + count + 1)
    return min(1.0, total)


def _log_choose(number: int, chosen: int) -> float:
    return lgamma(number + 1) - lgamma(chosen + 1) - lgamma(number - chosen + 1)


def chi_square_p(statistic: float, freedom: int) -> float:
    """Return the chance of a chi-square at least this large, with so many degrees of freedom.

    Q(n/2, x/2) by its recurrence from erfc or exp (Abramowitz and Stegun 26.4.4, 26.4.5). Source of the
    values: NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.4, critical values of 0.05 and 0.01.

    >>> [round(chi_square_p(x, n), 4) for x, n in ((3.841, 1), (12.592, 6), (35.172, 23), (101.879, 80))]
    [0.05, 0.05, 0.05, 0.05]
    >>> [round(chi_square_p(x, n), 4) for x, n in ((6.635, 1), (16.812, 6), (41.638, 23), (0.0, 5))]
    [0.01, 0.01, 0.01, 1.0]
    """
    if freedom < 1 or statistic <= 0:
        return 1.0
    half = statistic / 2
    term_at = 0.5 if freedom % 2 else 1.0
    chance = erfc(sqrt(half)) if freedom % 2 else exp(-half)
    while term_at < freedom / 2:
        chance += exp(term_at * log(half) - half - lgamma(term_at + 1))
        term_at += 1
    return min(1.0, chance)


TRIALS = 2000
MOST_DRAWN = 300
"""Failures that are drawn by chance again and again; of more, the chi-square distribution is exact enough."""

HOPELESS = 0.05
SEED = 20


def concentration(failures: Mapping[object, int], runs: Mapping[object, int]) -> tuple[float, object]:
    """Return (p, cell): how likely chance alone spreads failures so unevenly over the cells in which there
    were runs, and the cell on which they fall most surprisingly.

    Two questions are asked, and the answer corrected for it (Bonferroni): whether one cell has too many
    (Fisher, exact), and whether all of them together are too uneven (Pearson's statistic, its distribution
    found by drawing the failures anew with a fixed seed).

    >>> p, hour = concentration({3: 9, 4: 1}, {hour: 30 for hour in range(24)})
    >>> p < 1e-9, hour
    (True, 3)
    >>> concentration({1: 2, 2: 2}, {1: 40, 2: 40})[0]
    1.0
    """
    failed, ran = sum(failures.values()), sum(runs.values())
    if not 0 < failed < ran or len(runs) < 2:
        return 1.0, None
    chances = [
        (hypergeometric_tail(hits, runs[cell], failed, ran), cell)
        for cell, hits in failures.items()
        if hits * ran > failed * runs[cell]
    ]
    chance, cell = min(chances, key=lambda found: found[0], default=(1.0, None))
    chance = min(chance * len(runs), _chance_of_unevenness(failures, runs))
    return min(1.0, 2 * chance), cell


def _chance_of_unevenness(failures: Mapping[object, int], runs: Mapping[object, int]) -> float:
    """Return how likely failures fall as unevenly by chance, by Pearson's statistic."""
    failed, ran = sum(failures.values()), sum(runs.values())
    ends = list(accumulate(runs.values()))
    statistic = _unevenness([failures.get(cell, 0) for cell in runs], list(runs.values()), failed / ran)
    about = chi_square_p(statistic, len(runs) - 1)
    if failed > MOST_DRAWN or about > HOPELESS:
        return about
    chance, as_uneven = Random(SEED), 0  # noqa: S311 (nothing secret)
    for trial in range(1, TRIALS + 1):
        drawn = [0] * len(ends)
        for number in chance.sample(range(ran), failed):
            drawn[bisect_right(ends, number)] += 1
        as_uneven += _unevenness(drawn, list(runs.values()), failed / ran) >= statistic - 1e-9
        if as_uneven > 10:  # it is chance, whatever the other trials say
            return (as_uneven + 1) / (trial + 1)
    return (as_uneven + 1) / (TRIALS + 1)


def _unevenness(failures: list[int], runs: list[int], rate: float) -> float:
    spread = rate * (1 - rate)
    return sum((hits - ran * rate) ** 2 / (ran * spread) for hits, ran in zip(failures, runs, strict=True))


Z95 = 1.959963984540054
"""The normal quantile of a two-sided 95 % interval."""


def wilson(hits: int, runs: int) -> tuple[float, float]:
    """Return the 95 % Wilson score interval of a rate; (0, 1) where nothing ran.

    Source of the values: R. G. Newcombe, Two-sided confidence intervals for the single proportion,
    Statistics in Medicine 17 (1998), table I, method 3.

    >>> for hits, runs in ((81, 263), (15, 148), (0, 20), (1, 29)):
    ...     print("{:.4f} {:.4f}".format(*wilson(hits, runs)))
    0.2553 0.3662
    0.0624 0.1605
    0.0000 0.1611
    0.0061 0.1718
    """
    if not runs:
        return 0.0, 1.0
    rate, square = hits / runs, Z95 * Z95
    middle = (rate + square / (2 * runs)) / (1 + square / runs)
    half = Z95 * sqrt(rate * (1 - rate) / runs + square / (4 * runs * runs)) / (1 + square / runs)
    return middle - half if hits else 0.0, middle + half if hits < runs else 1.0


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the nearest-rank percentile of numbers in order.

    Source of the values: https://en.wikipedia.org/wiki/Percentile, the nearest-rank method, examples 1 and 2.

    >>> [percentile([15, 20, 35, 40, 50], share) for share in (0.05, 0.3, 0.4, 0.5, 1.0)]
    [15, 20, 20, 35, 50]
    >>> [percentile([3, 6, 7, 8, 8, 10, 13, 15, 16, 20], share) for share in (0.25, 0.5, 0.75, 1.0)]
    [7, 8, 15, 20]
    """
    return ordered[max(0, ceil(round(share * len(ordered), 9)) - 1)]


def area_under_curve(low: Sequence[float], high: Sequence[float]) -> float:
    """Return the chance that a number of `high` is above one of `low`, ties counting half: the AUC, which is
    Mann and Whitney's U over the number of pairs. Both are in order.

    Source of the second value: https://en.wikipedia.org/wiki/Mann-Whitney_U_test, Aesop's tortoises and
    hares: U = 25 of 36.

    >>> area_under_curve([1, 2, 3], [4, 5]), area_under_curve([1, 2], [1, 2])
    (1.0, 0.5)
    >>> tortoises, hares = (1, 7, 8, 9, 10, 11), (2, 3, 4, 5, 6, 12)
    >>> round(36 * area_under_curve(hares, tortoises))
    25
    """
    twice = sum(bisect_left(low, number) + bisect_right(low, number) for number in high)
    return twice / (2 * len(low) * len(high))


def best_cut(low: Sequence[float], high: Sequence[float]) -> tuple[float, float, float]:
    """Return (J, below, above): Youden's J of the best cut between two groups, and the numbers on its sides.

    J is the share of `high` above the cut less the share of `low` above it (W. J. Youden, Index for rating
    diagnostic tests, Cancer 3, 1950). Both are in order; the best cut lies just below a number of `high`.

    >>> best_cut([1, 2, 3], [2.5, 4, 5])
    (0.6666666666666666, 2, 2.5)
    """
    best = (0.0, min(low[0], high[0]), min(low[0], high[0]))
    for index, number in enumerate(high):
        if index and high[index - 1] == number:
            continue
        under = bisect_left(low, number)
        youden = under / len(low) - index / len(high)
        if youden > best[0] + 1e-12:
            sides = ([low[under - 1]] if under else []) + ([high[index - 1]] if index else [])
            best = (youden, max(sides), number)
    return best


def chance_of_cut(youden: float, low: int, high: int) -> float:
    """Return how often chance alone cuts groups of such sizes so well, about.

    The one-sided test of two samples by N. V. Smirnov (1939), for large groups; for small ones it says too
    much rather than too little.

    >>> round(chance_of_cut(0.6, 20, 5), 3), chance_of_cut(1.0, 410, 15) < 1e-9
    (0.056, True)
    """
    return exp(-2.0 * youden * youden * low * high / (low + high))


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
