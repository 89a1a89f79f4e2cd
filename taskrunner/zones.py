"""Time zones by name: that of the system, and any other."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from taskrunner.errors import InvalidScheduleError
from taskrunner.validate import nearest

ETC: Final = Path("/etc")
CLOSE: Final = 0.75
UNKNOWN: Final = (KeyError, ValueError, OSError)
"""What ZoneInfo raises for a name that it does not know."""


def get_zone(name: str) -> ZoneInfo:
    """Return the time zone `name` (IANA), or raise InvalidScheduleError with the nearest name as a hint."""
    try:
        return ZoneInfo(name)
    except UNKNOWN as error:
        raise InvalidScheduleError(
            f"timezone: {name!r} is not known; a name is like 'Europe/Paris'", hint=_did_you_mean(name)
        ) from error


def system_timezone(*, etc: Path = ETC) -> str:
    """Return the name of the system's zone, always one that `get_zone` knows.

    That is the target of /etc/localtime, else /etc/timezone, else UTC. Not $TZ: cron and an administrator's
    shell have different ones, and schedules would change with whoever looks at them.
    """
    for name in (_zone_name(os.path.realpath(etc / "localtime")), _first_line(etc)):
        with suppress(*UNKNOWN):
            if name:
                return ZoneInfo(name).key
    return "UTC"


def _zone_name(path: str) -> str:
    return path.rpartition("zoneinfo/")[2]


def _first_line(etc: Path) -> str | None:
    try:
        return (etc / "timezone").read_text(encoding="utf-8").partition("\n")[0].strip()
    except (OSError, ValueError):
        return None


def _did_you_mean(name: str) -> str | None:
    zones = available_timezones()
    cities = {zone.rpartition("/")[2]: zone for zone in sorted(zones)}
    near = nearest(name, zones, cutoff=CLOSE) or cities.get(nearest(name, cities, cutoff=CLOSE) or "")
    return f"did you mean {near}?" if near else None
