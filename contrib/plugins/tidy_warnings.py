"""Deletes warnings that have expired, and counts anew those of the users they were for."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from taskrun_plugins.site_tables import Bound, Tables, quoted

from taskrunner import MORE, Every, ScheduledTask, mtrace

if TYPE_CHECKING:
    from taskrunner import More

DAY = 86_400
LARGEST_BATCH = 10_000
"""As many users are named in one statement."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """`[plugin_settings.tidy_warnings]`: the tables in `[task_database]`, and when a warning has expired.

    `warning_time` is a column of epoch seconds; `seconds` is what a run may take.
    """

    warnings: str
    users: str
    warning_id: str = "id"
    warning_user: str = "user_id"
    warning_time: str = "created_at"
    user_id: str = "id"
    user_warnings: str = "warnings"
    days: int = 90
    batch: int = 1000
    seconds: int = 45
    dry_run: bool = False

    def __post_init__(self) -> None:
        for name in (self.warnings, self.users, self.warning_id, self.warning_user, self.warning_time):
            quoted(name)
        for name in (self.user_id, self.user_warnings):
            quoted(name)
        if self.days < 1 or not 1 <= self.batch <= LARGEST_BATCH or self.seconds < 1:
            raise ValueError(f"days, batch and seconds begin at 1, batch ends at {LARGEST_BATCH}")


class TidyWarnings(ScheduledTask):
    """Delete expired warnings."""

    schedule = Every(hours=4)

    def is_runnable(self) -> bool | str:
        """Say whether the tables are known."""
        is_set = {"warnings", "users"} <= self.settings.keys()
        return True if is_set else "[plugin_settings.tidy_warnings] warnings and users are not set"

    def execute(self) -> More | None:
        """Delete them in batches, each with the counts it changes in one transaction."""
        settings = self.read_settings(Settings)
        bound, tables = Bound.of(settings.seconds), Tables(self.db)
        expired_at = time.time() - settings.days * DAY
        total = count_expired(tables, settings, expired_at)
        mtrace(f"{total} warnings have expired")
        if settings.dry_run:
            return None
        deleted = counted = 0
        while batch := expired(tables, settings, expired_at):
            with tables.transaction():
                deleted += delete_warnings(tables, settings, [key for key, _ in batch])
                counted += count_anew(
                    tables, settings, sorted({user for _, user in batch if user is not None})
                )
            self.progress(deleted, max(total, deleted))
            if bound.is_over:
                break
        mtrace(f"{deleted} deleted, {counted} users counted anew")
        return MORE if batch else None


def count_expired(tables: Tables, settings: Settings, expired_at: float) -> int:
    """Return how many warnings have expired."""
    time_, warnings = quoted(settings.warning_time), quoted(settings.warnings)
    return tables.number(f"select count(*) from {warnings} where {time_} < :at", at=expired_at)


def expired(tables: Tables, settings: Settings, expired_at: float) -> list[tuple[Any, Any]]:
    """Return key and user of the oldest warnings that have expired."""
    key, user, time_ = map(quoted, (settings.warning_id, settings.warning_user, settings.warning_time))
    return tables.rows(
        f"select {key}, {user} from {quoted(settings.warnings)} where {time_} < :at"
        f" order by {time_}, {key} limit :batch",
        at=expired_at,
        batch=settings.batch,
    )


def delete_warnings(tables: Tables, settings: Settings, keys: list[Any]) -> int:
    """Delete warnings by their keys."""
    key, warnings = quoted(settings.warning_id), quoted(settings.warnings)
    return tables.change(f"delete from {warnings} where {key} = :key", [{"key": found} for found in keys])


def count_anew(tables: Tables, settings: Settings, users: list[Any]) -> int:
    """Write into the users' rows how many warnings they still have.

    Their rows are locked before the counting begins: a count that a site raises at the same time is kept.
    """
    if not users:
        return 0
    table, key, count = map(quoted, (settings.users, settings.user_id, settings.user_warnings))
    warnings, user = quoted(settings.warnings), quoted(settings.warning_user)
    tables.lock(table, key, users)
    named = {f"user{number}": found for number, found in enumerate(users)}
    wanted = ", ".join(f":{name}" for name in named)
    left = dict(
        tables.rows(
            f"select {user}, count(*) from {warnings} where {user} in ({wanted}) group by {user}", **named
        )
    )
    return tables.change(
        f"update {table} set {count} = :count where {key} = :user",
        [{"user": found, "count": left.get(found, 0)} for found in users],
    )
