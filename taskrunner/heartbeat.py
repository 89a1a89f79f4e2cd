"""The file that says when a cron last started here, and how many did: all that an idle minute writes."""

from __future__ import annotations

import os
from zlib import crc32

from taskrunner.errors import ConfigError
from taskrunner.files import open_file, read_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    StrPath = str | os.PathLike[str]

NAME = "last_cron"
CRON, WEB = "cron", "web"
"""What may start a cron: the crontab, a timer or a person; or a visit to a web site."""

LENGTH = 120
"""Characters of the file, whatever it says."""

LARGEST_SKEW = 60.0
"""Seconds by which clocks may differ without having been set."""


class Heartbeat:
    """When the last cron started, and how many seconds after the one before it, None for the first one.

    `trigger` is what started it: cron, or web. `counted` is how many crons the database had counted, and of
    which host and installation, as `note_counted` writes it.
    """

    __slots__ = ("counted", "interval", "started_at", "trigger")

    def __init__(self, started_at: float, interval: float | None, trigger: str, counted: str = "") -> None:
        self.started_at = started_at
        self.interval = interval
        self.trigger = trigger
        self.counted = counted

    def is_ahead_of(self, now: float) -> bool:
        """Return whether the clock was set back since."""
        return self.started_at > now + LARGEST_SKEW

    def crons_of(self, instance_id: str, hostname: str) -> int:
        """Return how many crons the database had counted of a host, 0 if that was not noted."""
        number, _, whose = self.counted.partition(" ")
        return int(number) if whose and whose == _whose(instance_id, hostname) else 0


def _whose(instance_id: str, hostname: str) -> str:
    return f"{crc32(f'{instance_id} {hostname}'.encode()):08x}"


def beat(
    state_dir: StrPath, now: float, *, trigger: str = CRON, counted: str | None = None
) -> Heartbeat | None:
    """Note that a cron starts, by what, and what was counted; return when the last one did.

    Without `counted` what was noted of it stays. Raises ConfigError.
    """
    before = last_beat(state_dir)
    interval = "" if before is None else repr(max(1.0, now - before.started_at))
    if counted is None:
        counted = before.counted if before else ""
    _write(state_dir, f"{now!r}\n{interval}\n{trigger}\n{counted}\n")
    return before


def note_counted(state_dir: StrPath, crons: int, *, instance_id: str, hostname: str) -> None:
    """Note how many crons of a host the database has counted, once it has. Raises ConfigError."""
    last = last_beat(state_dir)
    if last is not None:
        interval = "" if last.interval is None else repr(last.interval)
        counted = f"{crons} {_whose(instance_id, hostname)}"
        _write(state_dir, f"{last.started_at!r}\n{interval}\n{last.trigger}\n{counted}\n")


def _write(state_dir: StrPath, text: str) -> None:
    file = os.path.join(state_dir, NAME)
    try:
        descriptor = open_file(file, os.O_WRONLY | os.O_CREAT, 0o666)
        try:  # over what is there, in one go: a kill leaves the old or the new, and no draft of it
            os.pwrite(descriptor, text.ljust(LENGTH).encode("ascii"), 0)
        finally:
            os.close(descriptor)
    except OSError as error:
        from taskrunner.ownership import permission_advice  # late: an idle minute does without it

        about, hint = permission_advice(file, error)
        raise ConfigError(f"state_dir: cannot write {file}: {error.strerror}{about}", hint=hint) from error


def last_beat(state_dir: StrPath) -> Heartbeat | None:
    """Return when the last cron started, or None if none has, or the file cannot be read."""
    try:
        text = read_bytes(os.path.join(state_dir, NAME)).decode()
        started_at, interval, *others = text.split("\n")
        trigger, counted = (*others, "", "")[:2]
        return Heartbeat(
            float(started_at), float(interval) if interval else None, trigger.strip() or CRON, counted.strip()
        )
    except (OSError, ValueError):
        return None
