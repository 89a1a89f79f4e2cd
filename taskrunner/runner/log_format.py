"""The formats of a log file: Moodle's lines, one short line around each run, or JSON, an object a line.

JSON has the lines of Moodle under `text`, and around them what a collector of logs sorts by: `at`, `run_id`,
`task`, `stream` (cron for our own lines, stdout and stderr for those of tasks).
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from taskrunner.runner import messages as lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import tzinfo

    from taskrunner.runner.job import Job, Outcome

    Encode = Callable[[Sequence[bytes]], bytes]
    """Makes bytes for the log file of the lines that a task has printed."""


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
    took = lines.seconds_text(round(seconds, 3))
    return [*traceback, f"{ended} {_short_label(job)} {outcome.name} in {took} s{what}"]


def _short_label(job: Job) -> str:
    return f"{job.type} {job.name}" if job.adhoc_id is None else f"{job.type} {job.name} {job.adhoc_id}"
