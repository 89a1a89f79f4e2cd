"""What log files told: the files that were read, the cron processes and the runs in them."""

from __future__ import annotations

from dataclasses import asdict, fields
from operator import attrgetter
from typing import TYPE_CHECKING

from taskrunner.records import CronRun, ReportFile, TaskRun
from taskrunner.store import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


PAGE = 5000
"""Rows fetched at once, so that memory does not grow with the table."""

TASK_COLUMNS = tuple(field.name for field in fields(TaskRun) if field.name not in ("id", "path"))
GET_COLUMNS = attrgetter(*TASK_COLUMNS)


class Reports(Table):
    """Log files that were read."""

    def find_files(self, *, first_line: str, path: str) -> list[ReportFile]:
        """Return the files that a file with this first line and path may be, the longest first."""
        rows = self._statements.rows("find_files", first_line=first_line, path=path)
        return [ReportFile(**row) for row in rows]

    def add_file(self, file: ReportFile) -> int:
        """Note that a file is being read, and return its id; it is not settled yet."""
        noted = asdict(file)
        del noted["id"], noted["settled"]
        return int(self._statements.rows("add_file", **noted)[0]["id"])

    def settle_file(self, file_id: int, *, settled: int) -> None:
        """Note that a file was read to its end; `settled` 0: it has to be read again."""
        self._statements.rows("settle_file", id=file_id, settled=settled)

    def remove_file(self, file_id: int) -> None:
        """Forget a file and all that it told."""
        self._statements.rows("remove_runs", file_id=file_id)
        self._statements.rows("remove_tasks", file_id=file_id)
        self._statements.rows("remove_file", id=file_id)

    def add(self, file_id: int, rows: Iterable[CronRun | TaskRun]) -> None:
        """Keep what a file told."""
        for row in rows:
            if isinstance(row, TaskRun):
                values = dict(zip(TASK_COLUMNS, GET_COLUMNS(row), strict=True))
                self._statements.rows("add_task", file_id=file_id, **values)
            else:
                values = asdict(row)
                del values["path"]
                self._statements.rows("add_run", file_id=file_id, **values)

    def outcomes(self, file_id: int) -> dict[str, int]:
        """Return how many runs of a file ended in which way."""
        rows = self._statements.rows("totals", file_id=file_id)
        return {row["outcome"]: row["number"] for row in rows}

    def states(self, file_id: int) -> dict[str, int]:
        """Return how many cron processes of a file ended in which way."""
        rows = self._statements.rows("states", file_id=file_id)
        return {row["state"]: row["number"] for row in rows}

    def names(self) -> list[str]:
        """Return the names of the tasks that log files told of."""
        return [row["name"] for row in self._statements.rows("names")]

    def tasks(self, *, since: float, until: float, name: str) -> Iterator[TaskRun]:
        """Yield the runs that started in a time, oldest first; `name` "": of all tasks."""
        after, after_id = since, -1
        while rows := self._statements.rows(
            "tasks", after=after, after_id=after_id, until=until, name=name, limit=PAGE
        ):
            yield from (TaskRun(**row) for row in rows)
            after, after_id = rows[-1]["started_at"], rows[-1]["id"]

    def runs(self, *, since: float, until: float) -> Iterator[CronRun]:
        """Yield the cron processes that started in a time, oldest first."""
        after, after_id = since, -1
        while rows := self._statements.rows("runs", after=after, after_id=after_id, until=until, limit=PAGE):
            after, after_id = rows[-1]["started_at"], rows[-1]["id"]
            yield from (CronRun(**{key: row[key] for key in row if key != "id"}) for row in rows)
