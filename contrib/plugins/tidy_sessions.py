"""Deletes expired sessions, and notes first when their users were last there."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from taskrun_plugins.site_tables import Bound, Tables, quoted

from taskrunner import MORE, ScheduledTask, mtrace

if TYPE_CHECKING:
    from taskrunner import More


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """`[plugin_settings.tidy_sessions]`: the tables in `[task_database]`, and when a session has expired.

    Moments are columns of epoch seconds; `max_age` and `seconds` are lengths in seconds. Nothing is noted for
    the users in `guests`.
    """

    sessions: str
    users: str
    session_id: str = "id"
    session_user: str = "user_id"
    session_time: str = "last_seen"
    user_id: str = "id"
    user_last_visit: str = "last_visit"
    guests: tuple[int, ...] = ()
    max_age: int = 3600
    batch: int = 1000
    seconds: int = 45
    dry_run: bool = False

    def __post_init__(self) -> None:
        for name in (self.sessions, self.users, self.session_id, self.session_user, self.session_time):
            quoted(name)
        for name in (self.user_id, self.user_last_visit):
            quoted(name)
        if self.max_age < 60 or self.batch < 1 or self.seconds < 1:
            raise ValueError("max_age begins at 60, batch and seconds at 1")


class TidySessions(ScheduledTask):
    """Delete expired sessions."""

    schedule = "H * * * *"

    def is_runnable(self) -> bool | str:
        """Say whether the tables are known."""
        is_set = {"sessions", "users"} <= self.settings.keys()
        return True if is_set else "[plugin_settings.tidy_sessions] sessions and users are not set"

    def execute(self) -> More | None:
        """Delete them in batches, each with what it notes in one transaction."""
        settings = self.read_settings(Settings)
        bound, tables = Bound.of(settings.seconds), Tables(self.db)
        expired_at = time.time() - settings.max_age
        total = count_expired(tables, settings, expired_at)
        mtrace(f"{total} sessions have expired")
        if settings.dry_run:
            return None
        deleted = noted = 0
        while batch := expired(tables, settings, expired_at):
            with tables.transaction():
                noted += note_visits(tables, settings, batch)
                deleted += delete_sessions(tables, settings, batch, expired_at)
            self.progress(deleted, max(total, deleted))
            if bound.is_over:
                break
        mtrace(f"{deleted} deleted, {noted} visits noted")
        return MORE if batch else None


def count_expired(tables: Tables, settings: Settings, expired_at: float) -> int:
    """Return how many sessions have expired."""
    time_, sessions = quoted(settings.session_time), quoted(settings.sessions)
    return tables.number(f"select count(*) from {sessions} where {time_} < :at", at=expired_at)


def expired(tables: Tables, settings: Settings, expired_at: float) -> list[tuple[Any, Any, float]]:
    """Return key, user and time of the oldest sessions that have expired."""
    key, user, time_ = map(quoted, (settings.session_id, settings.session_user, settings.session_time))
    return tables.rows(
        f"select {key}, {user}, {time_} from {quoted(settings.sessions)} where {time_} < :at"
        f" order by {time_}, {key} limit :batch",
        at=expired_at,
        batch=settings.batch,
    )


def note_visits(tables: Tables, settings: Settings, batch: list[tuple[Any, Any, float]]) -> int:
    """Write into the users' rows when they were last there, unless something later stands there."""
    latest = {user: at for _, user, at in batch if user is not None and user not in settings.guests}
    key, visit = quoted(settings.user_id), quoted(settings.user_last_visit)
    return tables.change(
        f"update {quoted(settings.users)} set {visit} = :at"
        f" where {key} = :user and coalesce({visit}, 0) < :at",
        [{"user": user, "at": latest[user]} for user in sorted(latest)],
    )


def delete_sessions(
    tables: Tables, settings: Settings, batch: list[tuple[Any, Any, float]], expired_at: float
) -> int:
    """Delete sessions by their keys, but none that was used meanwhile."""
    key, time_ = quoted(settings.session_id), quoted(settings.session_time)
    return tables.change(
        f"delete from {quoted(settings.sessions)} where {key} = :key and {time_} < :at",
        [{"key": found, "at": expired_at} for found, _, _ in batch],
    )
