"""Which adhoc class goes next: fair shares, limits per class, fast tasks first."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from taskrunner.records import WaitingClass


def rank(waiting: WaitingClass) -> tuple[int, float, float, int]:
    """Return what puts a class before others: few running, a late start of its oldest run, a long wait."""
    count, oldest_started_at = waiting.running
    return count, -oldest_started_at, waiting.next_run_at, waiting.first_id


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

    Classes below their share come first; only when none is, the rest is filled up to `limit` tasks in all.
    `limits` has how many tasks of a class may run at once, for those that have such a limit; it holds
    always. `running_classes` are those that run but have nothing waiting: they count for the share.
    """
    open_classes = [task for task in waiting if not is_full(task, limits)]
    fair = share(limit, len(waiting) + running_classes)
    below = [task for task in open_classes if task.running[0] < fair]
    fill = open_classes if running < limit else []
    return sorted(below or fill, key=rank)


def is_full(waiting: WaitingClass, limits: Mapping[str, int]) -> bool:
    """Say whether as many tasks of a class run as its own limit allows."""
    return waiting.name in limits and waiting.running[0] >= limits[waiting.name]
