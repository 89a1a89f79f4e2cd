"""The presence of a runner: its identity, its lock and its row."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from taskrunner.cron_count import note
from taskrunner.errors import StoreError
from taskrunner.formatting import new_id
from taskrunner.liveness import lock_name
from taskrunner.records import ClaimInfo

if TYPE_CHECKING:
    from collections.abc import Iterator

    from taskrunner.installation import Site
    from taskrunner.runner.journal import RunJournal


class RunnerIdentity(NamedTuple):
    """Who a runner is."""

    id: str
    hostname: str
    pid: int
    started_at: float
    command: str
    renewed_from: float | None = None

    @property
    def began_at(self) -> float:
        """When its process started, which may have been renewed since."""
        return self.started_at if self.renewed_from is None else self.renewed_from

    def claim_info(self, now: float) -> ClaimInfo:
        """Return what the claim of a new run writes down."""
        return ClaimInfo(self.id, new_id(now), now, self.hostname, self.pid)


@contextmanager
def present(site: Site, identity: RunnerIdentity, journal: RunJournal, *, log_file: str) -> Iterator[None]:
    """Be known as a runner inside the block.

    When the database fails, the row stays: the next cron finds it without its lock, and recovers its run.
    """
    name = lock_name(identity.id)
    lock = site.locks.acquire(name)
    if lock is None:
        raise StoreError(f"the lock of the new runner {identity.id} is held by another process")
    try:
        with site.store.transaction():
            crons = (
                None if site.store.is_shared else site.store.hosts.beat(site.hostname, identity.started_at)
            )
            site.store.runners.add(
                identity.id,
                hostname=identity.hostname,
                pid=identity.pid,
                started_at=identity.started_at,
                command=identity.command,
                log_file=log_file,
            )
        if crons is not None:
            note(site, crons)
        yield
        site.store.runners.remove(identity.id)
        site.locks.forget(name)
        journal.forget()
    finally:
        lock.release()
