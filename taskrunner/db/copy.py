"""A whole site copied to another database: page by page, compared, all of it or nothing.

Nothing is written to the source while it is read, and the target is seen by nobody before it is whole.
Both have the same tables, whichever kind they are: those of the migrations.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple, Protocol

from taskrunner.db import POSTGRES, SQLITE, look_at_tables
from taskrunner.errors import StoreBusyError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    Values = tuple[object, ...]

PAGE = 1000
"""Rows read and written at once, so that memory does not grow with a table."""

NOT_COPIED = ("schema_version", "task_runner")
"""Tables that each database has for itself: what is in them is over when a site moves."""

MODULUS = 1 << 256


class Table(NamedTuple):
    """A table of the site."""

    name: str
    columns: tuple[str, ...]


class Digest(NamedTuple):
    """How many rows a table has, and a number that is the same for the same rows, in whichever order."""

    rows: int
    digest: str


class Copied(NamedTuple):
    """A table that was copied."""

    table: str
    rows: int
    digest: str


class Copyable(Protocol):
    """One database, as the copy reads it or fills it."""

    name: str

    def reading(self) -> AbstractContextManager[None]:
        """Let nobody write while the block reads; keep at its end what `finish` has written."""

    def filling(self) -> AbstractContextManager[None]:
        """Make empty tables, and let them be seen with what the block put in when it ends, or not at all.

        Raises StoreError: something is there already.
        """

    def pages(self, table: Table) -> Iterator[Sequence[Values]]:
        """Yield the rows of a table, in pages."""

    def add(self, table: Table, rows: Sequence[Values]) -> None:
        """Add rows."""

    def clear(self, table: Table) -> None:
        """Remove what making the tables has put in."""

    def last_id(self, table: Table) -> int:
        """Return the highest id that was ever given in a table, 0 if none was."""

    def set_last_id(self, table: Table, last_id: int) -> None:
        """Give higher ids only from now on."""

    def finish(self, setting: str, value: str) -> None:
        """Remember a setting in the source."""


def open_copyable(url: str) -> Copyable:
    """Return the database a URL names, to be read or filled. Nothing is opened yet."""
    if url.startswith(SQLITE):
        from taskrunner.db.sqlite.sessions import SqliteCopy

        return SqliteCopy(url.removeprefix(SQLITE))
    if url.startswith(POSTGRES):
        from taskrunner.db.postgres.sessions import PostgresCopy

        return PostgresCopy(url)
    raise StoreError(
        "this kind of database is not known",
        hint="write sqlite:PATH or postgresql://USER@HOST/NAME",
    )


def copy_site(
    source_url: str,
    target_url: str,
    *,
    closing: tuple[str, str],
    reopen: Callable[[], object],
    progress: Callable[[str, int], object] = lambda _table, _rows: None,
) -> list[Copied]:
    """Copy all rows of a site, and return what was copied; the target is whole then, or was not touched.

    `closing` is the setting that the source gets at the end, in the same transaction in which it was read:
    nothing starts with it any more. It comes before the target is there, so that nothing is ever done with
    both; `reopen` takes it back if the target then fails. `progress` hears how many rows of a table are
    there. Raises StoreError: they are the same, the target is not empty, the rows differ; StoreBusyError:
    runners are at work.
    """
    _check_tables(source_url)
    source, target = open_copyable(source_url), open_copyable(target_url)
    if source.name == target.name:
        raise StoreError(f"{target.name} is the database that is used already", hint="name another one")
    is_closed = False
    try:
        with target.filling():
            with source.reading():
                _refuse_while_at_work(source)
                copied = [_copy(table, source, target, progress) for table in site_tables()]
                source.finish(*closing)
            is_closed = True
    except BaseException:
        if is_closed:
            reopen()
        raise
    return copied


def _check_tables(url: str) -> None:
    state = look_at_tables(url).checked()
    if state.word != "up to date":
        raise StoreError(f"database {state.database}: its tables are {state.word}", hint="taskrun db upgrade")


def site_tables() -> list[Table]:
    """Return the tables of a site, as the migrations make them."""
    from taskrunner.db.sqlite.sessions import tables_of_migrations

    return [Table(*table) for table in tables_of_migrations() if table[0] not in NOT_COPIED]


def _refuse_while_at_work(source: Copyable) -> None:
    for name in ("task_runner", "task_scheduled", "task_adhoc"):
        column = "id" if name == "task_runner" else "run_id"
        for page in source.pages(Table(name, (column,))):
            if any(value is not None for [value] in page):
                raise StoreBusyError(
                    f"runners are at work with {source.name}, or have died and are not recorded yet",
                    hint="taskrun pause --wait, then copy, then taskrun resume",
                )


def _copy(table: Table, source: Copyable, target: Copyable, progress: Callable[[str, int], object]) -> Copied:
    target.clear(table)
    total, count = 0, 0
    for page in source.pages(table):
        total, count = _added(total, page), count + len(page)
        target.add(table, page)
        progress(table.name, count)
    if "id" in table.columns and (last_id := source.last_id(table)):
        target.set_last_id(table, last_id)
    read, there = Digest(count, f"{total:064x}"), digest_of(target, table)
    if read != there:
        raise StoreError(
            f"{table.name}: {there.rows} rows in {target.name} differ from {read.rows} in {source.name};"
            " nothing was copied",
            hint="taskrun doctor",
        )
    return Copied(table.name, *read)


def digest_of(database: Copyable, table: Table) -> Digest:
    """Return the digest of a table as it is now."""
    total, count = 0, 0
    for page in database.pages(table):
        total, count = _added(total, page), count + len(page)
    return Digest(count, f"{total:064x}")


def _added(total: int, page: Sequence[Values]) -> int:
    """Add the digests of rows to a sum: the databases sort text in different orders."""
    for row in page:
        total += int.from_bytes(hashlib.sha256(repr(row).encode("utf-8", "surrogatepass")).digest(), "big")
    return total % MODULUS
