"""When a scheduled task is due next: five cron fields in a time zone, or an interval."""

from taskrunner.schedule.cron import Schedule
from taskrunner.schedule.interval import Every, parse_every

__all__ = ["Every", "Schedule", "parse_schedule"]


def parse_schedule(
    text: str, *, timezone: str | None = None, name: str = "", salt: str = "", seed: str = ""
) -> Schedule | Every:
    """Return what `text` means: 'every 2h' an interval, anything else a `Schedule` with the other arguments.

    Raises InvalidScheduleError, which says what is wrong and what would be right.
    """
    if text.strip().lower().startswith("every"):
        return parse_every(text)
    return Schedule(text, timezone=timezone, name=name, salt=salt, seed=seed)
