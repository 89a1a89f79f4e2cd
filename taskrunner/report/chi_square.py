"""Whether failures fall on some hours, weekdays or hosts more than chance would put there."""

from __future__ import annotations

from math import erfc, exp, lgamma, log, sqrt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


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
