"""Which tasks fail, how surely, and whether that is by chance, by habit or by rule."""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from taskrunner.formatting import often
from taskrunner.report.load import WEEKDAYS
from taskrunner.report.statistics import concentration, wilson

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from taskrunner.report.load import LocalTime
    from taskrunner.store.imports import BriefRun, TaskRun


@dataclass(slots=True)
class History:
    """The counted runs of one task, oldest first, in little space.

    `outcomes` has 1 for a run that failed, and `crashes` for one whose process died.
    """

    outcomes: bytearray = field(default_factory=bytearray)
    crashes: bytearray = field(default_factory=bytearray)
    starts: array[float] = field(default_factory=lambda: array("d"))
    crashed: int = 0
    messages: Counter[str] = field(default_factory=Counter)
    adhoc_ids: Counter[int] = field(default_factory=Counter)
    adhoc_streak: Counter[int] = field(default_factory=Counter)
    days: dict[tuple[str, object], set[int]] = field(default_factory=dict)
    runs_by: dict[str, Counter[object]] = field(default_factory=dict)
    failures_by: dict[str, Counter[object]] = field(default_factory=dict)
    last_failure_at: float | None = None
    last_message: str = ""

    def add(self, run: BriefRun, cells: dict[str, object]) -> None:
        """Take one more run; `cells`: the hour, weekday and host it falls on."""
        self.outcomes.append(run.failed)
        self.crashes.append(run.outcome == "crashed")
        self.starts.append(run.started_at)
        for kind, cell in cells.items():
            self.runs_by.setdefault(kind, Counter())[cell] += 1
        if run.failed:
            self._add_failure(run, cells)
        elif run.adhoc_id is not None:
            self.adhoc_streak.pop(run.adhoc_id, None)

    def _add_failure(self, run: BriefRun, cells: dict[str, object]) -> None:
        self.crashed += run.outcome == "crashed"
        self.messages[run.message_key] += 1
        self.last_failure_at, self.last_message = run.started_at, run.message
        for kind, cell in cells.items():
            self.failures_by.setdefault(kind, Counter())[cell] += 1
            self.days.setdefault((kind, cell), set()).add(int(run.started_at) // 86_400)
        if run.adhoc_id is not None:
            self.adhoc_ids[run.adhoc_id] += 1
            self.adhoc_streak[run.adhoc_id] += 1

    @property
    def failures(self) -> int:
        """How many of the runs failed."""
        return sum(self.outcomes)


FEW_RUNS = 5
STREAK = 3
CALM = 5
"""Successes in a row after which a task has recovered."""

NEARLY_ALL = 0.9
BY_CHANCE = 0.05
LONGEST_KEY = 80
SIGNIFICANT = 0.01
"""The chance at which failures are taken to recur, over all three groupings: once in a hundred tasks."""

DIFFERENT_DAYS = 3
"""Days on which failures of one hour or weekday lie at least: one bad night is nothing that recurs."""


def judge(history: History) -> tuple[str, str]:
    """Return (verdict, reason): too few runs, never failed, systematic, recovered, recurring, isolated or
    intermittent.
    """
    failures, runs = history.failures, len(history.outcomes)
    if runs < FEW_RUNS:
        many = "1 run" if runs == 1 else f"{runs} runs"
        return "too few runs", f"{many}, {FEW_RUNS} are needed to judge"
    if not failures:
        return "never failed", f"{runs} runs, all ok"
    if reason := _why_one_id(history):
        return "systematic", reason
    if reason := _why_systematic(history):
        return "systematic", reason
    if reason := _why_recurring(history):
        return "recurring", reason
    if reason := _why_for_a_while(history):
        calm = _trailing(history.outcomes, failed=0)
        if calm >= CALM:
            return "recovered", f"{reason}; the last {calm} runs were ok"
        return "systematic", reason
    if failures <= 2 and not history.outcomes[-1] and _longest_streak(history.outcomes) == 1:
        return "isolated", f"{often(failures)} in {runs} runs, each time followed by a success"
    return "intermittent", f"{often(failures)} in {runs} runs, {_streak_text(history)}"


def _why_one_id(history: History) -> str:
    """Return that one adhoc task fails each time, whatever others of its class do, or "" if none does."""
    if not history.adhoc_ids:
        return ""
    adhoc_id, count = history.adhoc_ids.most_common(1)[0]
    streak = history.adhoc_streak[adhoc_id]
    if streak < STREAK or count < NEARLY_ALL * history.failures:
        return ""
    return f"{count} of {history.failures} failures are those of adhoc task {adhoc_id}, {streak} in a row"


def _why_systematic(history: History) -> str:
    failures, runs = history.failures, len(history.outcomes)
    trailing = _trailing(history.outcomes, failed=1)
    if trailing >= STREAK:
        same = _same_message(history.messages, failures)
        return f"the last {trailing} runs failed{same}"
    low, _ = wilson(failures, runs)
    if low > 0.5:
        calm = _trailing(history.outcomes, failed=0)
        return f"{failures} of {runs} runs failed" if calm < CALM else ""
    return ""


def _why_for_a_while(history: History) -> str:
    """Return that a task failed many times in a row, or mostly, or "" if it did not."""
    failures, runs = history.failures, len(history.outcomes)
    if wilson(failures, runs)[0] > 0.5:
        return f"{failures} of {runs} runs failed"
    longest = _longest_streak(history.outcomes)
    if longest >= STREAK and not _streak_by_chance(longest, failures, runs):
        return f"{longest} runs in a row failed{_same_message(history.messages, failures)}"
    return ""


def _streak_by_chance(longest: int, failures: int, runs: int) -> bool:
    """Return whether a task that fails now and then has such a streak, too, in so many runs."""
    elsewhere = (failures - longest) / (runs - longest) if runs > longest else 0.0
    return runs * elsewhere**longest > BY_CHANCE


def _same_message(messages: Counter[str], failures: int) -> str:
    key, count = messages.most_common(1)[0]
    return (
        f", {count} of {failures} with “{key[:LONGEST_KEY]}”"
        if key and count >= NEARLY_ALL * failures
        else ""
    )


def _why_recurring(history: History) -> str:
    if history.failures < STREAK:
        return ""
    tried = [
        (*concentration(failed_by, history.runs_by[kind]), kind)
        for kind, failed_by in history.failures_by.items()
    ]
    chance, cell, kind = min(tried, key=lambda found: found[0])
    chance = min(1.0, chance * len(tried))
    is_one_incident = kind != "host" and len(history.days.get((kind, cell), ())) < DIFFERENT_DAYS
    if chance >= SIGNIFICANT or is_one_incident:
        return ""
    count = history.failures_by[kind][cell]
    return f"{count} of {history.failures} failures {_cell_text(kind, cell)} (p {_chance_text(chance)})"


def _cell_text(kind: str, cell: object) -> str:
    if kind == "hour" and isinstance(cell, int):
        return f"between {cell:02}:00 and {(cell + 1) % 24:02}:00"
    if kind == "weekday" and isinstance(cell, int):
        return f"on {WEEKDAYS[cell]}"
    return f"on host {cell or '?'}"


def _chance_text(chance: float) -> str:
    return "< 0.0001" if chance < 0.0001 else f"= {chance:.4f}"


def _streak_text(history: History) -> str:
    longest = _longest_streak(history.outcomes)
    together = f"{longest} in a row at most" if longest > 1 else "never twice in a row"
    return f"{together}; the last run failed" if history.outcomes[-1] else together


def _trailing(outcomes: bytearray, *, failed: int) -> int:
    """Return how many of the last runs were alike."""
    count = 0
    for outcome in reversed(outcomes):
        if outcome != failed:
            break
        count += 1
    return count


def _longest_streak(outcomes: bytearray) -> int:
    return max(map(len, bytes(outcomes).split(b"\0")))


WEEK = 7 * 86_400
FOUR_WEEKS = 4 * WEEK


@dataclass(frozen=True, slots=True)
class TaskFailures:
    """How a task fails: `rate` of `runs` with its 95 % interval, lately and before, and the verdict.

    `failed` leaves the crashed ones out. `recent_rate`: of the last 7 days that are known; `former_rate`: of
    the 28 before; None where nothing ran.
    """

    name: str
    runs: int
    ok: int
    failed: int
    crashed: int
    rate: float
    rate_low: float
    rate_high: float
    recent_runs: int
    recent_rate: float | None
    former_runs: int
    former_rate: float | None
    verdict: str
    reason: str
    last_failure_at: float | None
    last_message: str


def failures(runs: Iterable[BriefRun], local: LocalTime) -> list[TaskFailures]:
    """Return how each task fails, the one with the most failures first."""
    return judge_all(histories_of(runs, local))


def histories_of(runs: Iterable[BriefRun], local: LocalTime) -> dict[str, History]:
    """Return the counted runs of each task."""
    histories = Histories(local)
    for run in runs:
        histories.add(run)
    return histories


class Histories(dict[str, History]):
    """The counted runs of each task, by its name."""

    def __init__(self, local: LocalTime) -> None:
        super().__init__()
        self._local = local

    def add(self, run: BriefRun) -> None:
        """Take one more run."""
        if run.counted:
            weekday, second = self._local.read(run.started_at)
            cells = {"hour": second // 3600, "weekday": weekday, "host": run.hostname}
            if run.name not in self:
                self[run.name] = History()
            self[run.name].add(run, cells)


def judge_all(histories: Mapping[str, History]) -> list[TaskFailures]:
    """Return how each task fails, the one with the most failures first."""
    last = max((history.starts[-1] for history in histories.values()), default=0.0)
    rows = [_row(name, history, last) for name, history in histories.items()]
    return sorted(rows, key=lambda row: (row.ok - row.runs, -row.rate, row.name))


def _row(name: str, history: History, last: float) -> TaskFailures:
    runs, failed = len(history.outcomes), history.failures
    low, high = wilson(failed, runs)
    recent_runs, recent_rate = _rate(history, last - WEEK, last + 1)
    former_runs, former_rate = _rate(history, last - WEEK - FOUR_WEEKS, last - WEEK)
    verdict, reason = judge(history)
    return TaskFailures(
        name=name,
        runs=runs,
        ok=runs - failed,
        failed=failed - history.crashed,
        crashed=history.crashed,
        rate=failed / runs,
        rate_low=low,
        rate_high=high,
        recent_runs=recent_runs,
        recent_rate=recent_rate,
        former_runs=former_runs,
        former_rate=former_rate,
        verdict=verdict,
        reason=reason,
        last_failure_at=history.last_failure_at,
        last_message=history.last_message,
    )


def _rate(history: History, since: float, until: float) -> tuple[int, float | None]:
    pairs = zip(history.starts, history.outcomes, strict=True)
    chosen = [failed for start, failed in pairs if since <= start < until]
    return len(chosen), sum(chosen) / len(chosen) if chosen else None


def kind_text(run: TaskRun) -> str:
    """Return how a process ended, as far as its last lines say."""
    return run.fatal or "no message"
