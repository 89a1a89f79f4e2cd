"""Runs whose closing line did not come when it should have: it may come later, from another process."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from taskrunner.report.task_draft import TaskDraft
    from taskrunner.report_records import TaskRun

MOST_LOST = 1000
"""Runs kept in mind; older ones are taken for crashed."""


class LostTasks:
    """The runs of one file that look crashed so far."""

    def __init__(self) -> None:
        self._drafts: list[TaskDraft] = []

    def add(self, draft: TaskDraft) -> list[TaskRun]:
        """Keep one more in mind; return those that are given up for it."""
        self._drafts.append(draft)
        return [self._drafts.pop(0).as_row("crashed")] if len(self._drafts) > MOST_LOST else []

    def date(self, moment: float) -> None:
        """Note the first moment that is known after tasks were lost: they had ended by then."""
        for draft in reversed(self._drafts):
            if draft.ended_at is not None:
                return
            draft.ended_at = moment

    def find(self, outcome: str, text: str, *, now: float) -> TaskRun | None:
        """Return the newest run that a closing line can be about, closed by it; None: there is none."""
        for draft in reversed(self._drafts):
            rest = draft.rest_of(text, outcome)
            if rest is not None:
                self._drafts.remove(draft)
                draft.close(outcome, rest, now=now)
                draft.confidence = "low"
                return draft.as_row()
        return None

    def give_up(self) -> list[TaskRun]:
        """Return all of them: no line comes any more, they crashed."""
        drafts, self._drafts = self._drafts, []
        return [draft.as_row("crashed") for draft in drafts]
