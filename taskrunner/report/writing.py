"""What files tell, written in transactions of some thousand rows: quick, and never long in cron's way."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from taskrunner.report_records import CronRun, ReportFile, TaskRun
    from taskrunner.store import Store

ROWS_AT_ONCE = 5000
FILES_AT_ONCE = 500


class Writer:
    """Keeps rows of one file after the other. A file stays unsettled until all of it is written."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._steps: list[Callable[[], None]] = []
        self._rows = 0
        self._first_lines: set[str] = set()
        self._file_id = 0

    def begin(self, file: ReportFile, *, replaces: list[int]) -> None:
        """Begin a file, in the place of what was read of it before."""
        self._first_lines.add(file.first_line)
        self._steps.append(lambda: self._begin(file, replaces))

    def add(self, rows: list[CronRun | TaskRun]) -> None:
        """Keep rows of the file begun last."""
        if rows:
            self._rows += len(rows)
            self._steps.append(lambda: self._store.reports.add(self._file_id, rows))
        if self._rows > ROWS_AT_ONCE:
            self.flush()

    def end(self, *, settled: int) -> None:
        """End the file begun last."""
        self._steps.append(lambda: self._store.reports.settle_file(self._file_id, settled=settled))
        if len(self._first_lines) > FILES_AT_ONCE:
            self.flush()

    def flush_if_it_has(self, first_line: str) -> None:
        """Write now, if a file with this first line is among what is not written yet."""
        if first_line in self._first_lines:
            self.flush()

    def flush(self) -> None:
        """Write what is not written yet."""
        if self._steps:
            with self._store.transaction():
                for step in self._steps:
                    step()
        self._steps, self._rows, self._first_lines = [], 0, set()

    def _begin(self, file: ReportFile, replaces: list[int]) -> None:
        for file_id in replaces:
            self._store.reports.remove_file(file_id)
        self._file_id = self._store.reports.add_file(file)
