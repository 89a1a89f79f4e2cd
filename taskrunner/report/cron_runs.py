"""The cron processes of one file, in the order of their headers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from taskrunner.report_records import CronRun

if TYPE_CHECKING:
    from taskrunner.report.clock import LogClock

MOST_LOST = 1000
"""Processes kept in mind whose end was not seen."""


@dataclass(slots=True)
class RunDraft:
    """What is known so far of one process.

    `is_guess`: nothing but unknown text was seen of it, so its header may still come. `goes_on`: it said
    that it will look for tasks again.
    """

    number: int
    line: int
    started_at: float
    time_source: str
    hostname: str
    pid: int | None
    is_guess: bool = False
    state: str = ""
    goes_on: bool = False
    ended_at: float | None = None
    last_line: str = ""

    def as_row(self, state: str = "", ended_at: float = 0.0) -> CronRun:
        """Return the process; `state` and `ended_at` of one that did not say how it ended."""
        known = ended_at if self.ended_at is None else self.ended_at
        return CronRun(
            number=self.number,
            line=self.line,
            started_at=self.started_at,
            ended_at=max(self.started_at, known),
            state=self.state or state,
            time_source=self.time_source,
            hostname=self.hostname,
            pid=self.pid,
            last_line=self.last_line,
        )


class CronRuns:
    """The process at work, and those before it whose end was not seen; `ready` holds what is settled."""

    def __init__(self, clock: LogClock) -> None:
        self._clock = clock
        self._count = 0
        self._run: RunDraft | None = None
        self._completing: RunDraft | None = None
        self._lost: list[RunDraft] = []
        self.ready: list[CronRun] = []

    @property
    def has_begun(self) -> bool:
        """Whether a process is at work."""
        return self._run is not None

    def begin(self, line: int, *, hostname: str, pid: int | None, is_guess: bool) -> RunDraft:
        """Begin a process."""
        self._count += 1
        now, source = self._clock.now, self._clock.source
        self._run = RunDraft(self._count, line, now, source, hostname, pid, is_guess)
        return self._run

    def head(self, line: int, *, hostname: str, pid: int | None, last_line: str) -> None:
        """Begin a process with its header, unless the text before was its own already."""
        if self._run is not None and self._run.is_guess:
            self._run.is_guess, self._run.line = False, line
            self._run.started_at, self._run.time_source = self._clock.now, self._clock.source
            return
        self._leave(last_line)
        self.begin(line, hostname=hostname, pid=pid, is_guess=False)

    def current(self, line: int, *, hostname: str, pid: int | None) -> RunDraft:
        """Return the process at work; one without a header begins here."""
        run = self._run or self.begin(line, hostname=hostname, pid=pid, is_guess=False)
        run.is_guess = False
        return run

    def say_correct(self) -> None:
        """Take the line that says that a process is done."""
        self._completing = self._choose_completing()
        self._completing.state, self._completing.ended_at = "completed", self._clock.now

    def complete(self, text: str) -> None:
        """Take the line that says when it was."""
        run, self._completing = self._completing or self._choose_completing(), None
        run.state, run.ended_at = "completed", self._clock.read_time(text)
        run.goes_on = "Continuing to check" in text

    def finish(self, state: str, ended_at: float, *, last_line: str) -> list[CronRun]:
        """Return the rest at the end of the file, the last process as `state` if it did not say."""
        if self._run is not None:
            self._run.last_line = last_line
            self.ready.append(self._run.as_row(state, ended_at))
        self.ready += [run.as_row("truncated") for run in self._lost]
        self._run, self._lost = None, []
        return self.ready

    def _leave(self, last_line: str) -> None:
        """Give away the process that another one follows, unless its end may still come in a mixed file."""
        if self._run is None:
            return
        self._run.last_line = last_line
        if self._run.state:
            self.ready.append(self._run.as_row())
        else:
            self._run.ended_at = self._clock.now
            self._lost.append(self._run)
        if len(self._lost) > MOST_LOST:
            self.ready.append(self._lost.pop(0).as_row("truncated"))

    def _choose_completing(self) -> RunDraft:
        """Return the process at work or, if that is done already, the newest whose end was not seen."""
        run = self._run
        assert run is not None  # noqa: S101  (the parser has asked for `current` before)
        if run.state and not run.goes_on and self._lost:
            self.ready.append(run.as_row())
            self._run = self._lost.pop()
            return self._run
        return run
