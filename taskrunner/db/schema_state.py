"""How the tables of a database stand to this program."""

from __future__ import annotations

from taskrunner.errors import SchemaMismatchError


class SchemaState:
    """The version of the tables, 0 for none, and the newest this program knows; `server`: who keeps them."""

    __slots__ = ("database", "newest", "server", "version")

    def __init__(self, database: str, version: int, newest: int, server: str = "") -> None:
        self.database = database
        self.version = version
        self.newest = newest
        self.server = server

    @property
    def is_old(self) -> bool:
        """Whether the tables have to be made or changed."""
        return self.version < self.newest

    @property
    def word(self) -> str:
        """How they stand, in a word."""
        if self.version == self.newest:
            return "up to date"
        return "newer" if self.version > self.newest else "older" if self.version else "missing"

    def checked(self) -> SchemaState:
        """Return it. Raises SchemaMismatchError when a newer program has been there."""
        if self.version > self.newest:
            raise SchemaMismatchError(
                f"database {self.database} has schema version {self.version},"
                f" this taskrun knows {self.newest} at most",
                hint="install the newer taskrunner again",
            )
        return self
