"""A process that is known to run tasks: its lock tells life from death, its row tells who it is."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from taskrunner.errors import StoreError
from taskrunner.ids import new_id
from taskrunner.store.claim import Stamp

if TYPE_CHECKING:
    from collections.abc import Iterator

    from taskrunner.runner.aftermath import Notes
    from taskrunner.site import Site


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a runner is."""

    id: str
    hostname: str
    pid: int
    started_at: float
    command: str

    def stamp(self, now: float) -> Stamp:
        """Return the stamp of a new run."""
        return Stamp(self.id, new_id(now), now, self.hostname, self.pid)


LOCK_PREFIX = "runner-"


def lock_name(runner_id: str) -> str:
    """Return the name of the lock whose holder is a runner, alive."""
    return f"{LOCK_PREFIX}{runner_id}"


def new_identity(command: str, now: float) -> Identity:
    """Return the identity of this process."""
    return Identity(new_id(now), os.uname().nodename, os.getpid(), now, command)


@contextmanager
def present(site: Site, identity: Identity, notes: Notes, *, log_file: str) -> Iterator[None]:
    """Be known as a runner inside the block.

    When the database fails, the row stays: the next cron finds it without its lock, and makes up the books.
    """
    name = lock_name(identity.id)
    lock = site.locks.acquire(name)
    if lock is None:
        raise StoreError(f"the lock of the new runner {identity.id} is taken: its id is not its own")
    try:
        site.store.runners.add(
            identity.id,
            hostname=identity.hostname,
            pid=identity.pid,
            started_at=identity.started_at,
            command=identity.command,
            log_file=log_file,
        )
        yield
        site.store.runners.remove(identity.id)
        site.locks.forget(name)
        notes.forget()
    finally:
        lock.release()
