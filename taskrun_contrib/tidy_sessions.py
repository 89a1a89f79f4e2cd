"""Deletes expired sessions, and notes first when their users were last there."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from taskrun_contrib.site_expiry import Columns, Expiry
from taskrun_contrib.site_tables import LARGEST_BATCH, Bound, Tables, check_range
from taskrunner import ScheduledTask

if TYPE_CHECKING:
    from collections.abc import Sequence

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
        self.columns()
        check_range({"max_age": self.max_age}, 60)
        check_range({"batch": self.batch}, 1, LARGEST_BATCH)
        check_range({"seconds": self.seconds}, 1)

    def columns(self) -> Columns:
        """Return the tables and columns. Raises ValueError for a name that no database takes."""
        return Columns(
            what="session",
            table=self.sessions,
            key=self.session_id,
            user=self.session_user,
            time=self.session_time,
            users=self.users,
            user_id=self.user_id,
            user_value="user_last_visit",
            value=self.user_last_visit,
        )


class TidySessions(ScheduledTask):
    """Delete expired sessions."""

    schedule = "H * * * *"

    def is_runnable(self) -> bool | str:
        """Return True if the tables are named, else why it cannot run."""
        is_set = {"sessions", "users"} <= self.settings.keys()
        return True if is_set else "[plugin_settings.tidy_sessions] sessions and users are not set"

    def execute(self) -> More | None:
        """Delete them in batches, each with what it notes in one transaction. Raises TidyError."""
        settings = self.read_settings(Settings)
        tables = Tables(self.db, Bound.of(settings.seconds), place="plugin_settings.tidy_sessions")
        expired_at = time.time() - settings.max_age
        expiry = Expiry(tables, settings.columns(), expired_at=expired_at, batch=settings.batch)
        expiry.check()
        if settings.dry_run:
            expiry.count()
            return None
        return expiry.run(
            lambda visits: note_visits(expiry, visits, settings.guests),
            noted="visits noted",
            progress=self.progress,
        )


def note_visits(expiry: Expiry, visits: Sequence[tuple[Any, Any]], guests: Sequence[int]) -> int:
    """Write into the users' rows when they were last there, unless something later stands there."""
    latest: dict[Any, Any] = {}
    for user, at in visits:
        if user not in guests:
            latest[user] = max(at, latest.get(user, at))
    return expiry.tables.change(
        f"update {expiry.users} set {expiry.value} = :at"
        f" where {expiry.user_id} = :user and coalesce({expiry.users}.{expiry.value}, 0) < :at",
        *({"user": user, "at": at} for user, at in latest.items()),
    )
