"""Reports from log files and from the log table.

A log file is read by `files` (its text), `formats` (what stands around a line), `lines` (shapes of lines),
`parse` (with `clock` and `drafts`), and kept by `ingest`. Each report is a module that makes frozen
results of an iterable of runs, wherever these come from. `bars` draws for a terminal; `html`, `svg` and
`markup` make the page.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from taskrunner.report.lines import kind_of_end, message_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from taskrunner.records import CronRun, TaskRun
    from taskrunner.store import Store

LAST_LINES = 5


class Source(Protocol):
    """A source of runs, within a time and for one task or all."""

    def tasks(self) -> Iterator[TaskRun]:
        """Yield the runs of tasks, oldest first."""

    def runs(self) -> Iterator[CronRun]:
        """Yield the cron processes, oldest first; none where nothing is known of them."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which runs: those that started in a time; `name` "": of all tasks."""

    since: float
    until: float
    name: str = ""


@dataclass(frozen=True, slots=True)
class LogTable:
    """The runs that taskrunner's own log keeps."""

    store: Store
    wanted: Wanted

    def tasks(self) -> Iterator[TaskRun]:
        """Yield the runs; of a failed one the key of its message is made here, its last lines are cut."""
        wanted = self.wanted
        for run in self.store.log.all(since=wanted.since, until=wanted.until, name=wanted.name):
            yield _explained(run) if run.message or run.last_lines else run

    def runs(self) -> Iterator[CronRun]:
        """Yield nothing: the log table has the runs of tasks only."""
        return iter(())


@dataclass(frozen=True, slots=True)
class LogFiles:
    """What log files told when they were imported."""

    store: Store
    wanted: Wanted

    def tasks(self) -> Iterator[TaskRun]:
        """Yield the runs that log files told of."""
        wanted = self.wanted
        return self.store.reports.tasks(since=wanted.since, until=wanted.until, name=wanted.name)

    def runs(self) -> Iterator[CronRun]:
        """Yield the cron processes that log files told of."""
        return self.store.reports.runs(since=self.wanted.since, until=self.wanted.until)


def _explained(run: TaskRun) -> TaskRun:
    last = [line[:400] for line in run.last_lines.rstrip().splitlines()[-LAST_LINES:]]
    fatal = next((kind for line in reversed(last) if (kind := kind_of_end(line))), "")
    return replace(run, message_key=message_key(run.message), last_lines="\n".join(last), fatal=fatal)
