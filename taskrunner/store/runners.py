"""The processes that run tasks, and the runs under way."""

from __future__ import annotations

from taskrunner.records import CronGap, HostRow, RunnerRow, RunningRow
from taskrunner.store import Table


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
