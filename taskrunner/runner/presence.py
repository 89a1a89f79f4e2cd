"""The presence of a runner: its identity, its lock and its row, and the runner that it is renewed into."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from taskrunner.cron_count import note
from taskrunner.errors import StoreError
from taskrunner.formatting import new_id
from taskrunner.liveness import lock_name
from taskrunner.records import ClaimInfo
from taskrunner.trace import flush_output

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from taskrunner.runner import Runner


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
def present(runner: Runner) -> Iterator[None]:
    """Let a runner be known as one inside the block.

    When the database fails, the row stays: the next cron finds it without its lock, and recovers its run.
    """
    site, identity = runner.site, runner.identity
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
                log_file=str(runner.output.log_path),
            )
        if crons is not None:
            note(site, crons)
        yield
        site.store.runners.remove(identity.id)
        site.locks.forget(name)
        runner.journal.forget()
    finally:
        lock.release()


class Renewal(NamedTuple):
    """What a cron that starts anew knows of the one before it.

    `started_at`: when the first one of the process started. `phase`: scheduled or adhoc, with its own start.
    `stop_since`: a stop that was asked for after this moment is still to be obeyed. The rest is counted.
    """

    started_at: float
    phase: str
    phase_started_at: float
    stop_since: float
    scheduled: int
    adhoc: int
    failed: int
    in_phase: int
    log_file: str

    def text(self) -> str:
        """Return it as `renewal_of` takes it."""
        import json  # late: few crons start anew

        return json.dumps(self._asdict(), separators=(",", ":"))


def renewal_of(text: str) -> Renewal:
    """Return what `Renewal.text` has made a text of. Raises ValueError."""
    import json

    try:
        return Renewal(**json.loads(text))
    except TypeError as error:
        raise ValueError(f"{text!r} is not of this version") from error


def start_anew(renewal: Renewal, config: Path, options: Sequence[str]) -> None:
    """Become a new `taskrun cron` of the same process id; return only where that fails. Raises OSError.

    No working directory is needed, and nothing is imported from it.
    """
    import subprocess

    flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    command = [sys.executable, *flags, "-P", "-m", "taskrunner", "--config", str(config), "cron"]
    flush_output()
    os.execv(sys.executable, [*command, *options, "--renewed", renewal.text()])  # noqa: S606
