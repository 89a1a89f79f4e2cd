"""Deletes warnings that have expired, and counts anew those of the users they were for."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from taskrun_contrib.site_expiry import Columns, Expiry
from taskrun_contrib.site_tables import LARGEST_BATCH, Bound, Tables, check_range, marks
from taskrunner import Every, ScheduledTask

if TYPE_CHECKING:
    from taskrunner import More

DAY = 86_400


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
        self.columns()
        check_range({"days": self.days, "seconds": self.seconds}, 1)
        check_range({"batch": self.batch}, 1, LARGEST_BATCH)

    def columns(self) -> Columns:
        """Return the tables and columns. Raises ValueError for a name that no database takes."""
        return Columns(
            what="warning",
            table=self.warnings,
            key=self.warning_id,
            user=self.warning_user,
            time=self.warning_time,
            users=self.users,
            user_id=self.user_id,
            user_value="user_warnings",
            value=self.user_warnings,
        )


class TidyWarnings(ScheduledTask):
    """Delete expired warnings."""

    schedule = Every(hours=4)

    def is_runnable(self) -> bool | str:
        """Return True if the tables are named, else why it cannot run."""
        is_set = {"warnings", "users"} <= self.settings.keys()
        return True if is_set else "[plugin_settings.tidy_warnings] warnings and users are not set"

    def execute(self) -> More | None:
        """Delete them in batches, each with the counts it changes in one transaction. Raises TidyError."""
        settings = self.read_settings(Settings)
        tables = Tables(self.db, Bound.of(settings.seconds), place="plugin_settings.tidy_warnings")
        expired_at = time.time() - settings.days * DAY
        expiry = Expiry(tables, settings.columns(), expired_at=expired_at, batch=settings.batch)
        expiry.check()
        if settings.dry_run:
            expiry.count()
            return None
        return expiry.run(
            lambda visits: count_anew(expiry, list({user for user, _ in visits})),
            noted="users counted anew",
            progress=self.progress,
        )


def count_anew(expiry: Expiry, users: list[Any]) -> int:
    """Write into the users' rows how many warnings they still have.

    Their rows are locked before the counting begins: a count that a site raises at the same time is kept.
    """
    if not users:
        return 0
    mark, named = marks("user", users)
    counting = (
        f"select {expiry.user}, count(*) from {expiry.table} where {expiry.user} in ({mark}) group by 1"
    )
    left = dict(expiry.tables.rows(counting, **named))
    return expiry.tables.change(
        f"update {expiry.users} set {expiry.value} = :count where {expiry.user_id} = :user",
        *({"user": user, "count": left.get(user, 0)} for user in users),
    )
