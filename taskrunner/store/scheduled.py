"""Scheduled tasks: one row each, with schedule, state and who runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskrunner.records import ScheduledRow
from taskrunner.store import Table

if TYPE_CHECKING:
    from collections.abc import Collection

    from taskrunner.records import ClaimInfo, Run


class ScheduledTasks(Table):
    """Rows of scheduled tasks. A settling method returns False when the run is not the task's any more."""

    def find(self, name: str) -> ScheduledRow | None:
        """Return one scheduled task."""
        row = self._statements.row("find", name=name)
        return ScheduledRow(**row) if row else None

    def find_for_change(self, name: str) -> ScheduledRow | None:
        """Return one scheduled task, which nobody else changes until this transaction ends."""
        row = self._statements.row("find_for_change", name=name)
        return ScheduledRow(**row) if row else None

    def is_due(self, now: float) -> bool:
        """Return whether any task waits for a runner."""
        return self._statements.row("due", now=now) is not None

    def next_due_at(self) -> float | None:
        """Return when the first of the tasks that wait for a runner is due, or None if none waits."""
        row = self._statements.row("next_due")
        return row["next_run_at"] if row else None

    def declare(self, fields: dict[str, object]) -> None:
        """Write the declared side of a row: what plugin, administrator and config make of the task."""
        self._statements.rows("declare", **fields)

    def block(self, name: str, reason: str | None) -> None:
        """Keep a task from being run for a reason, or let it run again if the reason is None."""
        self._statements.rows("block", name=name, reason=reason)

    def rename(self, old: str, new: str, *, plugin: str) -> bool:
        """Give a task another name; return whether it was there, and not running."""
        return self._settled("rename", old=old, new=new, plugin=plugin)

    def remove(self, name: str) -> bool:
        """Forget a task; return whether it was there, and not running."""
        return self._settled("remove", name=name)

    def claim(
        self, claim: ClaimInfo, *, phase_started_at: float, unknown: Collection[str] = ()
    ) -> ScheduledRow | None:
        """Claim the longest overdue task that did not end since the phase started, if there is one.

        `unknown` are names to leave to others.
        """
        names = f" {' '.join(unknown)} "
        row = self._statements.row(
            "claim", phase_started_at=phase_started_at, unknown=names, **claim._asdict()
        )
        return ScheduledRow(**row) if row else None

    def claim_named(self, name: str, claim: ClaimInfo) -> ScheduledRow | None:
        """Claim one task whatever its schedule, or return None if it runs elsewhere."""
        row = self._statements.row("claim_named", name=name, **claim._asdict())
        return ScheduledRow(**row) if row else None

    def finish(self, run: Run, *, next_run_at: float) -> bool:
        """Record a success and when the task is due next."""
        return self._settled("finish", run_id=run.run_id, ended_at=run.ended_at, next_run_at=next_run_at)

    def fail(self, run: Run, *, next_run_at: float, fail_delay: int) -> bool:
        """Record a failure and when the task is tried again."""
        return self._settled(
            "fail",
            run_id=run.run_id,
            ended_at=run.ended_at,
            outcome=run.outcome,
            message=run.message,
            next_run_at=next_run_at,
            fail_delay=fail_delay,
        )

    def release(self, run: Run, *, next_run_at: float) -> bool:
        """Give back a task that was asked to stop, or asked to wait: not charged."""
        return self._settled(
            "release",
            run_id=run.run_id,
            ended_at=run.ended_at,
            outcome=run.outcome,
            message=run.message,
            next_run_at=next_run_at,
        )

    def skip(
        self, run_id: str, *, now: float, reason: str, off_reason: str | None, next_run_at: float
    ) -> bool:
        """Pass over a slot of a claimed task; `off_reason` is why it may not run at all, if so."""
        return self._settled(
            "skip", run_id=run_id, now=now, reason=reason, off_reason=off_reason, next_run_at=next_run_at
        )

    def release_claims(self, runner_id: str) -> None:
        """Give back what a runner has claimed and not started."""
        self._statements.rows("release_claims", runner_id=runner_id)

    def retry(self, name: str, now: float) -> bool:
        """Forget the fail delay of a task and make it due; return whether there is such a task."""
        return self._settled("retry", name=name, now=now)

    def _settled(self, verb: str, **parameters: object) -> bool:
        return self._statements.row(verb, **parameters) is not None

    def list_for_change(self) -> list[ScheduledRow]:
        """Return every scheduled task; nobody else changes one until this transaction ends."""
        return [ScheduledRow(**row) for row in self._statements.rows("list_for_change")]

    def list(self) -> list[ScheduledRow]:
        """Return every scheduled task, by name."""
        return [ScheduledRow._make(row.values()) for row in self._statements.rows("list")]
