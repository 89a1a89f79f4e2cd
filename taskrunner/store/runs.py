"""Runs: those under way with the processes that run them, and the log, one row for each that ended.

Hosts and what administrators changed are kept here as well.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from taskrunner.named_tuple import NamedTuple
from taskrunner.records import FAILURES, AuditRow, CronGap, HostRow, RecentRun, Run, RunnerRow, RunningRow
from taskrunner.store import Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from taskrunner.db import Row
    from taskrunner.records import Reply
    from taskrunner.store.imports import BriefRun, Lengths, TaskRun

END_OF_TIME = 1e15
"""Epoch seconds after every moment."""

PAGE = 5000
"""Rows fetched at once where all are wanted, so that memory does not grow with the table."""

PAGE_WITH_OUTPUT = 200
"""The same where each may have a megabyte of output."""


class LogFilter(NamedTuple):
    """Which kept runs to list; a field left alone filters nothing.

    `names`: of one of these tasks. `before`: the id of a run, after which the list continues: no newer one.
    """

    names: tuple[str, ...] = ()
    type: str = ""
    plugin: str = ""
    user: str = ""
    hostname: str = ""
    adhoc_id: int = 0
    failed_only: bool = False
    since: float = -END_OF_TIME
    until: float = END_OF_TIME
    outcome: str = ""
    min_duration: float = -END_OF_TIME
    max_duration: float = END_OF_TIME
    grep: str = ""
    before: str = ""
    limit: int = 50


class Log(Table):
    """The kept runs."""

    def add(self, run: Run) -> None:
        """Keep a run."""
        self._statements.send("add", **run._asdict())

    def add_for_task(self, run: Run) -> Reply[bool]:
        """Keep a run if its adhoc task is still its own; the reply says whether it was."""
        return self._statements.send("add_for_task", **run._asdict()).then(bool)

    def add_many(self, runs: Sequence[Run]) -> None:
        """Keep runs, in a transaction."""
        self._statements.insert("task_log", Run._fields, runs)

    def find(self, prefix: str) -> list[Run]:
        """Return the kept runs whose id begins with `prefix`, at most two."""
        return [Run(**row) for row in self._statements.rows("find", first=prefix, last=f"{prefix}~")]

    def find_by_suffix(self, suffix: str) -> list[str]:
        """Return the ids of the kept runs that end with `suffix`, letters and digits, at most two."""
        return [row["run_id"] for row in self._statements.rows("find_by_suffix", suffix=f"%{suffix}")]

    def names(self) -> list[str]:
        """Return the names of the tasks that have kept runs."""
        return [row["name"] for row in self._statements.rows("names")]

    def recent(self, names: Sequence[str], *, count: int) -> dict[str, list[RecentRun]]:
        """Return the newest runs of each of some tasks, at most `count`, oldest first."""
        rows = self._statements.rows("recent", names=json.dumps(names), count=count) if names else []
        found: dict[str, list[RecentRun]] = {name: [] for name in names}
        for run in sorted((RecentRun(**row) for row in rows), key=lambda run: run.started_at):
            found[run.name].append(run)
        return found

    def crashed(self, *, since: float, until: float, name: str) -> Iterator[TaskRun]:
        """Yield the runs that started in a time and crashed, oldest first; `name` "": of all tasks."""
        from taskrunner.store.imports import TaskRun, rows_of  # late, as below: few commands count runs

        page = lambda **asked: self._statements.rows("crashed", name=name, **asked)  # noqa: E731
        yield from (TaskRun(**row) for row in rows_of(page, since, until))

    def brief(self, *, since: float, until: float, name: str) -> Iterator[BriefRun]:
        """Yield what counting the runs takes that started in a time, oldest first."""
        from taskrunner.store.imports import BriefRun, rows_of

        page = lambda **asked: self._statements.rows("brief", name=name, **asked)  # noqa: E731
        yield from (BriefRun(*row.values()) for row in rows_of(page, since, until))

    def lengths(self, *, since: float, until: float, name: str) -> Iterator[Lengths]:
        """Yield how long the runs took that started in a time, in pieces."""
        from taskrunner.store.imports import lengths_of

        time = {"since": since, "until": until}
        bounds = self._statements.row("bounds", **time)
        return lengths_of(lambda **ids: self._statements.rows("lengths", name=name, **time, **ids), bounds)

    def rename(self, old: str, new: str, *, plugin: str) -> None:
        """Let the kept runs of a task be those of another name. Call it in a transaction."""
        self._statements.rows("rename", old=old, new=new, plugin=plugin)
        self._statements.rows("rename_removed", old=old, new=new)
        self._statements.rows("forget_removed", name=old)

    def explain(self, run_id: str, message: str) -> bool:
        """Note why a kept run was ended from outside; return whether there is such a run."""
        return self._statements.row("explain", run_id=run_id, message=message) is not None

    def count_crashes(self, since: float) -> int:
        """Return how many runs crashed that started since a moment."""
        (row,) = self._statements.rows("crashes", since=since)
        crashes: int = row["crashes"]
        return crashes

    def count(self, name: str, *, since: float, until: float = END_OF_TIME) -> tuple[int, int]:
        """Return how often a task ran and how often it failed, of the runs that started in a time."""
        (total,) = self._statements.rows("totals", name=name, since=since, until=until)
        (failed,) = self._statements.rows("failures", name=name, since=since, until=until)
        return total["runs"], failed["failures"]

    def cleanup(self, name: str, *, before: float, keep_runs: int, limit: int) -> int:
        """Delete up to `limit` runs of a task that started before a moment; the newest `keep_runs` stay.

        Returns how many went; fewer than `limit`: there are no more. Call it in a transaction: what goes is
        counted.
        """
        newest = self._statements.row("newest_kept", name=name, runs=keep_runs)
        if newest is None:
            return 0
        gone = self._statements.rows("cleanup", name=name, before=before, limit=limit, **newest)
        for outcome in sorted({row["outcome"] for row in gone}):
            runs = sum(row["outcome"] == outcome for row in gone)
            self._statements.rows("add_removed", name=name, outcome=outcome, runs=runs)
        return len(gone)

    def counts(self) -> dict[str, dict[str, int]]:
        """Return how many runs each task ever had, by name and outcome, kept or not."""
        found: dict[str, dict[str, int]] = {}
        for row in self._statements.rows("counts"):
            of_task = found.setdefault(row["name"], {"ok": 0})
            outcome = row["outcome"] or "ok"
            of_task[outcome] = of_task.get(outcome, 0) + row["runs"]
            if row["outcome"] and not row["removed"]:  # it is one of all that are kept, and did not succeed
                of_task["ok"] -= row["runs"]
        return found

    def oldest_first(self, *, name: str = "", since: float, until: float) -> Iterator[Run]:
        """Yield kept runs with their output, oldest first, of a task or of all, a page at a time."""
        after, after_id = since, 0
        while True:
            rows = self._statements.rows(
                "export", after=after, after_id=after_id, until=until, name=name, limit=PAGE_WITH_OUTPUT
            )
            for row in rows:
                after, after_id = row["started_at"], row.pop("id")
                yield Run(**row)
            if len(rows) < PAGE_WITH_OUTPUT:
                return

    def list(self, wanted: LogFilter) -> list[Run]:
        """Return kept runs without their output, newest first, at most `wanted.limit`."""
        end = (wanted.until, -1)
        if wanted.before:
            place = self._statements.row("place", run_id=wanted.before)
            if place is None:
                return []
            end = min(end, (place["started_at"], place["id"]))
        lists = [self._list(wanted, name, end) for name in wanted.names or ("",)]
        newest_first = sorted((row for rows in lists for row in rows), key=_place, reverse=True)
        return [_run(row) for row in newest_first[: wanted.limit]]

    def _list(self, wanted: LogFilter, name: str, end: tuple[float, int]) -> Sequence[Row]:
        """Return runs of one task, or of all for "": each is one way along one index, whatever is wanted."""
        verb = "list_named" if name else "list"
        if wanted.failed_only or wanted.outcome in FAILURES:
            verb = "list_failed_named" if name else "list_failed"
        named = {"name": name} if name else {}
        return self._statements.rows(
            verb,
            **named,
            since=wanted.since,
            until=end[0],
            until_id=end[1],
            type=wanted.type,
            plugin=wanted.plugin,
            user=wanted.user,
            hostname=wanted.hostname,
            adhoc_id=wanted.adhoc_id,
            outcome=wanted.outcome,
            min_duration=wanted.min_duration,
            max_duration=wanted.max_duration,
            grep=like_pattern(wanted.grep),
            limit=wanted.limit,
        )


def _place(row: Row) -> tuple[float, int]:
    return row["started_at"], row["id"]


def _run(row: Row) -> Run:
    return Run(*[row[name] for name in Run._fields])


def like_pattern(text: str) -> str:
    r"""Return the SQL pattern that finds a text anywhere, "" for "".

    >>> like_pattern("50%_x")
    '%50\\%\\_x%'
    """
    if not text:
        return ""
    for special in ("\\", "%", "_"):
        text = text.replace(special, f"\\{special}")
    return f"%{text}%"


class Audit(Table):
    """Rows of changes."""

    def add(self, row: AuditRow) -> None:
        """Keep a change. Call it in the transaction that makes the change."""
        self._statements.rows("add", **row._asdict())

    def list(self, *, since: float, limit: int, target: str = "", passed: int = 0) -> list[AuditRow]:
        """Return the changes since a moment, the latest first, at most `limit`; of one object or of all.

        `passed`: how many of them to leave out.
        """
        rows = self._statements.rows("list", since=since, target=target, limit=limit, passed=passed)
        return [AuditRow(**row) for row in rows]


def usual_duration(runs: Sequence[Run] | Sequence[RecentRun]) -> float | None:
    """Return the median seconds of the successful runs, or None if there are none."""
    durations = sorted(run.ended_at - run.started_at for run in runs if run.outcome == "ok")
    if not durations:
        return None
    # not that of statistics: importing it takes longer than all of `taskrun list`'s own modules
    middle = len(durations) // 2
    return durations[middle] if len(durations) % 2 else (durations[middle - 1] + durations[middle]) / 2


class Runners(Table):
    """Rows of processes at work; a row whose process died is left for recovery."""

    def add(
        self,
        runner_id: str,
        *,
        hostname: str,
        pid: int,
        started_at: float,
        command: str,
        log_file: str | None,
    ) -> None:
        """Note that a process begins to run tasks."""
        self._statements.rows(
            "add",
            id=runner_id,
            hostname=hostname,
            pid=pid,
            started_at=started_at,
            command=command,
            log_file=log_file,
        )

    def begin(self, runner_id: str, run_id: str, *, name: str, started_at: float) -> None:
        """Note that a process begins the run of a task that was not queued."""
        self._statements.rows("begin", id=runner_id, run_id=run_id, name=name, started_at=started_at)

    def remove(self, runner_id: str) -> None:
        """Note that a process runs no tasks any more."""
        self._statements.rows("remove", id=runner_id)

    def running(self) -> list[RunningRow]:
        """Return the runs under way, the longest first; not what waits behind one it was claimed with."""
        return [row for row in self._claimed() if not row.behind]

    def claimed(self, runner_id: str) -> list[RunningRow]:
        """Return all runs that a process has claimed, also those that wait behind another one."""
        return [row for row in self._claimed() if row.runner_id == runner_id]

    def _claimed(self) -> list[RunningRow]:
        return [RunningRow(**row) for row in self._statements.rows("running")]

    def progress(
        self, runner_id: str, run_id: str, *, now: float, done: float, total: float, text: str
    ) -> None:
        """Note how far a process's running task has come."""
        self._statements.rows(
            "progress", id=runner_id, run_id=run_id, now=now, done=done, total=total, text=text
        )

    def list(self) -> list[RunnerRow]:
        """Return the processes at work, and those that died at it."""
        return [RunnerRow(**row) for row in self._statements.rows("list")]


LONGEST_UNKEPT = 300.0
"""Seconds between two starts of crons on a host; when it was longer is kept."""


class Hosts(Table):
    """Rows of hosts; kept where several may work with the database."""

    def beat(self, hostname: str, now: float) -> int:
        """Note that a cron starts on a host; return how many that makes."""
        [row] = self._statements.rows("beat", hostname=hostname, now=now)
        return int(row["crons"])

    def count_on(self, hostname: str, crons: int, now: float) -> None:
        """Count the crons of a host from a higher number on."""
        self._statements.rows("count_on", hostname=hostname, crons=crons, now=now)

    def note_gap(self, hostname: str, began_at: float, ended_at: float) -> None:
        """Keep that no cron started on a host between two moments."""
        self._statements.rows("note_gap", hostname=hostname, began_at=began_at, ended_at=ended_at)

    def gaps(self, *, since: float, until: float) -> list[CronGap]:
        """Return when no cron started, as far as it reaches into a time, in the order of the ends."""
        return [CronGap(**row) for row in self._statements.rows("gaps", since=since, until=until)]

    def cleanup(self, before: float, *, gaps_before: float) -> list[str]:
        """Forget hosts that have started no cron since a moment, and old gaps; return the hosts' names."""
        self._statements.rows("forget_gaps", before=gaps_before)
        return [row["hostname"] for row in self._statements.rows("cleanup", before=before)]

    def list(self) -> list[HostRow]:
        """Return the hosts, by name."""
        return [HostRow(**row) for row in self._statements.rows("list")]
