"""What is known so far of the cron processes and of the runs in a log file that is being read."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from taskrunner.records import CronRun, TaskRun
from taskrunner.report.lines import kind_of_end, message_key, parse_count, parse_seconds, parse_size

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


class LostTasks:
    """The runs of one file that look crashed so far."""

    def __init__(self) -> None:
        self._drafts: list[TaskDraft] = []

    def add(self, draft: TaskDraft) -> list[TaskRun]:
        """Keep one more in mind; return those that are given up for it."""
        self._drafts.append(draft)
        return [self._drafts.pop(0).as_row("crashed")] if len(self._drafts) > MOST_LOST else []

    def date(self, moment: float) -> None:
        """Note the first moment that is known after tasks were lost: they had ended by then."""
        for draft in reversed(self._drafts):
            if draft.ended_at is not None:
                return
            draft.ended_at = moment

    def find(self, outcome: str, text: str, *, now: float) -> TaskRun | None:
        """Return the newest run that a closing line can be about, closed by it; None: there is none."""
        for draft in reversed(self._drafts):
            rest = draft.rest_of(text, outcome)
            if rest is not None:
                self._drafts.remove(draft)
                draft.close(outcome, rest, now=now)
                draft.confidence = "low"
                return draft.as_row()
        return None

    def give_up(self) -> list[TaskRun]:
        """Return all of them: no line comes any more, they crashed."""
        drafts, self._drafts = self._drafts, []
        return [draft.as_row("crashed") for draft in drafts]


LONGEST_MESSAGE = 8192
LONGEST_NAME = 500
SHOWN_LINES = 5
LONGEST_SHOWN_LINE = 400
LAST_PARENTHESIS = re.compile(r" \(([^()\s]{1,300})\)$")


@dataclass(slots=True)
class TaskDraft:
    """What is known so far; `text` is what its closing line has to repeat."""

    type: str
    text: str
    line: int
    run_number: int
    started_at: float
    time_source: str
    hostname: str
    pid: int | None
    has_begun: bool = False
    ended_at: float | None = None
    outcome: str = ""
    confidence: str = "high"
    adhoc_id: int | None = None
    run_id: str = ""
    message: list[str] = field(default_factory=list)
    seconds: float | None = None
    db_queries: int | None = None
    memory_start: int | None = None
    memory_peak: int | None = None
    fatal_line: str = ""
    tail: deque[bytes] = field(default_factory=lambda: deque(maxlen=SHOWN_LINES))

    def begin(self, moment: float, text: str) -> None:
        """Take the line that says when it started; what came before belongs to its custom data."""
        self.has_begun, self.started_at = True, moment
        self.memory_start = parse_size(text.partition("memory use ")[2].rstrip("."))
        self.tail.clear()

    def note_usage(self, text: str) -> None:
        """Take what is said to have been used: the last one that is said counts."""
        amount, _, unit = text.partition(" ")
        if unit == "dbqueries":
            self.db_queries = parse_count(amount)
        elif unit == "seconds":
            self.seconds = parse_seconds(amount)
        elif text.endswith(" peak memory"):
            self.memory_peak = parse_size(text.removesuffix(" peak memory"))

    def add_message(self, line: str) -> None:
        """Take one more line of its message, unless that is long enough."""
        room = LONGEST_MESSAGE - sum(len(part) + 1 for part in self.message)
        if room > 0:
            self.message.append(line[:room])

    def rest_of(self, text: str, outcome: str) -> str | None:
        """Return what a closing line says beyond this task's text; None: it is about another one."""
        if outcome == "ok":
            return "" if text == self.text else None
        if outcome == "failed":
            return text[len(self.text) + 1 :] if text.startswith(f"{self.text},") else None
        return text[len(self.text) :].lstrip(", ") if text.startswith(self.text) else None

    def close(self, outcome: str, rest: str, *, now: float) -> None:
        """Take the closing line."""
        self.outcome = outcome
        if outcome != "crashed":
            self.fatal_line = ""
        self.ended_at = now if self.seconds is None else self.started_at + self.seconds
        if rest:
            self.add_message(rest)

    def as_row(self, outcome: str = "") -> TaskRun:
        """Return the run; `outcome` of one that no line closed. Its usage counts only if one did."""
        name, title = split_name(self.text)
        message = "\n".join(self.message).strip()
        is_closed = bool(self.outcome)
        ended_at = self.started_at if self.ended_at is None else max(self.started_at, self.ended_at)
        return TaskRun(
            type=self.type,
            name=name,
            title=title,
            adhoc_id=self.adhoc_id,
            run_id=self.run_id,
            started_at=self.started_at,
            ended_at=ended_at,
            outcome=self.outcome or outcome,
            message=message if is_closed else self.fatal_line,
            message_key=message_key(message if is_closed else self.fatal_line),
            confidence=self.confidence,
            time_source=self.time_source,
            hostname=self.hostname,
            pid=self.pid,
            db_queries=self.db_queries if is_closed else None,
            memory_start=self.memory_start,
            memory_peak=self.memory_peak if is_closed else None,
            fatal="" if is_closed else kind_of_end(self.fatal_line),
            last_lines="" if is_closed else "\n".join(shown(line) for line in self.tail),
            line=self.line,
            run_number=self.run_number,
        )


def split_name(text: str) -> tuple[str, str]:
    r"""Return (class, name shown) of a start line: the class is the last parenthesis, if that holds one.

    >>> split_name("Tâche (a, b) (core\\task\\x)")
    ('core\\task\\x', 'Tâche (a, b)')
    >>> split_name("backup.CourseBackup"), split_name("Sweep (weekly)")
    (('backup.CourseBackup', 'backup.CourseBackup'), ('Sweep (weekly)', 'Sweep (weekly)'))
    """
    found = LAST_PARENTHESIS.search(text[-LONGEST_NAME:])
    if found and ("\\" in found[1] or "." in found[1] or "_" in found[1]):
        return found[1], text[: -len(found[0])][:LONGEST_NAME]
    return text[:LONGEST_NAME], text[:LONGEST_NAME]


def shown(line: bytes) -> str:
    """Return a line as text that a database can hold, not too long; bytes that are no text are escaped."""
    return as_text(line[:LONGEST_SHOWN_LINE])


def as_text(line: bytes) -> str:
    """Return a line as text that a database can hold; bytes that are no text are escaped."""
    return line.decode("utf-8", "backslashreplace").replace("\0", "\ufffd")
