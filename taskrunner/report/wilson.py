"""How far a rate seen in a few runs may be from the real one."""

from __future__ import annotations

from math import sqrt

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
