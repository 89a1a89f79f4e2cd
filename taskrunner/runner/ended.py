"""A run that has ended, with what decides how its task goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from taskrunner.records import Run


@dataclass(frozen=True, slots=True)
class Ended:
    """The run to record, and its task: seconds it had waited before, attempts it still has (adhoc).

    `retry_in`: the seconds the task asked to wait; `gives_up`: it is not to be tried again; `has_more`: it
    has done a part of its work.
    """

    run: Run
    fail_delay: int
    attempts_left: int | None = None
    retry_in: float = 0.0
    gives_up: bool = False
    has_more: bool = False

    @property
    def is_exhausted(self) -> bool:
        """Whether the task is not done and will not be tried again."""
        wants_another = self.run.failed or self.run.outcome == "delayed"
        has_no_more = self.attempts_left is not None and (self.gives_up or self.attempts_left <= 0)
        return wants_another and has_no_more
