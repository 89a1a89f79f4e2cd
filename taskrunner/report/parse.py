"""Reads the lines of a log file into cron processes and runs, whatever is cut, mixed or missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskrunner.report import CANCELLED, parse_count, recognise
from taskrunner.report.drafts import CronRuns, LostTasks, TaskDraft, as_text, shown
from taskrunner.report.files import Line, Unwrapper

if TYPE_CHECKING:
    from collections.abc import Callable

    from taskrunner.report.clock import LogClock
    from taskrunner.report.drafts import RunDraft
    from taskrunner.store.imports import CronRun, TaskRun

LONGEST_STEP = 7 * 86_400
DAY = 86_400.0
LARGEST_DELAY = 600.0
"""Seconds by which what timestamps lines may be late."""

NEED_AN_END = {"header", "scheduled_start", "adhoc_start", "adhoc_id", "started", "run_id"}
"""Shapes that would tell of another task, or time, if their line were cut."""

TELLS_OF_CRON = {
    *("header", "scheduled_start", "adhoc_start", "correctly", "completed", "refused", "ran", "between"),
}
"""Shapes that nobody but a cron process writes."""


class Parser:
    """Takes the lines of one file in order; `take` gives what is settled, `finish` ends the file.

    It is between tasks, in one (`_open`), or behind one that failed, whose message may go on (`_explains`).
    A task without its closing line is kept (`_lost`): the line may come later, from another process.
    """

    def __init__(
        self, clock: LogClock, *, hostname: str = "", pid: int | None = None, changed_at: float = 0.0
    ) -> None:
        self._clock = clock
        self._hostname = hostname
        self._pid = pid
        self._changed_at = changed_at
        self._wrapping = Unwrapper(changed_at=changed_at)
        self._number = 0
        self._seen_at = clock.now
        self._stamped_at: float | None = None
        self._has_header = False
        self._last_line = b""
        self._runs = CronRuns(clock)
        self._open: TaskDraft | None = None
        self._closed: TaskDraft | None = None
        self._explains = False
        self._lost = LostTasks()
        self._ready: list[TaskRun] = []
        self.recognised = False
        self.fatal_end = False
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
        self._number += 1
        is_cut = not line.endswith((b"\n", b"<br>", b"<br />"))
        parts = self._wrapping.unwrap(line.rstrip(b"\r\n"), in_task=self._open is not None)
        for number, part in enumerate(parts, 1):
            self._feed(part, is_cut=is_cut and number == len(parts))

    def _feed(self, line: Line, *, is_cut: bool) -> None:
        text = line.text
        shape, rest = recognise(text)
        if not shape and b"\r" in text:  # a progress line that was written over
            shape, rest = recognise(text.rpartition(b"\r")[2])
        if not line.is_own:  # in a file of prefixed lines, the text of a task or of something else
            shape, rest = (shape, rest) if shape in ("fatal", "trace") else ("", text)
        if is_cut:
            self._explains = False  # it may be the beginning of any line
            shape = "" if shape in NEED_AN_END else shape
        self._read_prefix(line, shape)
        self.recognised = self.recognised or shape in TELLS_OF_CRON
        self._handlers[shape](rest, text)
        if text and not text.isspace():
            self._last_line = text

    def _read_prefix(self, line: Line, shape: str) -> None:
        """Take time and writer from what stood before a line."""
        if line.timestamp is None:
            self._stamped_at = None
        elif shape != "header":  # its own time counts more
            self._clock.read_timestamp(line.timestamp)
            self._stamped_at = self._seen_at = self._clock.now
            if self._open is not None and shape not in TELLS_OF_CRON:  # those are not its own
                self._open.see(self._clock.now)
        if shape == "header" or (shape and not self._has_header and not self._runs.count):
            if line.pid is not None:
                self._pid = line.pid
            if line.host is not None:
                self._hostname = line.host

    def take(self) -> list[CronRun | TaskRun]:
        """Return what has been settled since the last call."""
        ready: list[CronRun | TaskRun] = [*self._runs.ready, *self._ready]
        self._runs.ready, self._ready = [], []
        return ready

    def finish(self, *, lives: bool) -> None:
        """End the file; `lives`: its process is still at work."""
        now, changed_at = self._clock.now, self._changed_at
        end = changed_at if now <= changed_at <= now + DAY else now
        is_own = self._runs.count == 1
        if self._open is not None and is_own and not self._open.is_stamped:  # it wrote the last of its file
            self._open.seen_at = max(self._open.seen_at, end)
        if self._open is not None and lives:
            self._ready.append(self._open.as_row("running"))
            self._open = None
        self._leave_task()
        if self._runs.count > 1 and end > now:
            self._lost.date(end)
        self._ready += self._lost.give_up()
        self._runs.finish(
            "running" if lives else "truncated",
            end if is_own else self._seen_at,
            last_line=shown(self._last_line),
        )

    def _text(self, _rest: bytes, line: bytes) -> None:
        if self._open is not None:
            self._open.tail.append(line)
        elif self._explains and self._closed is not None:
            self._closed.add_message(as_text(line))

    def _header(self, rest: bytes, line: bytes) -> None:
        before = self._clock.now
        if not self._clock.read_header(as_text(rest)):
            self._text(rest, line)
            return
        self._has_header = True
        self._leave_task()
        self._lost.date(self._clock.now)
        self._runs.leave(last_line=shown(self._last_line), seen_at=min(before, self._clock.now))
        self._runs.head(self._number, hostname=self._hostname, pid=self._pid)
        self._seen_at = self._clock.now

    def _current_run(self) -> RunDraft:
        return self._runs.current(self._number, hostname=self._hostname, pid=self._pid)

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
            line=self._number,
            run_number=run.number,
            started_at=self._clock.now,
            time_source=self._clock.source,
            hostname=self._hostname,
            pid=self._pid,
            seen_at=self._clock.now,
            is_stamped=self._stamped_at is not None,
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
            self._open.begin(self._start_time(text), text)
            self._lost.date(self._clock.now)
            self._seen_at = self._clock.now
        else:
            self._text(rest, line)

    def _start_time(self, text: str) -> float:
        """Return when a task started: the time given, or the line's own if that is of another zone."""
        stamped_at = self._stamped_at
        moment = self._clock.read_time(text)
        if stamped_at is None or self._has_header or abs(moment - stamped_at) < LARGEST_DELAY:
            return moment
        self._clock.now = stamped_at
        return stamped_at

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
            draft.close(outcome, rest, closed_at=self._stamped_at)
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
        found = self._lost.find(outcome, text, closed_at=self._stamped_at)
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
            self._clock.now = self._seen_at = max(self._clock.now, draft.ended_at)

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
        self._seen_at = self._clock.now

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
        self.fatal_end = True
        if self._open is not None:
            self._open.fatal_line = shown(line)
