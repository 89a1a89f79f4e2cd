"""The instance id that stands in a database file and beside it, so that a lost or swapped file is noticed."""

from __future__ import annotations

import os

from taskrunner.errors import StoreError

TYPE_CHECKING = False  # spares an idle minute `typing`
if TYPE_CHECKING:
    StrPath = str | os.PathLike[str]


def new_identity() -> str:
    """Return a random instance id."""
    return os.urandom(16).hex()


def check_identity(path: StrPath, identity: str | None) -> None:
    """Compare the id in a database (None: there is no database) with the one noted beside it.

    Nothing noted yet: note it. Raises StoreError where they differ: the file was lost, truncated or swapped,
    and starting with it would silently forget every schedule and every queued task.
    """
    beside = identity_file(path)
    noted = noted_identity(path)
    if noted is None:
        if identity is not None:
            note_identity(path, identity)
        return
    if identity is None:
        raise StoreError(
            f"database {path} is gone or empty, but was there before",
            hint=f"restore it from a backup; to start with an empty one: rm {beside}",
        )
    if noted != identity:
        raise StoreError(
            f"database {path} is not the one that was used before",
            hint=f"put the right file back; to go on with this one: rm {beside}",
        )


def noted_identity(path: StrPath) -> str | None:
    """Return the id noted beside a database, None where there is none. Raises StoreError."""
    try:
        with open(identity_file(path), encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise StoreError(f"cannot read {identity_file(path)}: {error.strerror}") from error


def note_identity(path: StrPath, identity: str) -> None:
    """Write the id beside the database, whole or not at all. Raises StoreError."""
    folder, name = os.path.split(path)
    draft = os.path.join(folder, f".{name}.id.{os.getpid()}")
    try:
        with open(draft, "w", encoding="utf-8") as file:
            file.write(f"{identity}\n")
        os.replace(draft, identity_file(path))
    except OSError as error:
        raise StoreError(
            f"cannot write {identity_file(path)}: {error.strerror}",
            hint="make its folder writable for the user that runs taskrun",
        ) from error


def identity_file(path: StrPath) -> str:
    """Return where the id of a database is noted."""
    return f"{os.fspath(path)}.id"
