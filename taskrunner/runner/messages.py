"""The lines a cron process writes, in the shapes of Moodle's cron, because people's log tools read them.

The formats of a log file are Moodle's lines, one short line around each run, or JSON, an object a line.
JSON has the lines of Moodle under `text`, and around them what a collector of logs sorts by: `at`, `run_id`,
`task`, `stream` (cron for our own lines, stdout and stderr for those of tasks).
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, tzinfo
from functools import lru_cache, partial
from typing import TYPE_CHECKING, NamedTuple

from taskrunner.errors import TaskrunnerError
from taskrunner.formatting import size as size
from taskrunner.task import describe_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from taskrunner.errors import StoreError
    from taskrunner.records import Run
    from taskrunner.runner.job import Job, Outcome

    Encode = Callable[[Sequence[bytes]], bytes]
    """Makes bytes for the log file of the lines that a task has printed."""

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
GRACEFUL_EXIT = "== Exiting gracefully, please wait ... =="
EXIT_NOW = "== Exiting right NOW =="
RUNNER_DIED = "Cron process ended by an error of its own: "
LINE_END = "\n"
HAS_MORE = "... has more to do, and is due again behind the others"


def rfc2822(moment: float, zone: tzinfo) -> str:
    """Return a moment as RFC 2822 writes it, whatever the locale.

    >>> from datetime import timezone
    >>> rfc2822(1795265821, timezone.utc)
    'Sat, 21 Nov 2026 12:57:01 +0000'
    """
    local = datetime.fromtimestamp(moment, zone)
    return (
        f"{WEEKDAYS[local.weekday()]}, {local.day} {MONTHS[local.month - 1]} {local.year} "
        f"{local:%H:%M:%S} {local:%z}"
    )


def clock_time(moment: float, zone: tzinfo) -> str:
    """Return HH:MM:SS of a moment."""
    return title_time(int(moment), zone)[-8:]


@lru_cache(maxsize=2)  # of many short tasks hundreds begin within a second
def title_time(second: int, zone: tzinfo) -> str:
    """Return a second as the title of a process shows it, whatever the locale.

    >>> from datetime import timezone
    >>> title_time(1795265821, timezone.utc)
    'Nov 21, 12:57:01'
    """
    local = datetime.fromtimestamp(second, zone)
    return f"{MONTHS[local.month - 1]} {local.day}, {local:%H:%M:%S}"


def seconds_text(seconds: float) -> str:
    """Return seconds to the microsecond, never in scientific notation.

    >>> [seconds_text(seconds) for seconds in (0.0000204, 12.5, 3.0, 0)]
    ['0.00002', '12.5', '3', '0']
    """
    return f"{seconds:.6f}".rstrip("0").rstrip(".")


def start_lines(job: Job, *, started: str, memory: str) -> list[str]:
    """Return what stands before the output of a run."""
    lines = [f"Execute {job.type} task: {job.label}"]
    if job.adhoc_id is not None:
        lines.append(f"Adhoc task id: {job.adhoc_id}")
    if job.custom_data is not None:
        lines.append(f"Adhoc task custom data: {job.custom_data}")
    return [*lines, f"... started {started}. Current memory use {memory}.", f"... run id {job.run_id}"]


def given_back(count: int, name: str) -> str:
    """Return what is said of tasks that were claimed with one whose process died, and had not started."""
    tasks = "1 adhoc task" if count == 1 else f"{count} adhoc tasks"
    return f"Gave back {tasks}: {name}, claimed by a process that died before it started them"


def usage_lines(*, queries: int, seconds: float, peak: str) -> list[str]:
    """Return what stands after the output of a run."""
    return [
        f"... used {queries} dbqueries",
        f"... used {seconds_text(seconds)} seconds",
        f"... used {peak} peak memory",
    ]


def failed_lines(job: Job, message: str, backtrace: str) -> list[str]:
    """Return how a run ends badly."""
    lines = [f"{job.type.capitalize()} task failed: {job.label},{message}"]
    return [*lines, "Backtrace:", backtrace.rstrip("\n")] if backtrace else lines


def failure_report(label: str, run: Run, next_try: str) -> str:
    """Return what a person who hears of failures only has to know of one."""
    return (
        f"{run.type.capitalize()} task failed: {label},{run.message or ''}\n{run.output.rstrip()}\n"
        f"{next_try}\nRun {run.run_id}, log file {run.log_file}\n\n"
    )


def no_slot(kind: str) -> str:
    """Return why a phase does not start."""
    return f"Skipping processing of {kind} tasks. Concurrency limit reached."


def out_of_time(kind: str) -> str:
    """Return why a phase ends early."""
    return f"Stopping processing of {kind} tasks as time limit has been reached."


def not_written_yet(name: str, error: StoreError) -> str:
    """Return why a process waits whose task has ended."""
    return f"The end of {name} cannot be written yet; it is noted beside the database: {error}"


def runner_died(error: BaseException) -> str:
    """Return what a process notes that dies of an error of its own, so that the next cron can say so."""
    text = str(error) if isinstance(error, TaskrunnerError) else describe_error(error)
    return f"{RUNNER_DIED}{text.partition(LINE_END)[0]}"


def superseded(job: Job) -> str:
    """Return what the log says to a run that was declared dead while it lived."""
    return f"Run {job.run_id} of {job.name} was taken for dead (superseded), so its end is not recorded."


def class_is_full(name: str, limit: int) -> str:
    """Return why no task of a class is taken."""
    return f"Skipping {name} adhoc task class as the per-task limit of {limit} is reached."


def delayed(job: Job, message: str, next_try: str) -> str:
    """Return how a run ends that asked to be tried again."""
    return f"{job.type.capitalize()} task delayed: {job.label}, {message}; {next_try}"


def user_not_found(job: Job) -> str:
    """Return why a task is cancelled."""
    return f"User {job.user} could not be found for adhoc task: {job.name}. Cancelling task."


def parked(job: Job, reason: str) -> str:
    """Return why an adhoc task that was claimed is not tried."""
    return f"Cannot load adhoc task {job.adhoc_id}: {job.name} waits, no attempt is counted: {reason}"


def left_due(job: Job, reason: str) -> str:
    """Return why a scheduled task that was claimed is left to the next cron."""
    return f"Cannot load scheduled task {job.name}: it stays due for the next cron: {reason}"


def adhoc_summary(count: int, found_at: str) -> str:
    """Return how the adhoc phase ends."""
    return f"Ran {count} adhoc tasks found at {found_at}"


def completed(*, at: str, seconds: float, memory: str) -> list[str]:
    """Return how a process ends."""
    return [
        "Cron run completed correctly",
        f"Cron completed at {at} in {seconds_text(seconds)} seconds. Memory used: {memory}.",
    ]


def failed_by_hand(name: str) -> str:
    """Return what follows the failure of a run by hand."""
    stays = "It was run by hand: its fail delay and its next run stay as they were."
    return f"{stays} `taskrun retry {name}` makes cron try it now."


def refused(name: str, error: Exception) -> str:
    """Return what is said of a run whose texts the database does not take."""
    return f"The output of {name} is in its log file only: {error}"


class About(NamedTuple):
    """What lines of the runner are about: a run, and whether it starts or ends."""

    run_id: str | None = None
    task: str | None = None
    event: str | None = None
    outcome: str | None = None
    duration: float | None = None


NOTHING = About()


class PlainFormat:
    """Text, with the time before each line if a zone is given."""

    is_json = False

    def __init__(self, zone: tzinfo | None) -> None:
        self._zone = zone

    def own(self, text: str, _: About) -> bytes:
        """Return lines of the runner itself."""
        if self._zone is not None:
            text = "\n".join(with_timestamp(line, self._zone) for line in text.split("\n"))
        return f"{text}\n".encode("utf-8", "backslashreplace")

    def encoders(self, _: About) -> tuple[Encode, ...]:
        """Return what the lines of a task go through: nothing, or one that puts a time before them."""
        return () if self._zone is None else (partial(_with_timestamps, self._zone),)


class JsonFormat:
    """One object a line."""

    is_json = True

    def own(self, text: str, about: About) -> bytes:
        """Return lines of the runner itself; what is about a run stands in one."""
        texts = text.split("\n")
        marked = 0 if about.event == "start" else len(texts) - 1
        plain = about._replace(event=None, outcome=None, duration=None)
        objects = [
            _object(line, about if number == marked else plain, "cron")
            for number, line in enumerate(texts)
            if line
        ]
        return b"".join(objects)

    def encoders(self, about: About) -> tuple[Encode, ...]:
        """Return what the lines of a task go through: those of stdout, and those of stderr."""
        plain = about._replace(event=None, outcome=None, duration=None)
        return partial(_objects, plain, "stdout"), partial(_objects, plain, "stderr")


def with_timestamp(line: str, zone: tzinfo) -> str:
    """Return a line with the present time before it."""
    return f"{datetime.now(zone):%Y-%m-%d %H:%M:%S} {line}"


def _with_timestamps(zone: tzinfo, printed: Sequence[bytes]) -> bytes:
    prefix = with_timestamp("", zone).encode()
    return b"".join(prefix + line + b"\n" for line in printed)


def _objects(about: About, stream: str, printed: Iterable[bytes]) -> bytes:
    return b"".join(_object(line.decode("utf-8", "replace"), about, stream) for line in printed)


def _object(text: str, about: About, stream: str) -> bytes:
    known = {name: value for name, value in about._asdict().items() if value is not None}
    moment = datetime.now(UTC).isoformat(timespec="milliseconds")
    event = {"event": known.pop("event")} if "event" in known else {}
    said = {"at": moment, **event, "stream": stream, **known, "text": text}
    return (
        json.dumps(said, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "backslashreplace")
        + b"\n"
    )


def short_start(job: Job, *, started: str) -> list[str]:
    """Return the line before a run in the short format; its id in full, by which its output is found."""
    return [f"{started} {_short_label(job)} started, run id {job.run_id}"]


def short_end(job: Job, outcome: Outcome, *, ended: str, seconds: float) -> list[str]:
    """Return the line after a run in the short format, below the traceback if it failed."""
    what = f": {' '.join(outcome.message.split())}" if outcome.message else ""
    traceback = [outcome.backtrace.rstrip("\n")] if outcome.backtrace else []
    took = seconds_text(round(seconds, 3))
    return [*traceback, f"{ended} {_short_label(job)} {outcome.name} in {took} s{what}"]


def _short_label(job: Job) -> str:
    return f"{job.type} {job.name}" if job.adhoc_id is None else f"{job.type} {job.name} {job.adhoc_id}"
