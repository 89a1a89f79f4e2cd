"""The instance id that stands in a database file and beside it, so that a lost or swapped file is noticed."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from taskrunner.errors import StoreError


def new_identity() -> str:
    """Return a random instance id."""
    return secrets.token_hex(16)


def check_identity(path: Path, identity: str | None) -> None:
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


def noted_identity(path: Path) -> str | None:
    """Return the id noted beside a database, None where there is none. Raises StoreError."""
    try:
        return identity_file(path).read_text("utf-8", "replace").strip()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise StoreError(f"cannot read {identity_file(path)}: {error.strerror}") from error


def note_identity(path: Path, identity: str) -> None:
    """Write the id beside the database, whole or not at all. Raises StoreError."""
    draft = path.with_name(f".{path.name}.id.{os.getpid()}")
    try:
        draft.write_text(f"{identity}\n", "utf-8")
        os.replace(draft, identity_file(path))
    except OSError as error:
        raise StoreError(
            f"cannot write {identity_file(path)}: {error.strerror}",
            hint="make its folder writable for the user that runs taskrun",
        ) from error


def identity_file(path: Path) -> Path:
    """Return where the id of a database is noted."""
    return path.with_name(f"{path.name}.id")
