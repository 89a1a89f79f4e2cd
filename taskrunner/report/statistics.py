"""The statistics of the reports: rates, percentiles, cuts, and what chance alone would do."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import accumulate
from math import ceil, erfc, exp, lgamma, log, sqrt
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


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
