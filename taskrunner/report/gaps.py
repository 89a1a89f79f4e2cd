"""When cron was silent."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from taskrunner.records import CronRun, TaskRun

SHORTEST_GAP = 300.0
USUAL_TIMES = 3


@dataclass(frozen=True, slots=True)
class Sign:
    """A time in which cron was seen at work, and the last line it wrote."""

    started_at: float
    ended_at: float
    last_line: str


@dataclass(frozen=True, slots=True)
class Gap:
    """A silence: from the end of what was seen last to the next sign of life."""

    began_at: float
    ended_at: float
    last_line: str

    @property
    def duration(self) -> float:
        """Seconds of silence."""
        return self.ended_at - self.began_at


def gaps(signs: Iterable[Sign]) -> tuple[list[Gap], float | None]:
    """Return the silences longer than 5 minutes and than 3 times the usual interval, and that interval.

    `signs` come in the order of their starts. The interval is None where there are fewer than two.
    """
    found: list[Gap] = []
    steps: list[float] = []
    before = latest = None
    for sign in signs:
        if before is not None and latest is not None:
            steps.append(sign.started_at - before.started_at)
            if sign.started_at - latest.ended_at > SHORTEST_GAP:
                found.append(Gap(latest.ended_at, sign.started_at, latest.last_line))
        before = sign
        if latest is None or sign.ended_at >= latest.ended_at:
            latest = sign
    usual = median(steps) if steps else None
    limit = max(SHORTEST_GAP, USUAL_TIMES * (usual or 0.0))
    return [gap for gap in found if gap.duration > limit], usual


def signs_of(cron_runs: Iterable[CronRun], tasks: Iterable[TaskRun]) -> Iterator[Sign]:
    """Yield when cron was at work: its processes, or where nothing is known of them, the runs of its tasks.

    An empty log file is no sign of life.
    """
    seen = False
    for run in cron_runs:
        seen = True
        if run.state != "empty":
            yield Sign(run.started_at, run.ended_at, run.last_line)
    if not seen:
        for task in tasks:
            if task.outcome != "skipped":
                yield Sign(task.started_at, task.ended_at, f"{task.name}: {task.outcome}")
