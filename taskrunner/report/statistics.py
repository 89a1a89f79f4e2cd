"""Whether failures fall on some hours, weekdays or hosts more than chance would put there."""

from __future__ import annotations

from math import ceil, erfc, exp, lgamma, log, sqrt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


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


def concentration(failures: Mapping[object, int], runs: Mapping[object, int]) -> tuple[float, object]:
    """Return (p, cell): how likely chance alone spreads failures so unevenly over the cells in which there
    were runs (Pearson's test of failures against successes), and the cell with the most above its share.

    >>> p, hour = concentration({3: 9, 4: 1}, {hour: 30 for hour in range(24)})
    >>> p < 1e-9, hour
    (True, 3)
    >>> concentration({1: 2, 2: 2}, {1: 40, 2: 40})[0]
    1.0
    """
    failed, ran = sum(failures.values()), sum(runs.values())
    rate = failed / ran if ran else 0.0
    if not 0 < rate < 1 or len(runs) < 2:
        return 1.0, None
    excess = {cell: failures.get(cell, 0) - count * rate for cell, count in runs.items()}
    statistic = sum(excess[cell] ** 2 / (runs[cell] * rate * (1 - rate)) for cell in runs)
    return chi_square_p(statistic, len(runs) - 1), max(excess, key=lambda cell: excess[cell])


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
    Mann and Whitney's U over the number of pairs.

    Source of the second value: https://en.wikipedia.org/wiki/Mann-Whitney_U_test, Aesop's tortoises and
    hares: U = 25 of 36.

    >>> area_under_curve([1, 2, 3], [4, 5]), area_under_curve([1, 2], [1, 2])
    (1.0, 0.5)
    >>> tortoises, hares = (1, 7, 8, 9, 10, 11), (2, 3, 4, 5, 6, 12)
    >>> round(36 * area_under_curve(hares, tortoises))
    25
    """
    ranked = sorted([(number, 0) for number in low] + [(number, 1) for number in high])
    rank_sum, index = 0.0, 0
    while index < len(ranked):
        behind = index
        while behind < len(ranked) and ranked[behind][0] == ranked[index][0]:
            behind += 1
        middle = (index + 1 + behind) / 2
        rank_sum += middle * sum(group for _, group in ranked[index:behind])
        index = behind
    return (rank_sum - len(high) * (len(high) + 1) / 2) / (len(low) * len(high))


def best_cut(low: Sequence[float], high: Sequence[float]) -> tuple[float, float, float]:
    """Return (J, below, above): Youden's J of the best cut between two groups, and the numbers on its sides.

    J is the share of `high` above the cut less the share of `low` above it (W. J. Youden, Index for rating
    diagnostic tests, Cancer 3, 1950).

    >>> best_cut([1, 2, 3], [2.5, 4, 5])
    (0.6666666666666667, 2, 2.5)
    """
    ranked = sorted([(number, 0) for number in low] + [(number, 1) for number in high])
    above = [len(low), len(high)]
    best = (0.0, ranked[0][0], ranked[0][0])
    for (number, group), (following, _) in zip(ranked, ranked[1:], strict=False):
        above[group] -= 1
        youden = above[1] / len(high) - above[0] / len(low)
        if following > number and youden > best[0]:
            best = (youden, number, following)
    return best
