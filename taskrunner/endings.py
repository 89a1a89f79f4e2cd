"""What a task raises or returns to say how its run ends, other than by just returning or failing."""

from __future__ import annotations

from enum import Enum, auto

LONGEST_WAIT = 366 * 86_400
"""Seconds a task may ask to wait."""


class More(Enum):
    """What `execute()` of a scheduled task returns that has done a part of its work: `return MORE`.

    The run is a success, and the task is due again at once, but behind all others that are: it goes on in
    another turn, at the latest with the next cron.
    """

    MORE = auto()


MORE = More.MORE


class RetryLater(Exception):  # noqa: N818  (the word of the interface; no error)
    """The task asks to be tried again later without having failed: the attempt counts, no fail delay does.

    `seconds` from now on; None: a minute, doubled with each attempt, at most a day.
    """

    def __init__(self, message: str = "", *, seconds: float | None = None) -> None:
        super().__init__(message or "asked to be tried again later")
        if seconds is not None and not 0 < seconds <= LONGEST_WAIT:
            raise ValueError(f"RetryLater(seconds={seconds!r}): it takes a number above 0, at most a year")
        self.seconds = seconds


class GiveUp(Exception):  # noqa: N818  (the word of the interface)
    """The task has failed for good: an adhoc task is not tried again."""


class Failed(Exception):  # noqa: N818  (the same)
    """The task has failed, and the message says all: a traceback would tell only of taskrunner itself."""


class UnknownUserError(Exception):
    """The user an adhoc task is to run as does not exist, or may not run it; the task is cancelled."""
