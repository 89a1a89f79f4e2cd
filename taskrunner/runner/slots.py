"""How many processes may be in a phase at once: numbered slots, taken without waiting."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from taskrunner.locks import Locks


@contextmanager
def slot(locks: Locks, kind: str, limit: int) -> Iterator[bool]:
    """Hold the first free of `limit` slots of a kind inside the block; False: none is free."""
    taken = (locks.acquire(f"{kind}-{number}") for number in range(limit))
    lock = next((lock for lock in taken if lock is not None), None)
    try:
        yield lock is not None
    finally:
        if lock is not None:
            lock.release()
