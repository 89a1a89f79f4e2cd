"""Timing by medians, and a table of ratios: these machines are noisy."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Line:
    """One measurement, in milliseconds or another unit, beside the floor or peer it is compared with."""

    what: str
    milliseconds: float
    beside: str
    beside_milliseconds: float
    unit: str = "ms"

    @property
    def ratio(self) -> float:
        """How many times as long it takes."""
        return self.milliseconds / self.beside_milliseconds


def alternating(
    first: Callable[[], object], second: Callable[[], object], rounds: int
) -> tuple[float, float]:
    """Return the median milliseconds of two things, measured in turn so that noise meets both."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for timed, into in zip((first, second), times, strict=True):
            started_at = time.perf_counter()
            timed()
            into.append((time.perf_counter() - started_at) * 1000)
    return statistics.median(times[0]), statistics.median(times[1])


def table(lines: list[Line]) -> str:
    """Return the lines as a table in Markdown."""
    rows = ["| what | | beside | | ratio |", "|---|---|---|---|---|"]
    rows += [
        f"| {line.what} | {line.milliseconds:.3g} {line.unit} | "
        f"{line.beside} | {line.beside_milliseconds:.3g} {line.unit} | {line.ratio:.2f} |"
        for line in lines
    ]
    return "\n".join(rows)
