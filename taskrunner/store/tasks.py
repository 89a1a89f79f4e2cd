"""Scheduled and adhoc tasks: one row each, with state and who runs it.

The row of a scheduled task has its schedule; that of an adhoc task stands from its queueing to its end.
"""

from __future__ import annotations

import json
from operator import attrgetter
from typing import TYPE_CHECKING

from taskrunner.named_tuple import NamedTuple
from taskrunner.records import AdhocRow, AdhocSummary, DueClass, Parked, QueueState, Reply, ScheduledRow
from taskrunner.store import Table

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from taskrunner.db import Row
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


NO_LIMIT = 1 << 60


class NewTask(NamedTuple):
    """A task to be queued: custom data as JSON text, the moment it may start, how often it may be tried."""

    name: str
    plugin: str
    custom_data: str
    user: str | None
    identity: str
    next_run_at: float
    attempts_left: int


def _running(rows: Sequence[Row]) -> dict[str, tuple[int, float]]:
    return {row["name"]: (row["running"], row["oldest_started_at"]) for row in rows}


def _queue_state(classes: Reply[list[Row]], running: Reply[list[Row]], now: float) -> QueueState:
    rows = running.get()
    runs = _running(rows)
    due = [row for row in classes.get() if row["next_run_at"] <= now]
    return QueueState(
        [DueClass(**row, running=runs.get(row["name"], (0, 0.0))) for row in due],
        runs,
        sum(row["behind"] for row in rows),
    )


def _is_any(*replies: Reply[list[Row]]) -> bool:
    return any([reply.get() for reply in replies])  # each is read: an answer left unread would be the next's


def _oldest_first(rows: Sequence[Row]) -> list[AdhocRow]:
    return sorted((AdhocRow(**row) for row in rows), key=attrgetter("behind", "next_run_at", "id"))


def _first(rows: Sequence[Row]) -> AdhocRow | None:
    return AdhocRow(**rows[0]) if rows else None


class AdhocTasks(Table):
    """Rows of queued tasks. A settling method returns False when the run is not the task's any more."""

    def move_ids_on(self) -> None:
        """Leave out a million ids, so that none is given twice by a database that has lost what it knew."""
        self._statements.rows("begin_ids")
        self._statements.rows("move_ids_on")

    def add(self, tasks: Sequence[NewTask], now: float) -> list[int]:
        """Queue tasks and return their ids, in the order given; several of them in a transaction."""
        if len(tasks) < 2:
            return [self._statements.rows("add", now=now, **task._asdict())[0]["id"] for task in tasks]
        columns = ("created_at", *NewTask._fields)
        rows = [(now, *task) for task in tasks]
        return self._statements.insert("task_adhoc", columns, rows)

    def add_once(self, task: NewTask, now: float) -> int | None:
        """Queue a task and return its id, or None if the same one is queued already."""
        row = self._statements.row("add_once", now=now, **task._asdict())
        return row["id"] if row else None

    def find_identity(self, identity: str) -> AdhocRow | None:
        """Return the oldest queued task with a dedupe key, one that waits before one that runs."""
        return _first(self._statements.rows("find_identity", identity=identity))

    def prioritise(self, task_id: int, priority: int) -> None:
        """Give a queued task its place among those of its class: the highest runs first; 0 is usual."""
        self._statements.send("prioritise", id=task_id, priority=priority)

    def revive(self, task_id: int, *, next_run_at: float, attempts: int) -> bool:
        """Give a task that was given up its attempts back; return whether it was given up."""
        row = self._statements.row("revive", id=task_id, next_run_at=next_run_at, attempts_left=attempts)
        return row is not None

    def reschedule(self, task_id: int, next_run_at: float) -> bool:
        """Move a task that waits to another time; return whether it was waiting."""
        return self._statements.row("reschedule", id=task_id, next_run_at=next_run_at) is not None

    def request(self, task_id: int, *, next_run_at: float, attempts: int, moves: bool) -> bool:
        """Keep for a running task that it is to run again; return whether it was running.

        `moves`: also where another moment was asked for before.
        """
        row = self._statements.row(
            "request", id=task_id, next_run_at=next_run_at, attempts=attempts, moves=int(moves)
        )
        return row is not None

    def find(self, task_id: int) -> AdhocRow | None:
        """Return one queued task."""
        return _first(self._statements.rows("find", id=task_id))

    def forget(self, name: str) -> int:
        """Remove what is queued of a class and does not run; return how many tasks that were."""
        return len(self._statements.rows("forget", name=name))

    def page(self, name: str, *, after: int, limit: int) -> list[tuple[int, str, str | None]]:
        """Return id, custom data and user of queued tasks of a class behind an id, in the order of ids."""
        rows = self._statements.rows("page", name=name, after=after, limit=limit)
        return [(row["id"], row["custom_data"], row["user"]) for row in rows]

    def rename(self, task_id: int, new: str, *, plugin: str, identity: str) -> None:
        """Give a queued task another name, and the identity that goes with it."""
        self._statements.send("rename", id=task_id, new=new, plugin=plugin, identity=identity)

    def summary(self, now: float) -> list[AdhocSummary]:
        """Return how the queue of each class stands, by name."""
        return [AdhocSummary(**row) for row in self._statements.rows("summary", now=now)]

    def fail_delays(self) -> tuple[int, int]:
        """Return how many tasks wait because they failed, and the longest of their delays in seconds."""
        (row,) = self._statements.rows("fail_delays")
        return row["failing"], row["longest"]

    def parked(self) -> Parked | None:
        """Return the oldest task that could not be loaded, and how many there are, or None."""
        row = self._statements.row("parked")
        return None if row is None else Parked(**row)

    def next_due_at(self) -> dict[str, float]:
        """Return when the first waiting task of each class is due."""
        return {row["name"]: row["next_run_at"] for row in self._statements.rows("classes")}

    def running_classes(self) -> dict[str, tuple[int, float]]:
        """Return how many tasks of each class run, and when the oldest of them started."""
        return _running(self._statements.rows("running"))

    def queue_state(self, now: float) -> Reply[QueueState]:
        """Ask which classes are due at a moment and how they run; the queue's length costs nothing."""
        classes, running = self._statements.send("classes"), self._statements.send("running")
        return Reply(read=_queue_state, arguments=(classes, running, now))

    def claim(self, name: str, claim: ClaimInfo) -> Reply[AdhocRow | None]:
        """Take the oldest due task of a class, one attempt charged; the reply is None if there is none."""
        return self._statements.send("claim", name=name, **claim._asdict()).then(_first)

    def claim_batch(self, name: str, claim: ClaimInfo, run_ids: Sequence[str]) -> Reply[list[AdhocRow]]:
        """Take the oldest due task of a class and new ones behind it, at most as many as there are run ids.

        One attempt of each is charged. The reply has them in the order in which they are to run.
        """
        values = {**claim._asdict(), "run_ids": json.dumps(run_ids), "limit": len(run_ids)}
        del values["run_id"]
        return self._statements.send("claim_batch", name=name, **values).then(_oldest_first)

    def note_start(self, run_id: str, started_at: float) -> None:
        """Note that a task which was claimed behind others runs by now."""
        self._statements.rows("note_start", run_id=run_id, started_at=started_at)

    def claim_id(self, task_id: int, claim: ClaimInfo) -> AdhocRow | None:
        """Take one task whatever its time and attempts; return None if it runs elsewhere, or is gone."""
        return _first(self._statements.rows("claim_id", id=task_id, **claim._asdict()))

    def finish(self, run: Run) -> Reply[bool]:
        """Remove a task that is done; the reply says whether it was still the run's.

        One that was asked to run again meanwhile stays: what a request returned an id for is never gone.
        """
        removed = self._statements.send("finish", run_id=run.run_id)
        if removed.is_known and removed.get():
            return Reply(True)
        kept = self._statements.send("finish_requested", run_id=run.run_id)
        return Reply(read=_is_any, arguments=(removed, kept))

    def finish_batch(self, runs: Sequence[Run]) -> set[str]:
        """Remove tasks that are done; return the ids of the runs whose tasks are removed.

        The others were asked to run again, or another run has them by now.
        """
        run_ids = json.dumps([run.run_id for run in runs])
        return {row["run_id"] for row in self._statements.rows("finish_batch", run_ids=run_ids)}

    def fail(self, run: Run, *, next_run_at: float, fail_delay: int, gives_up: bool) -> bool:
        """Record a failure and when the task is tried again, if it has attempts left."""
        row = self._statements.row(
            "fail",
            run_id=run.run_id,
            message=run.message,
            next_run_at=next_run_at,
            fail_delay=fail_delay,
            gives_up=int(gives_up),
        )
        return row is not None

    def delay(self, run: Run, *, next_run_at: float) -> bool:
        """Let a task wait that asked for it: the attempt stays charged, no failure is recorded."""
        row = self._statements.row("delay", run_id=run.run_id, message=run.message, next_run_at=next_run_at)
        return row is not None

    def release(
        self, run_id: str, *, message: str | None, next_run_at: float, interrupted: bool = False
    ) -> bool:
        """Give back a task that was not tried to its end: the attempt is not charged."""
        row = self._statements.row(
            "release",
            run_id=run_id,
            message=message,
            next_run_at=next_run_at,
            interrupted=int(interrupted),
        )
        return row is not None

    def give_back(self, run_ids: Sequence[str], *, interrupted: bool) -> int:
        """Give back what was claimed and has not started; return how many tasks that were.

        No attempt is charged. `interrupted`: the process that had claimed them has died.
        """
        ids = json.dumps(run_ids)
        return len(self._statements.rows("give_back", run_ids=ids, interrupted=int(interrupted)))

    def release_claims(self, runner_id: str) -> None:
        """Give back what a runner has claimed and not started: no attempt is charged."""
        self._statements.rows("release_claims", runner_id=runner_id)

    def retry(self, task_id: int, now: float) -> bool:
        """Make a waiting task due, with one attempt at least; return whether it was waiting."""
        return self._statements.row("retry", id=task_id, now=now) is not None

    def postpone(self, task_id: int, next_run_at: float) -> bool:
        """Move a task that is not running to another time; return whether it was moved."""
        return self._statements.row("postpone", id=task_id, next_run_at=next_run_at) is not None

    def edit(self, task_id: int, *, custom_data: str, identity: str) -> bool:
        """Give a task that is not running other custom data; return whether it was changed."""
        row = self._statements.row("edit", id=task_id, custom_data=custom_data, identity=identity)
        return row is not None

    def cancel(self, task_id: int) -> bool:
        """Remove a task that is not running; return whether it was removed."""
        return self._statements.row("cancel", id=task_id) is not None

    def cleanup(self, before: float, *, limit: int) -> int:
        """Delete up to `limit` given up tasks whose next try would have been before a moment."""
        return len(self._statements.rows("cleanup", before=before, limit=limit))

    def list(
        self,
        *,
        now: float = 0.0,
        name: str = "",
        failed: bool = False,
        due: bool = False,
        user: str = "",
        limit: int = NO_LIMIT,
    ) -> list[AdhocRow]:
        """Return queued tasks, the oldest due first: of a class or a user, those that failed or are due."""
        rows = self._statements.rows(
            "list", now=now, name=name, failed=int(failed), due=int(due), user=user, limit=limit
        )
        return [AdhocRow(**row) for row in rows]
