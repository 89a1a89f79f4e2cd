"""When cron was silent: known from the starts of cron processes, never from the runs of tasks."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from taskrunner.records import CronGap
    from taskrunner.report_records import CronRun

SHORTEST_GAP = 300.0
USUAL_TIMES = 3
NEARLY_ALL = 0.9
FEWEST_INTERVALS = 3


@dataclass(frozen=True, slots=True)
class Gap:
    """A silence, from the last that was seen of cron to the next; `ended_at` is None while it lasts."""

    began_at: float
    ended_at: float | None
    last_line: str
    duration: float
    hostname: str = ""


@dataclass(frozen=True, slots=True)
class Silences:
    """The silences, and how often cron is seen usually; `unknown` says why they cannot be known, if so."""

    gaps: list[Gap]
    usual: float | None
    unknown: str = ""


def gaps_of_processes(runs: Iterable[CronRun]) -> Silences:
    """Return the silences between cron processes: longer than 5 minutes and than 3 times the usual interval.

    The processes come in the order of their starts. An empty log file is not a sign of life.
    """
    found: list[Gap] = []
    steps: list[float] = []
    before = latest = None
    for run in runs:
        if run.state == "empty":
            continue
        if before is not None and latest is not None:
            steps.append(run.started_at - before.started_at)
            silent = run.started_at - latest.ended_at
            if silent > SHORTEST_GAP:
                found.append(Gap(latest.ended_at, run.started_at, latest.last_line, silent, latest.hostname))
        before = run
        if latest is None or run.ended_at >= latest.ended_at:
            latest = run
    usual = median(steps) if steps else None
    return Silences([gap for gap in found if gap.duration > _limit(usual)], usual)


OWN_FILES = "taskrunner's own log files tell nothing of minutes in which nothing was due: ask --from log"


def gaps_of_starts(
    kept: Iterable[CronGap], last_starts: Mapping[str, float], *, since: float, until: float, now: float
) -> Silences:
    """Return the silences between the starts of crons on each host, and those that last.

    `kept` are intervals longer than five minutes, in the order of their ends; `last_starts` says when the
    last cron started on a host. Where nearly all time lies in kept intervals, cron is meant to start so
    seldom, and what is longer than 3 of these is a silence.
    """
    intervals: dict[str, list[tuple[float, float]]] = {host: [] for host in last_starts}
    for gap in kept:
        intervals.setdefault(gap.hostname, []).append((gap.began_at, gap.ended_at))
    found, usual_of_hosts = [], []
    for host, spans in intervals.items():
        usual = _usual_interval(spans)
        usual_of_hosts += [usual] if usual else []
        ends: list[tuple[float, float | None]] = list(dict.fromkeys(spans))
        if (last := last_starts.get(host)) is not None and until > now:
            ends.append((last, None))
        for began_at, ended_at in ends:
            silent = (now if ended_at is None else ended_at) - began_at
            if silent > _limit(usual) and began_at < until and (ended_at is None or ended_at >= since):
                found.append(Gap(began_at, ended_at, "", silent, host))
    return Silences(
        sorted(found, key=lambda gap: (gap.began_at, gap.hostname)), min(usual_of_hosts, default=None)
    )


def _usual_interval(spans: list[tuple[float, float]]) -> float | None:
    """Return the interval of a cron that is meant to start seldom, or None for any other."""
    lengths = [end - begin for begin, end in spans]
    if len(lengths) < FEWEST_INTERVALS:
        return None
    covers_all = sum(lengths) >= NEARLY_ALL * (spans[-1][1] - spans[0][0])
    return median(lengths) if covers_all else None


def _limit(usual: float | None) -> float:
    return max(SHORTEST_GAP, USUAL_TIMES * (usual or 0.0))
