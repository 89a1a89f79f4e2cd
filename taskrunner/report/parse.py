"""Reads the lines of a log file into cron processes and runs, whatever is cut, mixed or missing."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from taskrunner.records import CronRun, TaskRun
from taskrunner.report.lines import (
    CANCELLED,
    STAMP,
    kind_of_end,
    message_key,
    parse_count,
    parse_seconds,
    parse_size,
    recognise,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from taskrunner.report.lines import LogClock

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


HEADER = b"Server Time: "
LONGEST_STEP = 7 * 86_400
DAY = 86_400.0
NEED_AN_END = {"header", "scheduled_start", "adhoc_start", "adhoc_id", "started", "run_id"}
"""Shapes that would tell of another task, or time, if their line were cut."""


class Parser:
    """Takes the lines of one file in order; `take` gives what is settled, `finish` ends the file.

    It is between tasks, in one (`_open`), or behind one that failed, whose message may go on (`_explains`).
    A task without its closing line is kept (`_lost`): the line may come later, from another process.
    """

    def __init__(self, clock: LogClock, *, hostname: str = "", pid: int | None = None) -> None:
        self._clock = clock
        self._hostname = hostname
        self._pid = pid
        self._line = 0
        self._stamped: bool | None = None
        self._stamp = b""
        self._last_line = b""
        self._runs = CronRuns(clock)
        self._open: TaskDraft | None = None
        self._closed: TaskDraft | None = None
        self._explains = False
        self._lost = LostTasks()
        self._ready: list[TaskRun] = []
        self._handlers: dict[str, Callable[[bytes, bytes], None]] = {
            "": self._text,
            "header": self._header,
            "scheduled_start": self._start_scheduled,
            "adhoc_start": self._start_adhoc,
            "adhoc_id": self._adhoc_id,
            "adhoc_data": self._about_task,
            "started": self._started,
            "run_id": self._run_id,
            "fail_delay": self._about_task,
            "used": self._used,
            "complete": self._complete,
            "failed": self._failed,
            "delayed": self._delayed,
            "user": self._user,
            "between": self._between,
            "ran": self._between,
            "correctly": self._correctly,
            "completed": self._completed,
            "took": self._text,
            "refused": self._refused,
            "trace": self._trace,
            "fatal": self._fatal,
        }

    def feed(self, line: bytes) -> None:
        """Take the next line, with its end; one without is cut, and what it begins is not believed."""
        self._line += 1
        is_cut = not line.endswith(b"\n")
        line = line.rstrip(b"\r\n")
        if self._stamped is None or HEADER in line:
            self._look_for_stamps(line)
        if self._stamped:
            found = STAMP.match(line)
            if found is None:
                self._text(line, line)
                return
            self._stamp = found["at"]
            line = line[found.end() :]
        shape, rest = recognise(line)
        if is_cut:
            self._explains = False  # it may be the beginning of any line
            shape = "" if shape in NEED_AN_END else shape
        if shape and self._stamp:
            self._clock.read_stamp(self._stamp.decode())
        self._handlers[shape](rest, line)
        if line and not line.isspace():
            self._last_line = line

    def take(self) -> list[CronRun | TaskRun]:
        """Return what has been settled since the last call."""
        ready: list[CronRun | TaskRun] = [*self._runs.ready, *self._ready]
        self._runs.ready, self._ready = [], []
        return ready

    def finish(self, *, changed_at: float, lives: bool) -> None:
        """End the file, which changed last at a moment; `lives`: its process is still at work."""
        end = changed_at if self._clock.now <= changed_at <= self._clock.now + DAY else self._clock.now
        if self._open is not None and lives:
            self._open.ended_at = end
            self._ready.append(self._open.as_row("running"))
            self._open = None
        self._leave_task()
        self._lost.date(end)
        self._ready += self._lost.give_up()
        self._runs.finish("running" if lives else "truncated", end, last_line=shown(self._last_line))

    def _look_for_stamps(self, line: bytes) -> None:
        """See whether lines have a time before them: so the first line says, and each header."""
        if line.strip():
            found = STAMP.match(line)
            self._stamped = found is not None
            if found is not None and found["pid"]:
                self._hostname, self._pid = as_text(found["host"]), int(found["pid"])

    def _text(self, _rest: bytes, line: bytes) -> None:
        if self._open is not None:
            self._open.tail.append(line)
        elif self._explains and self._closed is not None:
            self._closed.add_message(as_text(line))
        elif not self._runs.has_begun and line.strip():
            self._runs.begin(self._line, hostname=self._hostname, pid=self._pid, is_guess=True)

    def _header(self, rest: bytes, line: bytes) -> None:
        if not self._clock.read_header(as_text(rest)):
            self._text(rest, line)
            return
        self._leave_task()
        self._lost.date(self._clock.now)
        last_line = shown(self._last_line)
        self._runs.head(self._line, hostname=self._hostname, pid=self._pid, last_line=last_line)

    def _current_run(self) -> RunDraft:
        return self._runs.current(self._line, hostname=self._hostname, pid=self._pid)

    def _start_scheduled(self, rest: bytes, _line: bytes) -> None:
        self._start("scheduled", as_text(rest))

    def _start_adhoc(self, rest: bytes, _line: bytes) -> None:
        self._start("adhoc", as_text(rest))

    def _start(self, kind: str, text: str) -> None:
        self._leave_task()
        run = self._current_run()
        run.state = ""
        self._open = TaskDraft(
            type=kind,
            text=text,
            line=self._line,
            run_number=run.number,
            started_at=self._clock.now,
            time_source=self._clock.source,
            hostname=self._hostname,
            pid=self._pid,
        )

    def _about_task(self, _rest: bytes, line: bytes) -> None:
        """Leave a line alone that says nothing we keep, unless it is a line of the task itself."""
        if self._open is None or self._open.tail:
            self._text(line, line)

    def _adhoc_id(self, rest: bytes, line: bytes) -> None:
        if self._open is not None and not self._open.has_begun and self._open.adhoc_id is None:
            self._open.adhoc_id = parse_count(as_text(rest))
        else:
            self._text(rest, line)

    def _started(self, rest: bytes, line: bytes) -> None:
        if self._open is not None and not self._open.has_begun:
            text = as_text(rest)
            self._open.begin(self._clock.read_time(text), text)
            self._lost.date(self._clock.now)
        else:
            self._text(rest, line)

    def _run_id(self, rest: bytes, line: bytes) -> None:
        if self._open is not None and not self._open.run_id and not self._open.tail:
            self._open.run_id = as_text(rest)
        else:
            self._text(rest, line)

    def _used(self, rest: bytes, line: bytes) -> None:
        if self._open is not None:
            self._open.note_usage(as_text(rest))
        else:
            self._text(rest, line)

    def _complete(self, rest: bytes, line: bytes) -> None:
        self._close("ok", as_text(rest), line)

    def _failed(self, rest: bytes, line: bytes) -> None:
        self._close("failed", as_text(rest), line)

    def _delayed(self, rest: bytes, line: bytes) -> None:
        self._close("delayed", as_text(rest), line)

    def _user(self, rest: bytes, line: bytes) -> None:
        """Take the line that cancels a task: who it was to run as cannot be used."""
        name = rest.removesuffix(CANCELLED).rpartition(b" adhoc task: ")[2]
        if rest.endswith(CANCELLED) and self._open is not None and as_text(name) == self._open.text:
            self._close("cancelled", self._open.text, line)
            self._explain(as_text(line))
        else:
            self._text(rest, line)

    def _close(self, outcome: str, text: str, line: bytes) -> None:
        """Close the task that a closing line is about: the open one, the one before, or a lost one."""
        if self._open is not None and (rest := self._open.rest_of(text, outcome)) is not None:
            self._settle_closed()
            draft, self._open = self._open, None
            draft.close(outcome, rest, now=self._clock.now)
            self._closed, self._explains = draft, outcome == "failed"
            self._advance(draft)
        elif outcome == "failed" and self._fails_after_all(text):
            self._explains = True
        elif not self._find_lost(outcome, text):
            self._text(line, line)

    def _fails_after_all(self, text: str) -> bool:
        """Take the failure of a task that had just said that it is complete: marking it so failed."""
        draft = self._closed
        if self._open is not None or draft is None or draft.outcome != "ok":
            return False
        rest = draft.rest_of(text, "failed")
        if rest is None:
            return False
        draft.outcome = "failed"
        draft.add_message(rest)
        return True

    def _find_lost(self, outcome: str, text: str) -> bool:
        """Give a closing line to the newest lost task it can be about."""
        found = self._lost.find(outcome, text, now=self._clock.now)
        if found is None:
            return False
        self._ready.append(found)
        if self._open is not None:
            self._open.confidence = "low"
        return True

    def _explain(self, text: str) -> None:
        if self._closed is not None:
            self._closed.message = [text]

    def _advance(self, draft: TaskDraft) -> None:
        if draft.ended_at is not None and draft.ended_at - self._clock.now < LONGEST_STEP:
            self._clock.now = max(self._clock.now, draft.ended_at)

    def _settle_closed(self) -> None:
        if self._closed is not None:
            self._ready.append(self._closed.as_row())
        self._closed, self._explains = None, False

    def _leave_task(self) -> None:
        """Be between tasks: one that is still open is lost."""
        if self._open is not None:
            self._ready += self._lost.add(self._open)
            self._open = None
        self._settle_closed()

    def _between(self, _rest: bytes, _line: bytes) -> None:
        """Take a line that no task can be open at."""
        self._leave_task()
        self._current_run()

    def _correctly(self, rest: bytes, line: bytes) -> None:
        self._between(rest, line)
        self._runs.say_correct()

    def _completed(self, rest: bytes, line: bytes) -> None:
        self._between(rest, line)
        self._runs.complete(as_text(rest))
        self._lost.date(self._clock.now)

    def _refused(self, rest: bytes, line: bytes) -> None:
        if self._open is None:
            self._between(rest, line)
            run = self._current_run()
            run.state, run.ended_at = "refused", self._clock.now
        else:
            self._text(rest, line)

    def _trace(self, rest: bytes, line: bytes) -> None:
        if self._open is None:
            self._explains = False
        else:
            self._text(rest, line)

    def _fatal(self, rest: bytes, line: bytes) -> None:
        self._text(rest, line)
        if self._open is not None:
            self._open.fatal_line = shown(line)
