"""When the scheduled tasks of an installation are due, and what people have decided about each task."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

from taskrunner.config.schema import merged
from taskrunner.errors import ConfigError, InvalidScheduleError
from taskrunner.named_tuple import NamedTuple

if TYPE_CHECKING:
    from taskrunner.config import Config
    from taskrunner.config.schema import TaskOverride
    from taskrunner.plugins import Declaration
    from taskrunner.records import ScheduledRow
    from taskrunner.schedule import Every, Schedule

T = TypeVar("T")

NEXT_MINUTE = 60
PLUGIN_DISABLED = "plugin disabled"
LARGEST_REPEATED_STEP = 3 * 3600.0
"""Seconds by which the clock may be set back so that no slot of a day comes twice, as with Debian's cron."""


class DeclaredFields(NamedTuple):
    """The side of a scheduled task's row that is decided by people, not by runs."""

    name: str
    plugin: str
    title: str
    schedule: str
    timezone: str
    default_schedule: str
    own_schedule: str | None
    disabled: int
    default_disabled: int
    own_disabled: int | None
    customised: int
    blocked: str | None
    next_run_at: float

    def differ_from(self, row: ScheduledRow | None) -> bool:
        """Return whether the row has to be written."""
        return row is None or any(getattr(row, name) != value for name, value in self._asdict().items())


@lru_cache(maxsize=1024)  # a task is asked for its next moment after each of its runs
def _schedule(text: str, timezone: str, name: str, salt: str, seed: str) -> Schedule | Every:
    from taskrunner.schedule import parse_schedule

    return parse_schedule(text, timezone=timezone, name=name, salt=salt, seed=seed)


class Planner:
    """Schedules and next moments of one installation; `seed` is its random id, from which R is drawn."""

    def __init__(self, config: Config, seed: str) -> None:
        self.config = config
        self.seed = seed
        self._overrides: dict[str, TaskOverride] = {}

    def override_for(self, name: str) -> TaskOverride:
        """Return what the file says about a task, looked up once: each run asks several times."""
        found = self._overrides.get(name)
        if found is None:
            found = self._overrides[name] = merged(self.config.tasks, name)
        return found

    def schedule(self, text: str, *, name: str, timezone: str | None = None) -> Schedule | Every:
        """Return what a text means as the schedule of a task. Raises InvalidScheduleError."""
        return _schedule(text, timezone or self.config.timezone, name, self.config.schedule.salt, self.seed)

    def next_slot(self, row: ScheduledRow, now: float) -> float:
        """Return when a task passed over is due again; one with an interval is asked again in a minute."""
        from taskrunner.schedule import Every

        schedule = self.schedule(row.schedule, name=row.name, timezone=row.timezone)
        return now + NEXT_MINUTE if isinstance(schedule, Every) else schedule.next_at(now)

    def latest_next(self, row: ScheduledRow, now: float) -> float:
        """Return the latest moment a task can be due next: a later one was planned by another clock."""
        from taskrunner.schedule import Every

        schedule = self.schedule(row.schedule, name=row.name, timezone=row.timezone)
        planned = now + schedule.seconds if isinstance(schedule, Every) else schedule.next_at(now)
        return max(planned, now + row.fail_delay)

    def next_without_repeating(self, row: ScheduledRow, now: float) -> float:
        """Return the latest moment a task can be due next after a small step of the clock back.

        What follows elapsed time is due as the clock says now.
        """
        from taskrunner.schedule import Every

        schedule = self.schedule(row.schedule, name=row.name, timezone=row.timezone)
        if isinstance(schedule, Every) or schedule.follows_elapsed_time:
            return now
        return schedule.next_at(now + LARGEST_REPEATED_STEP)

    def next_after_run(self, row: ScheduledRow, *, started_at: float, now: float) -> float:
        """Return when a task that ran is due again."""
        schedule = self.schedule(row.schedule, name=row.name, timezone=row.timezone)
        return _next_at(schedule, last_run_at=started_at, now=now)

    def declared(
        self, declaration: Declaration, row: ScheduledRow | None, now: float, **own: str | int | None
    ) -> DeclaredFields:
        """Return what the row of a declared task should say.

        `own_schedule` and `own_disabled` are the administrator's: those of the row unless given, None as
        declared.
        Raises InvalidScheduleError for the administrator's schedule, ConfigError for that of the config.
        """
        own_schedule = own.get("own_schedule", row.own_schedule if row else None)
        own_disabled = own.get("own_disabled", row.own_disabled if row else None)
        override = self.override_for(declaration.name)
        text = override.schedule or own_schedule or declaration.schedule or ""
        zone = override.timezone or declaration.timezone or self.config.timezone
        schedule = self._in_force(str(text), declaration.name, zone)
        disabled = int(_first_said(override.disabled, _as_truth(own_disabled), declaration.disabled))
        blocked = None if self.plugin_runs(declaration) else PLUGIN_DISABLED
        return DeclaredFields(
            name=declaration.name,
            plugin=declaration.plugin,
            title=declaration.title,
            schedule=schedule.expanded,
            timezone=zone,
            default_schedule=declaration.schedule or "",
            own_schedule=None if own_schedule is None else str(own_schedule),
            disabled=disabled,
            default_disabled=int(declaration.disabled),
            own_disabled=None if own_disabled is None else int(own_disabled),
            customised=int(own_schedule is not None or own_disabled is not None),
            blocked=blocked,
            next_run_at=_planned(schedule, zone, row, now, is_off=bool(disabled or blocked)),
        )

    def concurrency_limit(self, declaration: Declaration) -> int:
        """Return how many tasks of an adhoc class may run at once, by config or class, 0 for no limit."""
        said = (
            self.override_for(declaration.name).concurrency_limit,
            declaration.concurrency_limit,
            self.config.adhoc.default_concurrency_limit,
        )
        return _first_said(*said)

    def timeout(self, declaration: Declaration) -> float:
        """Return the seconds a run may take, as config or class says, 0 for no limit."""
        return _first_said(self.override_for(declaration.name).timeout, declaration.timeout, 0.0)

    def isolation(self, declaration: Declaration) -> str:
        """Return where a task runs, as config or class says: "none", in the cron process, or "fork"."""
        said = (self.override_for(declaration.name).isolation, declaration.isolation)
        return _first_said(*said, self.config.cron.isolation)

    def plugin_runs(self, declaration: Declaration) -> bool:
        """Return whether a task is run: its plugin is enabled, or the task runs although it is not."""
        settings = self.config.plugins.get(declaration.plugin)
        return settings is None or settings.enabled or declaration.run_if_plugin_disabled

    def _in_force(self, text: str, name: str, zone: str) -> Schedule | Every:
        try:
            return self.schedule(text, name=name, timezone=zone)
        except InvalidScheduleError as error:
            if decider := self.config.decided_by(name, "schedule"):
                raise ConfigError(f"{decider}: {error}", hint=error.hint) from error
            raise


def _next_at(schedule: Schedule | Every, *, last_run_at: float | None, now: float) -> float:
    from taskrunner.schedule import Every

    return schedule.next_at(last_run_at, now) if isinstance(schedule, Every) else schedule.next_at(now)


def _planned(
    schedule: Schedule | Every, zone: str, row: ScheduledRow | None, now: float, *, is_off: bool
) -> float:
    """Return the next moment: that of the row while nothing about it changed, or while a failure waits.

    A task that was off in any way (disabled, its plugin disabled or missing) and is on again waits for its
    next slot: those of the time in between are not made up for, and only `retry` makes a task due now.
    """
    if row is None:
        return _next_at(schedule, last_run_at=None, now=now)
    if (row.disabled or row.blocked) and not is_off:
        waits_for_failure = row.fail_delay and row.next_run_at > now
        return row.next_run_at if waits_for_failure else _next_slot(schedule, row.last_run_at, now)
    if (row.schedule, row.timezone) == (schedule.expanded, zone) or row.fail_delay:
        return row.next_run_at
    return _next_at(schedule, last_run_at=row.last_run_at, now=now)


def _next_slot(schedule: Schedule | Every, last_run_at: float | None, now: float) -> float:
    """Return the first slot after now; those of an interval are counted from the last run."""
    from taskrunner.schedule import Every

    if not isinstance(schedule, Every):
        return schedule.next_at(now)
    if last_run_at is None:
        return now + schedule.seconds
    planned = schedule.next_at(last_run_at, now)
    missed = max(0, int((now - planned) // schedule.seconds) + 1)
    return planned + missed * schedule.seconds


def _as_truth(value: str | int | None) -> bool | None:
    return None if value is None else bool(value)


def _first_said(*values: T | None) -> T:
    for value in values:
        if value is not None:
            return value
    raise ValueError("nothing is said")
