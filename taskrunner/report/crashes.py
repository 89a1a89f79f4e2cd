"""Runs that began and were never heard of again."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from taskrunner.report_records import TaskRun


def crashes(runs: Iterable[TaskRun]) -> Iterator[TaskRun]:
    """Yield the runs whose process died in them."""
    return (run for run in runs if run.outcome == "crashed")


def kind_text(run: TaskRun) -> str:
    """Return how a process ended, as far as its last lines say."""
    return run.fatal or "nothing said"
