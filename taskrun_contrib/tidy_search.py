"""Merges a search index: SQLite's FTS5 tables, PostgreSQL's GIN indexes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from taskrun_contrib.site_tables import Bound, Tables, TimeIsUpError, check_range, quoted
from taskrunner import MORE, ScheduledTask, mtrace

if TYPE_CHECKING:
    from taskrunner import More


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """`[plugin_settings.tidy_search]`: the FTS5 tables (SQLite) or GIN indexes (PostgreSQL) to be merged.

    `pages`: of an FTS5 index, written in one step, which the site waits for; GIN's steps are the server's.
    """

    indexes: tuple[str, ...]
    pages: int = 500
    seconds: int = 45
    dry_run: bool = False

    def __post_init__(self) -> None:
        if not self.indexes:
            raise ValueError("indexes = [] names none")
        for name in self.indexes:
            quoted(name)
        check_range({"pages": self.pages}, 1, 100_000)
        check_range({"seconds": self.seconds}, 1)


class TidySearch(ScheduledTask):
    """Merge the search index."""

    schedule = "H 4 * * *"

    def is_runnable(self) -> bool | str:
        """Return True if there are indexes named, else why it cannot run."""
        return True if "indexes" in self.settings else "[plugin_settings.tidy_search] indexes is not set"

    def execute(self) -> More | None:
        """Merge one index after the other, for `seconds` at most. Raises TidyError."""
        settings = self.read_settings(Settings)
        tables = Tables(self.db, Bound.of(settings.seconds), place="plugin_settings.tidy_search")
        check = check_fts5 if tables.is_sqlite else check_gin
        for index in settings.indexes:
            check(tables, index)
        if settings.dry_run:
            mtrace(f"{len(settings.indexes)} indexes would be merged: {', '.join(settings.indexes)}")
            return None
        for number, index in enumerate(settings.indexes):
            self.progress(number, len(settings.indexes), index)
            is_done = (
                merge_fts5(tables, index, settings.pages) if tables.is_sqlite else clean_gin(tables, index)
            )
            if not is_done:
                return MORE
        return None


def check_fts5(tables: Tables, index: str) -> None:
    """Raise TidyError unless there is an FTS5 table of this name."""
    schema, _, name = index.rpartition(".")
    home = quoted(schema or "main")
    made = tables.rows(f"select sql from {home}.sqlite_master where lower(name) = lower(:name)", name=name)
    if not made or "using fts5" not in " ".join(str(made[0][0]).lower().split()):
        tables.refuse("indexes", f"names {index!r}, which is no FTS5 table")


def check_gin(tables: Tables, index: str) -> None:
    """Raise TidyError unless there is a GIN index of this name that the connected user owns."""
    found = tables.rows(
        "select m.amname, pg_has_role(c.relowner, 'USAGE') from pg_class c join pg_am m on m.oid = c.relam"
        " where c.oid = to_regclass(:name) and c.relkind = 'i'",
        name=quoted(index),
    )
    if not found or found[0][0] != "gin":
        tables.refuse("indexes", f"names {index!r}, which is no GIN index")
    if not found[0][1]:
        tables.refuse("indexes", f"names {index!r}, which belongs to another user")


def merge_fts5(tables: Tables, index: str, pages: int) -> bool:
    """Merge an FTS5 index step by step until it is one segment; return whether it is, as far as time allows.

    A negative number has all segments merged, as `optimize` would in one step (sqlite.org/fts5.html).
    """
    before, wanted, steps = segments(tables, index), -pages, 0
    name = quoted(index)
    column = quoted(index.rpartition(".")[2])
    while not tables.bound.is_over:
        with tables.transaction():
            changes = tables.connection.total_changes
            tables.change(f"insert into {name} ({column}, rank) values ('merge', :pages)", {"pages": wanted})
            is_done = tables.connection.total_changes - changes < 2
        if is_done:
            break
        wanted, steps = pages, steps + 1
    mtrace(f"{index}: {before} segments, {segments(tables, index)} after {steps} steps")
    return not tables.bound.is_over


def segments(tables: Tables, index: str) -> int:
    """Return how many parts an FTS5 index consists of: each is looked through by every search."""
    return tables.number(
        f"select count(distinct {quoted(index + '_idx')}.segid) from {quoted(index + '_idx')}"
    )


def clean_gin(tables: Tables, index: str) -> bool:
    """Move what is pending into a GIN index; return whether all of it is, as far as time allows."""
    try:
        pages = tables.number("select gin_clean_pending_list(to_regclass(:name))", name=quoted(index))
    except TimeIsUpError as error:
        mtrace(f"{index}: {error}")
        return False
    mtrace(f"{index}: {pages} pending pages merged")
    return True
