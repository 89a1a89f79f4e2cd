"""What the order of numbers says: percentiles, and how well a number tells two groups apart."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


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
