"""The file that says when a cron last started here: an idle minute writes nothing to the database."""

from __future__ import annotations

import os

from taskrunner.errors import ConfigError
from taskrunner.files import open_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    StrPath = str | os.PathLike[str]

NAME = "last_cron"
CRON, WEB = "cron", "web"
"""What may start a cron: the crontab, a timer or a person; or a visit to a web site."""

LENGTH = 80
"""Characters of the file, whatever it says."""

LARGEST_SKEW = 60.0
"""Seconds by which clocks may differ without having been set."""


class Heartbeat:
    """When the last cron started, and how many seconds after the one before it, None for the first one.

    `trigger` is what started it: cron, or web.
    """

    __slots__ = ("interval", "started_at", "trigger")

    def __init__(self, started_at: float, interval: float | None, trigger: str) -> None:
        self.started_at = started_at
        self.interval = interval
        self.trigger = trigger

    def is_ahead_of(self, now: float) -> bool:
        """Return whether the clock was set back since."""
        return self.started_at > now + LARGEST_SKEW


def beat(state_dir: StrPath, now: float, *, trigger: str = CRON) -> Heartbeat | None:
    """Note that a cron starts, and by what; return when the last one did. Raises ConfigError."""
    before = last_beat(state_dir)
    interval = "" if before is None else repr(max(1.0, now - before.started_at))
    file = os.path.join(state_dir, NAME)
    try:
        descriptor = open_file(file, os.O_WRONLY | os.O_CREAT, 0o666)
        try:  # over what is there, in one go: a kill leaves the old or the new, and no draft of it
            os.pwrite(descriptor, f"{now!r}\n{interval}\n{trigger}\n".ljust(LENGTH).encode("ascii"), 0)
        finally:
            os.close(descriptor)
    except OSError as error:
        from taskrunner.ownership import permission_advice  # late: an idle minute does without it

        about, hint = permission_advice(file, error)
        raise ConfigError(f"state_dir: cannot write {file}: {error.strerror}{about}", hint=hint) from error
    return before


def last_beat(state_dir: StrPath) -> Heartbeat | None:
    """Return when the last cron started, or None if none has, or the file cannot be read."""
    try:
        with open(os.path.join(state_dir, NAME), encoding="ascii") as file:
            started_at, interval, *others = file.read().split("\n")
        trigger = others[0] if others else ""
        return Heartbeat(float(started_at), float(interval) if interval else None, trigger or CRON)
    except (OSError, ValueError):
        return None
