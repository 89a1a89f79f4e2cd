"""One run of one task while its lines are being read."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field

from taskrunner.report.message_keys import message_key
from taskrunner.report.shapes import kind_of_end
from taskrunner.report.sizes import parse_count, parse_seconds, parse_size
from taskrunner.report_records import TaskRun

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
