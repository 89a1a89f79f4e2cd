"""Log files in Moodle's shapes, written by tests that know what is in them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING

from taskrunner.report.clock import LogClock
from taskrunner.report.parse import Parser
from taskrunner.store.imports import CronRun, TaskRun

if TYPE_CHECKING:
    from datetime import tzinfo

START = datetime(2026, 11, 20, 13, 57, 1, tzinfo=UTC).timestamp()
"""When the process of a test begins, unless the test says otherwise."""


def moment(text: str) -> float:
    """Return the epoch seconds of an ISO time, UTC unless it says otherwise."""
    read = datetime.fromisoformat(text)
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()


@dataclass
class Log:
    """The lines of one cron process, in the order in which it writes them."""

    at: float = START
    zone: tzinfo = UTC
    lines: list[str] = field(default_factory=list)

    def head(self) -> Log:
        self.lines += [f"Server Time: {format_datetime(self._local)}", "", ""]
        return self

    @property
    def _local(self) -> datetime:
        return datetime.fromtimestamp(self.at, self.zone)

    def start(self, text: str, *, adhoc_id: int | None = None) -> Log:
        kind = "scheduled" if adhoc_id is None else "adhoc"
        self.lines.append(f"Execute {kind} task: {text}")
        if adhoc_id is not None:
            self.lines += [f"Adhoc task id: {adhoc_id}", "Adhoc task custom data: {}"]
        self.lines.append(f"... started {self._local:%H:%M:%S}. Current memory use 14.8 MB.")
        return self

    def say(self, *lines: str) -> Log:
        self.lines += lines
        return self

    def used(self, seconds: float) -> Log:
        self.at += seconds
        self.lines += ["... used 27 dbqueries", f"... used {seconds!r} seconds"]
        return self

    def ok(self, text: str, seconds: float = 1.0, *, adhoc_id: int | None = None) -> Log:
        kind = "Scheduled" if adhoc_id is None else "Adhoc"
        return self.start(text, adhoc_id=adhoc_id).used(seconds).say(f"{kind} task complete: {text}")

    def failed(
        self, text: str, message: str = "disk is full", seconds: float = 1.0, *, adhoc_id: int | None = None
    ) -> Log:
        kind = "Scheduled" if adhoc_id is None else "Adhoc"
        return self.start(text, adhoc_id=adhoc_id).used(seconds).say(f"{kind} task failed: {text},{message}")

    def end(self) -> Log:
        self.lines += [
            "Cron run completed correctly",
            f"Cron completed at {self._local:%H:%M:%S} in 2.5 seconds. Memory used: 36.9 MB.",
        ]
        return self

    def data(self) -> bytes:
        return "".join(f"{line}\n" for line in self.lines).encode("utf-8", "surrogateescape")


@dataclass(frozen=True)
class Told:
    """What a parser made of a text."""

    runs: list[CronRun]
    tasks: list[TaskRun]

    def outcomes(self) -> list[tuple[str, str]]:
        return [(task.name, task.outcome) for task in sorted(self.tasks, key=lambda task: task.line)]

    def states(self) -> list[str]:
        return [run.state for run in sorted(self.runs, key=lambda run: run.number)]


def parse(
    text: bytes | Log,
    *,
    zone: tzinfo = UTC,
    begins_at: float = START,
    changed_at: float = 0.0,
    lives: bool = False,
) -> Told:
    """Parse a whole text as one file."""
    data = text.data() if isinstance(text, Log) else text
    clock = LogClock(zone, begins_at=begins_at, source="file name", changed_at=changed_at)
    parser = Parser(clock, changed_at=changed_at)
    for line in _lines(data):
        parser.feed(line)
    parser.finish(lives=lives)
    rows = parser.take()
    return Told(
        [row for row in rows if isinstance(row, CronRun)], [row for row in rows if isinstance(row, TaskRun)]
    )


def _lines(data: bytes) -> list[bytes]:
    """Return lines that end with a line feed only, as files are read."""
    pieces = data.split(b"\n")
    return [piece + b"\n" for piece in pieces[:-1]] + ([pieces[-1]] if pieces[-1] else [])
