"""Sites made by chance of which the truth is known, and how often the reports are wrong about them.

python -m tests.report.truth [SITES] prints the rates; the test takes fewer sites.
"""

from __future__ import annotations

import random
import sys
from array import array
from collections import Counter

from taskrunner.records import CronGap
from taskrunner.report.durations import lengths_of
from taskrunner.report.failures import failures
from taskrunner.report.load import LocalTime, gaps_of_processes, gaps_of_starts, overlaps
from taskrunner.report.statistics import LengthsOfTask, find_threshold, thresholds
from taskrunner.store.imports import BriefRun
from tests.report.log_lines import UTC
from tests.report.task_runs import DAY, HOUR, MONDAY, cron_run

LOCAL = LocalTime(UTC)


def run(at: float, seconds: float, outcome: str = "ok", *, known: bool = True, name: str = "a.B") -> BriefRun:
    """A run of a site."""
    ended_at = at + (seconds if known else 0.0)
    message = "" if outcome == "ok" else "disk is full"
    return BriefRun("scheduled", name, None, at, ended_at, int(known), outcome, "cron1", message, message)


def count_rates(sites: int) -> dict[str, tuple[int, int]]:
    """Return for each question (wrong, asked) over so many sites."""
    wrong: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    for seed in range(sites):
        rng = random.Random(seed)
        for question, is_wrong in (
            *_thresholds(rng),
            *_hard_limits(rng),
            *_recurring(rng),
            *_gaps(rng),
            *_overlaps(rng),
        ):
            asked[question] += 1
            wrong[question] += is_wrong
    return {question: (wrong[question], number) for question, number in sorted(asked.items())}


def _thresholds(rng: random.Random):
    """A site whose failures have nothing to do with length, some of unknown length; and one with a limit."""
    count, rate = rng.randrange(30, 2000), rng.choice((0.01, 0.03, 0.1, 0.3, 0.6))
    middle, spread = rng.uniform(0, 7), rng.choice((0.05, 0.3, 0.9, 1.5))
    lengths = [rng.lognormvariate(middle, spread) for _ in range(count)]
    runs = [run(MONDAY + at * 60, seconds, _by_chance(rng, rate)) for at, seconds in enumerate(lengths)]
    runs += [run(MONDAY, 0.0, "crashed", known=False) for _ in range(rng.randrange(12))]
    [row] = thresholds(lengths_of(runs))
    yield "threshold where there is none", row.threshold is not None
    limit = sorted(lengths)[-max(6, count // 12)]
    failing = [
        run(MONDAY, seconds, "failed" if seconds >= limit or rng.random() < 0.005 else "ok")
        for seconds in lengths
    ]
    [row] = thresholds(lengths_of(failing))
    enough = count >= 40 and limit > 1.5
    if enough:
        yield "threshold missed", row.threshold is None or not 0.8 < row.threshold / limit < 1.25


def _hard_limits(rng: random.Random):
    """Tasks that fail by chance, always take as long or give up early; and one that is killed at T."""
    steady = rng.uniform(2, 600)
    kinds = {
        "by chance": [rng.lognormvariate(4, 0.8) for _ in range(300)],
        "always as long": [steady * rng.uniform(0.998, 1.002) for _ in range(300)],
    }
    rate = rng.choice((0.03, 0.1, 0.4))
    for kind, lengths in kinds.items():
        of_task = LengthsOfTask()
        for seconds in lengths:
            (of_task.failed if rng.random() < rate else of_task.ok).append(seconds)
        yield f"hard limit of a task that fails {kind}", find_threshold("a.B", of_task).hard_limit is not None
    early = LengthsOfTask(
        array("d", (rng.lognormvariate(4, 0.8) + 5 for _ in range(200))),
        array("d", (2.0 * rng.uniform(0.999, 1.001) for _ in range(20))),
    )
    yield "hard limit of a task that gives up early", find_threshold("a.B", early).hard_limit is not None
    unknown = LengthsOfTask(array("d", (rng.uniform(1, 50) for _ in range(100))), unknown=20)
    row = find_threshold("a.B", unknown)
    yield "limit from unknown lengths", row.hard_limit is not None or row.threshold is not None
    limit = rng.uniform(300, 3000)
    lengths = [rng.lognormvariate(5.5, 0.9) for _ in range(400)]
    killed = LengthsOfTask(
        array("d", (seconds for seconds in lengths if seconds < limit)),
        killed=array("d", (limit + rng.uniform(0, 2) for seconds in lengths if seconds >= limit)),
    )
    if len(killed.killed) >= 6:
        found = find_threshold("a.B", killed).hard_limit
        yield "hard limit missed", found is None or abs(found / limit - 1) > 0.02


def _recurring(rng: random.Random):
    """Failures by chance, evenly and with most runs in one hour; one bad night; each Monday, each night."""
    days, rate = rng.randrange(14, 90), rng.choice((0.005, 0.02, 0.1))
    hours = [MONDAY + hour * HOUR for hour in range(24 * days)]
    yield "recurring by chance", _verdict(rng, hours, rate) == "recurring"
    piled = [MONDAY + day * DAY + 3 * HOUR + n for day in range(days) for n in range(10)]
    piled = sorted(piled + [rng.choice(hours) for _ in range(12)])
    yield "recurring by chance, most runs in one hour", _verdict(rng, piled, rate) == "recurring"
    night = rng.randrange(days) * 24 + rng.randrange(24)
    bad = [run(at, 1.0, "failed" if night <= n < night + 6 else "ok") for n, at in enumerate(hours)]
    yield "one bad night taken for recurring", failures(bad, LOCAL)[0].verdict == "recurring"
    weekly = [
        run(at, 1.0, "failed" if LOCAL.read(at)[0] == 0 and rng.random() < 0.3 else _by_chance(rng, 0.002))
        for at in hours
    ]
    yield "failures on Mondays missed", failures(weekly, LOCAL)[0].verdict not in ("recurring", "systematic")
    nightly = [
        run(at, 1.0, "failed" if n % 24 == 3 and rng.random() < 0.5 else _by_chance(rng, 0.002))
        for n, at in enumerate(hours)
    ]
    yield "failures at one hour missed", failures(nightly, LOCAL)[0].verdict != "recurring"


def _gaps(rng: random.Random):
    """Crons each minute with tasks in bunches, with outages of known lengths."""
    end = MONDAY + 3 * DAY
    outages = sorted(rng.sample(range(60, 4200, 90), rng.randrange(4)))
    spans = [(MONDAY + at * 60, MONDAY + (at + rng.randrange(7, 80)) * 60) for at in outages]
    kept = [CronGap("cron1", *span) for span in spans]
    found = gaps_of_starts(kept, {"cron1": end - 20}, since=0, until=1e15, now=end).gaps
    yield "silences of a site", [(gap.began_at, gap.ended_at) for gap in found] != spans
    every = rng.choice((1, 1, 5, 15, 60))
    starts = [
        MONDAY + at * 60 + rng.random() * 3
        for at in range(0, 4320, every)
        if not any(low < MONDAY + at * 60 < high for low, high in spans)
    ]
    long = [span for span in spans if span[1] - span[0] > max(400, (3 * every + 2) * 60)]
    runs = [cron_run(at, rng.uniform(0.5, 20)) for at in starts]
    told = gaps_of_processes(runs).gaps
    missed = [span for span in long if not any(abs(gap.began_at - span[0]) < 60 * every + 60 for gap in told)]
    false = [
        gap for gap in told if not any(low - 60 * every - 60 <= gap.began_at <= high for low, high in spans)
    ]
    yield "silences of log files", bool(missed or false)


def _overlaps(rng: random.Random):
    """Runs at known times, counted minute by minute; those with an unknown end overlap nothing."""
    runs = sorted(
        (
            run(
                MONDAY + rng.randrange(600),
                float(rng.randrange(1, 90)),
                known=rng.random() < 0.9,
                name=f"a.T{n % 5}",
            )
            for n in range(60)
        ),
        key=lambda one: one.started_at,
    )
    ticks: Counter[int] = Counter()
    for one in runs:
        ticks.update(range(int(one.started_at), int(one.ended_at)))
    yield "most tasks at once", overlaps(runs).most != max(ticks.values(), default=0)


def _by_chance(rng: random.Random, rate: float) -> str:
    return "failed" if rng.random() < rate else "ok"


def _verdict(rng: random.Random, moments: list[float], rate: float) -> str:
    return failures([run(at, 1.0, _by_chance(rng, rate)) for at in moments], LOCAL)[0].verdict


def main() -> None:
    """Print the rates."""
    for question, (wrong, asked) in count_rates(int(sys.argv[1]) if len(sys.argv) > 1 else 1000).items():
        print(f"{question:52} {wrong:5} of {asked:5}  {100 * wrong / asked:.2f} %")


if __name__ == "__main__":
    main()
