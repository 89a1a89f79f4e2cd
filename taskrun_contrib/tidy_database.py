"""Deletes rows whose parents are gone, and lets the database look after itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from taskrun_contrib.site_tables import (
    LARGEST_BATCH,
    SMALLEST_SAMPLE,
    Bound,
    LockedError,
    Removal,
    Tables,
    TidyError,
    TimeIsUpError,
    check_range,
    marks,
    quoted,
)
from taskrunner import MORE, ScheduledTask, mtrace

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from taskrunner import More


@dataclass(frozen=True, slots=True, kw_only=True)
class Orphans:
    """Rows of `table` whose `column` names no row of `parent`; `key` and `parent_key` are their keys."""

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
    def column_name(self) -> str:
        """The column in a statement."""
        return f"{quoted(self.table)}.{quoted(self.column)}"

    @property
    def key_name(self) -> str:
        """The key in a statement."""
        return f"{quoted(self.table)}.{quoted(self.key)}"

    @property
    def condition(self) -> str:
        """What is true of such a row in a statement about `table`; a row that names no parent is none."""
        parents = f"select 1 from {quoted(self.parent)} {self.alias}"
        same = f"{self.alias}.{quoted(self.parent_key)} = {self.column_name}"
        return f"{self.column_name} is not null and not exists ({parents} where {same})"

    @property
    def alias(self) -> str:
        """What the parents' table is called in a statement: a name that the rows' table has not."""
        name = "parent"
        while name == self.table.rpartition(".")[2].lower():
            name += "_"
        return quoted(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """`[plugin_settings.tidy_database]`: which rows need parents, and how many may go at most.

    Nothing is deleted from a table when more than `max_percent` of its rows would go, or the parents' table
    is empty, or none of many rows has a parent: then something else is wrong.
    """

    orphans: tuple[Orphans, ...] = ()
    max_percent: float = 10.0
    batch: int = 1000
    seconds: int = 45
    dry_run: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.max_percent <= 100:
            raise ValueError(f"max_percent = {self.max_percent:g} is not above 0 and at most 100")
        check_range({"batch": self.batch}, 1, LARGEST_BATCH)
        check_range({"seconds": self.seconds}, 1)


class TidyDatabase(ScheduledTask):
    """Delete rows without parents, and let the database look after itself."""

    schedule = "H 3 * * 0"

    def is_runnable(self) -> bool | str:
        """Return True if there is anything to look after, else why it cannot run."""
        return True if self.settings else "[plugin_settings.tidy_database] says nothing"

    def execute(self) -> More | None:
        """Tidy table by table, then maintain. Raises TidyError when that was done for all that could be."""
        settings = self.read_settings(Settings)
        tables = Tables(self.db, Bound.of(settings.seconds), place="plugin_settings.tidy_database")
        for number, orphans in enumerate(settings.orphans, 1):
            check(tables, orphans, number)
        refusals = []
        for orphans in settings.orphans:
            if tables.bound.is_over:
                return MORE
            try:
                is_done = self._tidy(tables, orphans, settings)
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

    def _tidy(self, tables: Tables, orphans: Orphans, settings: Settings) -> bool:
        """Delete the orphans of one rule; return whether none are left. Raises TidyError."""
        count = count_safely(tables, orphans, settings.max_percent)
        mtrace(f"{count} of {orphans}")
        if settings.dry_run or not count:
            return True
        removal, is_done = Removal(), True
        try:
            for keys in pages(tables, orphans, settings.batch):
                removal.in_parts(tables, keys, lambda part: delete(tables, orphans, part))
                self.progress(removal.deleted, count, str(orphans))
                if removal.deleted >= count:
                    break  # more were not looked at together
                if tables.bound.is_over:
                    is_done = False
                    break
        except TimeIsUpError:
            if not removal.deleted:  # not even one batch fits: a person has to see that
                raise
            is_done = False
        finally:
            mtrace(f"{removal.deleted} deleted")
        removal.check(orphans.table)
        return is_done


def check(tables: Tables, orphans: Orphans, number: int) -> None:
    """Raise TidyError unless tables and columns of a rule are there."""
    place = f"orphans[{number}]"
    own = {f"{place}.column": orphans.column, f"{place}.key": orphans.key}
    tables.require(f"{place}.table", orphans.table, own)
    tables.require(f"{place}.parent", orphans.parent, {f"{place}.parent_key": orphans.parent_key})


def count_safely(tables: Tables, orphans: Orphans, max_percent: float) -> int:
    """Return how many rows would go. Raises TidyError: too many, or they have no parents to be without."""
    table = quoted(orphans.table)
    [(rows, naming)] = tables.rows(f"select count(*), count({orphans.column_name}) from {table}")
    count = tables.number(f"select count(*) from {table} where {orphans.condition}")
    if count and not has_parents(tables, orphans):
        raise TidyError(f"{orphans.parent} is empty: the {count} rows of {orphans.table} stay")
    share = f"{count} of {rows} rows of {orphans.table}"
    if count * 100 > rows * max_percent:
        raise TidyError(f"{share} are without {orphans.parent}, more than {max_percent:g} %: they stay")
    if count == naming and count >= SMALLEST_SAMPLE:
        raise TidyError(f"{share}, all that name one, are without {orphans.parent}: they stay")
    return count


def has_parents(tables: Tables, orphans: Orphans) -> bool:
    """Return whether there is anything in the parents' table."""
    return bool(tables.rows(f"select 1 from {quoted(orphans.parent)} limit 1"))


def pages(tables: Tables, orphans: Orphans, batch: int) -> Iterator[list[Any]]:
    """Give the keys of orphans in the order of the keys, each once, whether they could be deleted or not."""
    last: dict[str, Any] = {}
    while True:
        beyond = f" and {orphans.key_name} > :last" if last else ""
        found = tables.rows(
            f"select {orphans.key_name} from {quoted(orphans.table)}"
            f" where {orphans.condition} and {orphans.key_name} is not null{beyond}"
            f" order by {orphans.key_name} limit :batch",
            batch=batch,
            **last,
        )
        if not found:
            return
        last = {"last": found[-1][0]}
        yield [key for (key,) in found]


def delete(tables: Tables, orphans: Orphans, keys: Sequence[Any]) -> int:
    """Delete rows by their keys, but none that has got a parent meanwhile or that others hold."""
    if not has_parents(tables, orphans):
        raise TidyError(f"{orphans.parent} is empty now: the rows of {orphans.table} stay")
    mark, named = marks("key", keys)
    table, chosen = quoted(orphans.table), f"{orphans.key_name} in ({mark}) and {orphans.condition}"
    if not tables.is_sqlite:
        locked = tables.rows(
            f"select {orphans.key_name} from {table} where {chosen}" + tables.skipping_locked("update"),
            **named,
        )
        if not locked:
            return 0
        mark, named = marks("key", list({key for (key,) in locked}))
        chosen = f"{orphans.key_name} in ({mark}) and {orphans.condition}"
    return tables.change(f"delete from {table} where {chosen}", named)


def maintain(tables: Tables) -> None:
    """Let SQLite optimise and check itself; let PostgreSQL look at the tables of the user it is asked by.

    What does not fit into the time is left out, and said. Raises TidyError: the database is damaged.
    """
    try:
        if tables.is_sqlite:
            [(finding, *_), *_] = tables.rows("pragma quick_check(1)")
            if finding != "ok":
                raise TidyError(f"the database is damaged: {finding}")
            tables.rows("pragma optimize")
            mtrace("checked and optimised")
        else:
            analyse(tables)
    except (TimeIsUpError, LockedError) as error:
        mtrace(f"not looked after to the end: {error}")


def analyse(tables: Tables) -> None:
    """Let PostgreSQL look at the tables of the user it is asked by."""
    own = tables.rows(
        "select quote_ident(schemaname) || '.' || quote_ident(tablename) from pg_tables"
        " where tableowner = current_user and schemaname = any (current_schemas(false)) order by 1"
    )
    done = 0
    try:
        for (table,) in own:
            tables.rows(f"analyze {table}")
            done += 1
    finally:
        mtrace(f"{done} tables analysed")
