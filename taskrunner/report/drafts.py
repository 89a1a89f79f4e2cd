"""What is known so far of the cron processes and of the runs in a log file that is being read."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from taskrunner.report import kind_of_end, message_key, parse_count, parse_seconds, parse_size
from taskrunner.store.imports import CronRun, TaskRun

if TYPE_CHECKING:
    from taskrunner.report.clock import LogClock

MOST_LOST = 1000
"""Processes kept in mind whose end was not seen."""


@dataclass(slots=True)
class RunDraft:
    """What is known so far of one process.

    `has_header`: a line said when it began; one without may be a task that was run by hand. `goes_on`: it
    said that it will look for tasks again.
    """

    number: int
    line: int
    started_at: float
    time_source: str
    hostname: str
    pid: int | None
    has_header: bool = False
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
        self._run: RunDraft | None = None
        self._completing: RunDraft | None = None
        self._lost: list[RunDraft] = []
        self.count = 0
        self.ready: list[CronRun] = []

    def begin(self, line: int, *, hostname: str, pid: int | None, has_header: bool = False) -> RunDraft:
        """Begin a process."""
        self.count += 1
        now, source = self._clock.now, self._clock.source
        self._run = RunDraft(self.count, line, now, source, hostname, pid, has_header)
        return self._run

    def head(self, line: int, *, hostname: str, pid: int | None) -> None:
        """Begin a process with its header."""
        self.begin(line, hostname=hostname, pid=pid, has_header=True)

    def current(self, line: int, *, hostname: str, pid: int | None) -> RunDraft:
        """Return the process at work; one without a header begins here."""
        return self._run or self.begin(line, hostname=hostname, pid=pid)

    def say_correct(self) -> None:
        """Take the line that says that a process is done."""
        self._completing = self._choose_completing()
        self._completing.state, self._completing.ended_at = "completed", self._clock.now

    def complete(self, text: str) -> None:
        """Take the line that says when it was."""
        run, self._completing = self._completing or self._choose_completing(), None
        run.state, run.ended_at = "completed", self._clock.read_time(text)
        run.goes_on = "Continuing to check" in text

    def finish(self, state: str, ended_at: float, *, last_line: str) -> None:
        """End the file: the last process ends as `state`, unless it said how."""
        if self._run is not None:
            self._run.last_line = last_line
            self._give_away(self._run, state, ended_at)
        for run in self._lost:
            self._give_away(run, "truncated")
        self._run, self._lost = None, []

    def leave(self, *, last_line: str, seen_at: float) -> None:
        """Leave the process that another one follows; its end may still come in a mixed file.

        `seen_at` is when something was seen of it last.
        """
        if self._run is None:
            return
        self._run.last_line = last_line
        if self._run.state:
            self.ready.append(self._run.as_row())
        else:
            self._run.ended_at = seen_at
            self._lost.append(self._run)
        if len(self._lost) > MOST_LOST:
            self._give_away(self._lost.pop(0), "truncated")
        self._run = None

    def _give_away(self, run: RunDraft, state: str, ended_at: float = 0.0) -> None:
        """Settle a process; what neither began nor ended as a cron does is a task run by hand, and none."""
        if run.has_header or run.state:
            self.ready.append(run.as_row(state, ended_at))

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
        """Note the first moment that is known after tasks were lost: they had ended before it."""
        for draft in reversed(self._drafts):
            if draft.ended_before is not None:
                return
            draft.ended_before = moment

    def find(self, outcome: str, text: str, *, closed_at: float | None) -> TaskRun | None:
        """Return the newest run that a closing line can be about, closed by it, or None if there is none."""
        for draft in reversed(self._drafts):
            rest = draft.rest_of(text, outcome)
            if rest is not None:
                self._drafts.remove(draft)
                draft.close(outcome, rest, closed_at=closed_at)
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
LATIN_1 = re.compile(rb"[^\x80-\x9f\xff\x00-\x08]*")
LAST_PARENTHESIS = re.compile(r" \(([^()\s]{1,300})\)$")


@dataclass(slots=True)
class TaskDraft:
    """What is known so far of a run; `text` is what its closing line has to repeat.

    `seen_at` is the last moment at which something of it was seen; of a run whose end nobody saw it is all
    that is known, with `ended_before`, the next moment that was read. `is_stamped`: its lines have times.
    """

    type: str
    text: str
    line: int
    run_number: int
    started_at: float
    time_source: str
    hostname: str
    pid: int | None
    has_begun: bool = False
    seen_at: float = 0.0
    ended_at: float | None = None
    ended_before: float | None = None
    is_stamped: bool = False
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
        self.seen_at = max(self.seen_at, moment)
        self.memory_start = parse_size(text.partition("memory use ")[2].rstrip("."))
        self.tail.clear()

    def see(self, moment: float) -> None:
        """Note that something of it was seen at a moment."""
        self.seen_at, self.is_stamped = max(self.seen_at, moment), True

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
        """Return what a closing line says beyond this task's text, or None if it is about another one."""
        if outcome == "ok":
            return "" if text == self.text else None
        if outcome == "failed":
            return text[len(self.text) + 1 :] if text.startswith(f"{self.text},") else None
        return text[len(self.text) :].lstrip(", ") if text.startswith(self.text) else None

    def close(self, outcome: str, rest: str, *, closed_at: float | None) -> None:
        """Take the closing line, written at a moment if that is known."""
        self.outcome = outcome
        self.fatal_line = ""
        self.ended_at = closed_at if self.seconds is None else self.started_at + self.seconds
        if rest:
            self.add_message(rest)

    def as_row(self, outcome: str = "") -> TaskRun:
        """Return the run; `outcome` of one that no line closed. Its usage counts only if one did."""
        name, title = split_name(self.text)
        message = "\n".join(self.message).strip()
        is_closed = bool(self.outcome)
        known = self.ended_at if is_closed else self._killed_at()
        ended_at = max(self.started_at, self.seen_at if known is None else known)
        return TaskRun(
            type=self.type,
            name=name,
            title=title,
            adhoc_id=self.adhoc_id,
            run_id=self.run_id,
            started_at=self.started_at,
            ended_at=ended_at,
            end_known=int(known is not None),
            ended_before=self.ended_before if known is None else None,
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

    def _killed_at(self) -> float | None:
        """Return when the last lines said that it was killed, or None if they did not or have no times."""
        says_so = self.is_stamped and self.fatal_line and self.fatal_line in map(shown, self.tail)
        return self.seen_at if says_so else None


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
    r"""Return a line as text that a database can hold: UTF-8 or Latin-1; other bytes are escaped.

    >>> as_text("Tâche".encode()), as_text("Tâche".encode("latin-1")), as_text(bytes([65, 128]))
    ('Tâche', 'Tâche', 'A\\x80')
    """
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        # Latin-1 has no characters from 0x80 to 0x9f, and its letters stand beside others.
        is_latin = LATIN_1.fullmatch(line) is not None
        text = line.decode("latin-1") if is_latin else line.decode("utf-8", "backslashreplace")
    return text.replace("\0", "\ufffd")
