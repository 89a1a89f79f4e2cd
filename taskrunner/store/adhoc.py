"""Adhoc tasks: one row each, from being queued to being done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskrunner.records import AdhocRow

if TYPE_CHECKING:
    from taskrunner.records import Run
    from taskrunner.store.claim import Stamp
    from taskrunner.store.statements import Statements


class AdhocTasks:
    """Rows of queued tasks. A settling method returns False when the run is not the task's any more."""

    def __init__(self, statements: Statements) -> None:
        self._statements = statements

    def add(
        self,
        name: str,
        *,
        plugin: str,
        custom_data: str,
        user: str | None,
        identity: str | None,
        now: float,
        next_run_at: float,
        attempts_left: int,
    ) -> int:
        """Queue a task and return its id."""
        row = self._statements.rows(
            "add",
            name=name,
            plugin=plugin,
            custom_data=custom_data,
            user=user,
            identity=identity,
            now=now,
            next_run_at=next_run_at,
            attempts_left=attempts_left,
        )[0]
        added: int = row["id"]
        return added

    def is_due(self, now: float) -> bool:
        """Say whether any task waits for a runner."""
        return self._statements.row("due", now=now) is not None

    def due_classes(self, now: float) -> list[str]:
        """Return the names of the tasks that are due, the longest waiting first."""
        rows = [row for row in self._statements.rows("classes") if row["next_run_at"] <= now]
        return [row["name"] for row in sorted(rows, key=lambda row: (row["next_run_at"], row["name"]))]

    def claim(self, name: str, stamp: Stamp) -> AdhocRow | None:
        """Take the oldest due task of a class, one attempt charged; None: there is none any more."""
        row = self._statements.row("claim", name=name, **stamp.parameters())
        return AdhocRow(**row) if row else None

    def cleanup(self, before: float, *, limit: int) -> int:
        """Delete up to `limit` given up tasks that last failed before a moment; return how many."""
        return len(self._statements.rows("cleanup", before=before, limit=limit))

    def finish(self, run: Run) -> bool:
        """Remove a task that is done."""
        return self._statements.row("finish", run_id=run.run_id) is not None

    def fail(self, run: Run, *, next_run_at: float, fail_delay: int) -> bool:
        """Record a failure and when the task is tried again, if it has attempts left."""
        row = self._statements.row(
            "fail", run_id=run.run_id, message=run.message, next_run_at=next_run_at, fail_delay=fail_delay
        )
        return row is not None

    def release(self, run: Run) -> bool:
        """Give back a task that was asked to stop: the attempt not charged, due as before."""
        return self._statements.row("release", run_id=run.run_id, message=run.message) is not None

    def list(self) -> list[AdhocRow]:
        """Return every queued task, the oldest due first."""
        return [AdhocRow(**row) for row in self._statements.rows("list")]
