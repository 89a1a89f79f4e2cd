"""Whether a task's failures are isolated, recurring or systematic, and why it is said to be so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskrunner.report.chi_square import concentration
from taskrunner.report.local_time import WEEKDAYS
from taskrunner.report.wilson import wilson
from taskrunner.times import often

if TYPE_CHECKING:
    from collections import Counter

    from taskrunner.report.history import History

FEW_RUNS = 5
STREAK = 3
CALM = 5
"""Successes in a row after which a task has recovered."""

NEARLY_ALL = 0.9
BY_CHANCE = 0.05
LONGEST_KEY = 80
SIGNIFICANT = 0.01


def judge(history: History) -> tuple[str, str]:
    """Return (verdict, reason): too few runs, never failed, systematic, recovered, recurring, isolated or
    intermittent.
    """
    failures, runs = history.failures, len(history.outcomes)
    if runs < FEW_RUNS:
        return "too few runs", f"{runs} runs, {FEW_RUNS} are needed to judge"
    if not failures:
        return "never failed", f"{runs} runs, all ok"
    if reason := _why_one_id(history):
        return "systematic", reason
    if reason := _why_systematic(history):
        calm = _trailing(history.outcomes, failed=0)
        if calm >= CALM:
            return "recovered", f"{reason}; the last {calm} runs were ok"
        return "systematic", reason
    if reason := _why_recurring(history):
        return "recurring", reason
    if failures <= 2 and not history.outcomes[-1] and _longest_streak(history.outcomes) == 1:
        return "isolated", f"{often(failures)} in {runs} runs, each time followed by a success"
    return "intermittent", f"{often(failures)} in {runs} runs, {_streak_text(history)}"


def _why_one_id(history: History) -> str:
    """Return that one adhoc task fails each time, whatever others of its class do; "": none does."""
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
        return f"{failures} of {runs} runs failed"
    longest = _longest_streak(history.outcomes)
    if longest >= STREAK and not _streak_by_chance(longest, failures, runs):
        return f"{longest} runs in a row failed{_same_message(history.messages, failures)}"
    return ""


def _streak_by_chance(longest: int, failures: int, runs: int) -> bool:
    """Say whether a task that fails now and then has such a streak, too, in so many runs."""
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
    if chance >= SIGNIFICANT:
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
