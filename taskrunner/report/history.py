"""What is kept of the runs of one task while its failures are judged."""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from taskrunner.report_records import TaskRun


@dataclass(slots=True)
class History:
    """The counted runs of one task, oldest first, in little space."""

    outcomes: bytearray = field(default_factory=bytearray)
    starts: array[float] = field(default_factory=lambda: array("d"))
    crashed: int = 0
    messages: Counter[str] = field(default_factory=Counter)
    adhoc_ids: Counter[int] = field(default_factory=Counter)
    adhoc_streak: Counter[int] = field(default_factory=Counter)
    runs_by: dict[str, Counter[object]] = field(default_factory=dict)
    failures_by: dict[str, Counter[object]] = field(default_factory=dict)
    last_failure_at: float | None = None
    last_message: str = ""

    def add(self, run: TaskRun, cells: dict[str, object]) -> None:
        """Take one more run; `cells`: the hour, weekday and host it falls on."""
        self.outcomes.append(run.failed)
        self.starts.append(run.started_at)
        for kind, cell in cells.items():
            self.runs_by.setdefault(kind, Counter())[cell] += 1
        if run.failed:
            self._add_failure(run, cells)
        elif run.adhoc_id is not None:
            self.adhoc_streak.pop(run.adhoc_id, None)

    def _add_failure(self, run: TaskRun, cells: dict[str, object]) -> None:
        self.crashed += run.outcome == "crashed"
        self.messages[run.message_key] += 1
        self.last_failure_at, self.last_message = run.started_at, run.message
        for kind, cell in cells.items():
            self.failures_by.setdefault(kind, Counter())[cell] += 1
        if run.adhoc_id is not None:
            self.adhoc_ids[run.adhoc_id] += 1
            self.adhoc_streak[run.adhoc_id] += 1

    @property
    def failures(self) -> int:
        """How many of the runs failed."""
        return sum(self.outcomes)
