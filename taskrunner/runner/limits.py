"""Which adhoc class goes next: fair shares, limits per class, fast tasks first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True)
class WaitingClass:
    """A class that has a due task: when and with which id the first one waits, and how it is running."""

    name: str
    next_run_at: float
    first_id: int
    running: int = 0
    oldest_started_at: float = 0.0

    @property
    def rank(self) -> tuple[int, float, float, int]:
        """What puts it before others: few running, a late start of its oldest run, a long wait."""
        return self.running, -self.oldest_started_at, self.next_run_at, self.first_id


def share(limit: int, classes: int) -> int:
    """Return how many tasks of one class may run before the others have theirs; room is kept for a new class.

    The rule is that of Moodle's queue (since 4.1).

    >>> [share(limit, classes) for limit, classes in ((20, 5), (4, 8), (10, 1), (0, 1))]
    [3, 1, 5, 1]
    """
    return max(1, limit // (classes + 1))


def order(
    waiting: Sequence[WaitingClass],
    *,
    running_classes: int,
    running: int,
    limit: int,
    limits: Mapping[str, int],
) -> list[WaitingClass]:
    """Return the classes to try, the one to go next first; [] when all have what they may.

    Classes below their share come first, and only when none is, the rest is filled up to `limit` tasks in all.
    `limits` has how many tasks of a class may run at once, for those that have such a limit; it holds
    always. `running_classes` are those that run but have nothing waiting: they count for the share.
    """
    open_classes = [task for task in waiting if task.running < limits.get(task.name, task.running + 1)]
    fair = share(limit, len(waiting) + running_classes)
    below = [task for task in open_classes if task.running < fair]
    fill = open_classes if running < limit else []
    return sorted(below or fill, key=lambda task: task.rank)
