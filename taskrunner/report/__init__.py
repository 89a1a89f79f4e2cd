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
from taskrunner.store.imports import BriefRun

if TYPE_CHECKING:
    from collections.abc import Iterator

    from taskrunner.store import Store
    from taskrunner.store.imports import CronRun, Lengths, TaskRun

LAST_LINES = 5


class Source(Protocol):
    """A source of runs, within a time and for one task or all."""

    @property
    def wanted(self) -> Wanted:
        """Which runs."""

    def tasks(self) -> Iterator[BriefRun]:
        """Yield the runs of tasks, oldest first."""

    def lengths(self) -> Iterator[Lengths]:
        """Yield how long the runs took, in pieces and in no order."""

    def crashed(self) -> Iterator[TaskRun]:
        """Yield the runs that crashed, oldest first, with the last lines of each."""

    def runs(self) -> Iterator[CronRun]:
        """Yield the cron processes, oldest first; none where nothing is known of them."""

    def foreign_runs(self) -> Iterator[CronRun]:
        """Yield those of them that are not taskrunner's own, whose idle minutes leave no trace."""

    def within(self, since: float, until: float) -> Source:
        """Return the same source for another time."""


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

    def tasks(self) -> Iterator[BriefRun]:
        """Yield the runs; the key of a failed one's message is made here."""
        wanted = self.wanted
        for run in self.store.log.brief(since=wanted.since, until=wanted.until, name=wanted.name):
            yield run._replace(message_key=message_key(run.message)) if run.message else run

    def lengths(self) -> Iterator[Lengths]:
        """Yield how long the runs took."""
        wanted = self.wanted
        return self.store.log.lengths(since=wanted.since, until=wanted.until, name=wanted.name)

    def crashed(self) -> Iterator[TaskRun]:
        """Yield the runs that crashed."""
        wanted = self.wanted
        for run in self.store.log.crashed(since=wanted.since, until=wanted.until, name=wanted.name):
            yield _explained(run)

    def runs(self) -> Iterator[CronRun]:
        """Yield nothing: the log table has the runs of tasks only."""
        return iter(())

    def foreign_runs(self) -> Iterator[CronRun]:
        """Yield nothing."""
        return iter(())

    def within(self, since: float, until: float) -> LogTable:
        """Return the runs of another time."""
        return replace(self, wanted=replace(self.wanted, since=since, until=until))


@dataclass(frozen=True, slots=True)
class LogFiles:
    """What was found in log files when they were imported."""

    store: Store
    wanted: Wanted

    def tasks(self) -> Iterator[BriefRun]:
        """Yield the runs that were found in log files."""
        wanted = self.wanted
        return self.store.reports.brief(since=wanted.since, until=wanted.until, name=wanted.name)

    def lengths(self) -> Iterator[Lengths]:
        """Yield how long they took."""
        wanted = self.wanted
        return self.store.reports.lengths(since=wanted.since, until=wanted.until, name=wanted.name)

    def crashed(self) -> Iterator[TaskRun]:
        """Yield those that crashed."""
        wanted = self.wanted
        return self.store.reports.crashed(since=wanted.since, until=wanted.until, name=wanted.name)

    def runs(self) -> Iterator[CronRun]:
        """Yield the cron processes that were found in log files."""
        return self.store.reports.runs(since=self.wanted.since, until=self.wanted.until)

    def foreign_runs(self) -> Iterator[CronRun]:
        """Yield those of them that are not taskrunner's own."""
        return self.store.reports.foreign_runs(since=self.wanted.since, until=self.wanted.until)

    def within(self, since: float, until: float) -> LogFiles:
        """Return the runs of another time."""
        return replace(self, wanted=replace(self.wanted, since=since, until=until))


def _explained(run: TaskRun) -> TaskRun:
    last = [line[:400] for line in run.last_lines.rstrip().splitlines()[-LAST_LINES:]]
    fatal = next((kind for line in reversed(last) if (kind := kind_of_end(line))), "")
    return run._replace(message_key=message_key(run.message), last_lines="\n".join(last), fatal=fatal)
