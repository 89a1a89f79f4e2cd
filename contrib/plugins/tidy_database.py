"""Deletes rows whose parents are gone, and lets the database look after itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from taskrun_plugins.site_tables import Bound, Tables, quoted

from taskrunner import MORE, ScheduledTask, mtrace

if TYPE_CHECKING:
    from taskrunner import More


class TidyError(Exception):
    """What was found is not what a tidy database can look like: a person has to see it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Orphans:
    """Rows of `table` whose `column` names no row of `parent`; the keys are the primary ones."""

    table: str
    column: str
    parent: str
    key: str = "id"
    parent_key: str = "id"

    def __post_init__(self) -> None:
        for name in (self.table, self.column, self.parent, self.key, self.parent_key):
            quoted(name)

    def __str__(self) -> str:
        return f"{self.table}.{self.column} without {self.parent}.{self.parent_key}"

    @property
    def condition(self) -> str:
        """What is true of such a row in a statement about `table`; a row without any parent is none."""
        column = f"{quoted(self.table)}.{quoted(self.column)}"
        parent, key = quoted(self.parent), quoted(self.parent_key)
        return f"{column} is not null and not exists (select 1 from {parent} p where p.{key} = {column})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """`[plugin_settings.tidy_database]`: which rows need parents, and how many may go at most.

    Nothing is deleted from a table when more than `max_percent` of its rows would go, or the parents' table
    is empty: then something else is wrong.
    """

    orphans: tuple[Orphans, ...] = ()
    max_percent: float = 10.0
    batch: int = 1000
    seconds: int = 45
    dry_run: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.max_percent <= 100 or self.batch < 1 or self.seconds < 1:
            raise ValueError("max_percent is above 0 and at most 100, batch and seconds begin at 1")


class TidyDatabase(ScheduledTask):
    """Delete rows without parents, and let the database look after itself."""

    schedule = "H 3 * * 0"

    def is_runnable(self) -> bool | str:
        """Say whether there is anything to look after."""
        return True if self.settings else "[plugin_settings.tidy_database] says nothing"

    def execute(self) -> More | None:
        """Tidy table by table, then maintain. Raises TidyError when that was done for all that could be."""
        settings = self.read_settings(Settings)
        bound, tables, refusals = Bound.of(settings.seconds), Tables(self.db), []
        for orphans in settings.orphans:
            if bound.is_over:
                return MORE
            try:
                is_done = self._tidy(tables, orphans, settings, bound)
            except TidyError as error:
                refusals.append(str(error))
                mtrace(f"refused: {error}")
            else:
                if not is_done:
                    return MORE
        if not settings.dry_run:
            maintain(tables)
        if refusals:
            raise TidyError("; ".join(refusals))
        return None

    def _tidy(self, tables: Tables, orphans: Orphans, settings: Settings, bound: Bound) -> bool:
        """Delete the orphans of one rule; say whether none are left. Raises TidyError."""
        count = count_safely(tables, orphans, settings.max_percent)
        mtrace(f"{count} of {orphans}")
        if settings.dry_run or not count:
            return True
        deleted, after = 0, None
        while keys := find(tables, orphans, settings.batch, after):
            deleted += delete(tables, orphans, keys)
            after = keys[-1]
            self.progress(deleted, count, str(orphans))
            if bound.is_over:
                break
        mtrace(f"{deleted} deleted")
        return not keys


def count_safely(tables: Tables, orphans: Orphans, max_percent: float) -> int:
    """Return how many rows would go. Raises TidyError: too many, or they have no parents to be without."""
    table = quoted(orphans.table)
    rows = tables.number(f"select count(*) from {table}")
    count = tables.number(f"select count(*) from {table} where {orphans.condition}")
    parents = tables.number(f"select count(*) from {quoted(orphans.parent)}")
    if count and not parents:
        raise TidyError(f"{orphans.parent} is empty: the {count} rows of {orphans.table} stay")
    if count * 100 > rows * max_percent:
        share = f"{count} of {rows} rows of {orphans.table}"
        raise TidyError(f"{share} are without {orphans.parent}, more than {max_percent:g} %: they stay")
    return count


def find(tables: Tables, orphans: Orphans, batch: int, after: Any) -> list[Any]:
    """Return the keys of the next orphans, in the order of their keys."""
    key = f"{quoted(orphans.table)}.{quoted(orphans.key)}"
    beyond = "" if after is None else f" and {key} > :after"
    found = tables.rows(
        f"select {key} from {quoted(orphans.table)} where {orphans.condition}{beyond}"
        f" order by {key} limit :batch",
        batch=batch,
        **({} if after is None else {"after": after}),
    )
    return [key for (key,) in found]


def delete(tables: Tables, orphans: Orphans, keys: list[Any]) -> int:
    """Delete rows by their keys, but none that has got a parent meanwhile."""
    table, key = quoted(orphans.table), quoted(orphans.key)
    with tables.transaction():
        return tables.change(
            f"delete from {table} where {table}.{key} = :key and {orphans.condition}",
            [{"key": found} for found in keys],
        )


def maintain(tables: Tables) -> None:
    """Let SQLite optimise and check itself; let PostgreSQL look at the tables of the user it is asked by.

    Raises TidyError: the database is damaged.
    """
    if tables.is_sqlite:
        [(finding, *_), *_] = tables.rows("pragma quick_check(1)")
        if finding != "ok":
            raise TidyError(f"the database is damaged: {finding}")
        tables.rows("pragma optimize")
        mtrace("checked and optimised")
        return
    own = tables.rows(
        "select quote_ident(schemaname) || '.' || quote_ident(tablename) from pg_tables"
        " where tableowner = current_user and schemaname = any (current_schemas(false)) order by 1"
    )
    for (table,) in own:
        tables.rows(f"analyze {table}")
    mtrace(f"{len(own)} tables analysed")
