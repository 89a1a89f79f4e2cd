"""What tidy_sessions and tidy_warnings share: rows of users that expire, and what the users' rows note."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from taskrun_contrib.site_tables import SMALLEST_SAMPLE, Removal, Tables, TimeIsUpError, marks, quoted
from taskrunner import MORE, mtrace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from taskrunner import More

    Visits = Sequence[tuple[Any, Any]]
    """Users with the moments of their rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """The names that settings give to tables and columns.

    `what` is the word for a row in the names of settings, `user_value` the setting whose value is `value`.
    """

    what: str
    table: str
    key: str
    user: str
    time: str
    users: str
    user_id: str
    user_value: str
    value: str

    def __post_init__(self) -> None:
        for name in (self.table, self.key, self.user, self.time, self.users, self.user_id, self.value):
            quoted(name)


class Expiry:
    """Deletes expired rows in batches, and has each batch noted in the users' rows in the same transaction.

    `note` gets the users of the rows that were deleted, and returns how many users it has changed.
    """

    def __init__(self, tables: Tables, columns: Columns, *, expired_at: float, batch: int) -> None:
        self.tables, self.columns = tables, columns
        self.expired_at, self.batch = expired_at, batch
        self.table, self.users = quoted(columns.table), quoted(columns.users)
        self.key, self.user, self.time = (
            f"{self.table}.{quoted(name)}" for name in (columns.key, columns.user, columns.time)
        )
        self.user_id = f"{self.users}.{quoted(columns.user_id)}"
        self.value = quoted(columns.value)
        self.removal, self.noted, self.held = Removal(), 0, 0

    def check(self) -> None:
        """Raise TidyError unless all columns are there and hold what they should."""
        names, what = self.columns, self.columns.what
        own = {f"{what}_id": names.key, f"{what}_user": names.user, f"{what}_time": names.time}
        self.tables.require(f"{what}s", names.table, own)
        theirs = {"user_id": names.user_id, names.user_value: names.value}
        self.tables.require("users", names.users, theirs)
        self.tables.require_moments(f"{what}_time", names.table, names.time)
        self.tables.require_numbers(names.user_value, names.users, names.value)

    def count(self) -> int:
        """Return how many rows have expired, and say how many more of them cannot be named."""
        [(total, named)] = self.tables.rows(
            f"select count(*), count({self.key}) from {self.table} where {self.time} < :at",
            at=self.expired_at,
        )
        mtrace(f"{named} {self.columns.what}s have expired")
        if total > named:
            mtrace(f"{total - named} more have no {self.columns.key}: they stay")
        return int(named)

    def run(
        self, note: Callable[[Visits], int], *, noted: str, progress: Callable[[float, float], None]
    ) -> More | None:
        """Delete what has expired, and return whether there is more to do. Raises TidyError."""
        total, is_done = self.count(), True
        try:
            for keys in self._pages():
                self.removal.in_parts(self.tables, keys, lambda part: self._delete(part, note))
                progress(self.removal.deleted, max(total, self.removal.deleted))
                if self.tables.bound.is_over:
                    is_done = False
                    break
        except TimeIsUpError:
            if not self.removal.deleted:  # not even one batch fits: a person has to see that
                raise
            is_done = False
        finally:
            mtrace(f"{self.removal.deleted} deleted, {self.noted} {noted}")
            if self.held:
                mtrace(f"{self.held} are locked by others: they stay until the next run")
        self.removal.check(self.columns.table)
        return None if is_done else MORE

    def _pages(self) -> Iterator[list[Any]]:
        """Give the keys of expired rows, oldest first, each once, whether they could be deleted or not."""
        last: dict[str, Any] = {}
        while True:
            beyond = f" and ({self.time}, {self.key}) > (:last_time, :last_key)" if last else ""
            found = self.tables.rows(
                f"select {self.time}, {self.key} from {self.table}"
                f" where {self.time} < :at and {self.key} is not null{beyond}"
                f" order by {self.time}, {self.key} limit :batch",
                at=self.expired_at,
                batch=self.batch,
                **last,
            )
            if not found:
                return
            last = dict(zip(("last_time", "last_key"), found[-1], strict=True))
            yield [key for _, key in found]

    def _delete(self, keys: Sequence[Any], note: Callable[[Visits], int]) -> int:
        """Delete rows that have still expired, and have them noted; leave what other sessions hold."""
        mark, named = marks("key", keys)
        found = self.tables.rows(
            f"select {self.key}, {self.user}, {self.time} from {self.table}"
            f" where {self.key} in ({mark}) and {self.time} < :at" + self.tables.skipping_locked("update"),
            at=self.expired_at,
            **named,
        )
        held = self._held({user for _, user, _ in found if user is not None})
        going = [(key, user, at) for key, user, at in found if user not in held]
        self.held += len(keys) - len(going)
        if not going:
            return 0
        mark, named = marks("key", list({key for key, _, _ in going}))
        deleted = self.tables.change(
            f"delete from {self.table} where {self.key} in ({mark}) and {self.time} < :at",
            named | {"at": self.expired_at},
        )
        self.noted += note([(user, at) for _, user, at in going if user is not None])
        return deleted

    def _held(self, users: set[Any]) -> set[Any]:
        """Lock the users' rows, and return whose others hold. Raises TidyError: none of many is there."""
        if not users:
            return set()
        mark, named = marks("user", list(users))
        query = f"select {self.user_id} from {self.users} where {self.user_id} in ({mark})"
        there = {user for (user,) in self.tables.rows(query, **named)}
        if not there and len(users) >= SMALLEST_SAMPLE:
            problem = f"= {self.columns.user!r}: none of {len(users)} is a {self.columns.user_id} of"
            self.tables.refuse(f"{self.columns.what}_user", f"{problem} {self.columns.users}")
        locked = self.tables.rows(query + self.tables.skipping_locked("no key update"), **named)
        return there - {user for (user,) in locked}
