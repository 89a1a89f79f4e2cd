"""What other programs put around the lines of a cron log: prefixes, JSON, colour, HTML."""

from __future__ import annotations

import json
import re
from typing import NamedTuple

from taskrunner.report.clock import TIMES, Timestamp, read_timestamp

LONGEST_PREFIX = 300
MOST_PREFIXES = 30
"""Prefixes of one file that are kept in mind: each host or container may have its own."""

CORE = re.compile(
    rb"Server Time: (?=(?:[A-Z][a-z]{2}, )?[0-9]{1,2} [A-Z][a-z]{2} [0-9]{4} )"
    rb"|Execute (?:scheduled|adhoc) task: \S"
    rb"|Cron (?:run|script) completed correctly"
    rb"|Cron completed at (?=[0-9][0-9]:[0-9][0-9]:[0-9][0-9])"
)
"""What nobody but a cron process writes: text before it is a prefix, and nothing before it is known."""

ENDS_OF_PREFIX = b" \t|]:>"
COLOUR = re.compile(
    rb"\x1b(?:\[[0-?]{0,60}[ -/]{0,4}[@-~]|\][^\x07\x1b]{0,2000}(?:\x07|\x1b\\)|[@-Z\\-_=>]|[()][0AB])"
)
LINE_BREAK = re.compile(rb"<br ?/?>", re.IGNORECASE)
TAG = re.compile(
    rb"</?(?:html|head|body|title|pre|p|div|span|font|code|tt|b|i|em|strong|h[1-6])(?: [^<>]{0,300})?>"
    rb"|<!DOCTYPE[^<>]{0,200}>",
    re.IGNORECASE,
)
ENTITY = re.compile(rb"&(?:amp|lt|gt|quot|apos|nbsp|#[0-9]{1,6}|#x[0-9a-fA-F]{1,6});")

TEXT_KEYS = ("log", "message", "MESSAGE", "msg", "line", "text")
TIME_KEYS = ("at", "time", "timestamp", "@timestamp", "ts", "__REALTIME_TIMESTAMP")
WRITER = re.compile(
    rb"(?P<host>[^\s:\[\]|]{1,255}):(?P<pid>[0-9]{1,10})[ \t]"
    rb"|(?:^|[ \t])(?P<loghost>[^\s\[\]:|]{1,255}) [^\s\[\]:|]{1,100}\[(?P<logpid>[0-9]{1,10})\]:[ \t]?$"
)
"""HOST:PID before a line, or `host program[pid]:` as syslog and journald have it."""


class Line(NamedTuple):
    """A line without what stood around it.

    `is_own` is false for a line that has no prefix although the lines of the file have one: the text of a
    task, or of something else. `host` and `pid` are None where the prefix names none.
    """

    text: bytes
    timestamp: Timestamp | None = None
    host: str | None = None
    pid: int | None = None
    is_own: bool = True


class Prefix:
    """What stands before each line of a file, learned from one line; digits and times in it vary."""

    def __init__(self, sample: bytes) -> None:
        found = TIMES.search(sample)
        if found is None:
            pattern = _varying(sample)
        else:
            time = rb"(?P<time>" + TIMES.pattern + rb")"
            pattern = _varying(sample[: found.start()]) + time + _varying(sample[found.end() :])
        self._pattern = re.compile(pattern)

    def match(self, line: bytes) -> re.Match[bytes] | None:
        """Return the prefix of a line, or None if it has another one or none."""
        return self._pattern.match(line)


class Unwrapper:
    """Takes off what stands around the lines of one file, as it finds out what that is.

    `changed_at` is when the file changed last: it tells the year of times that have none.
    """

    def __init__(self, *, changed_at: float) -> None:
        self._changed_at = changed_at
        self._prefixes: list[Prefix] = []
        self._is_plain: bool | None = None
        self._is_json: bool | None = None
        self._is_html = False
        self._begun = b""
        self._writers: dict[bytes, tuple[str | None, int | None]] = {}

    def unwrap(self, line: bytes, *, in_task: bool) -> list[Line]:
        """Return the line without what stood around it: none if more of it follows, several out of HTML.

        `in_task`: a task is open, whose own text may look like anything.
        """
        if b"\x1b" in line:
            line = COLOUR.sub(b"", line)
        timestamp: Timestamp | None = None
        if self._is_json is not False and line.startswith(b"{"):
            taken = self._out_of_json(line)
            if taken is None:
                return []
            line, timestamp = taken
        unwrapped = self._without_prefix(line, in_task=in_task)
        if unwrapped is None:
            return []
        if timestamp is not None and unwrapped.timestamp is None:
            unwrapped = unwrapped._replace(timestamp=timestamp)
        if self._is_html or b"<" in line:
            return self._out_of_html(unwrapped)
        return [unwrapped]

    def _out_of_json(self, line: bytes) -> tuple[bytes, Timestamp | None] | None:
        """Return text and time of a line of JSON, or None if the text continues in the next one."""
        try:
            said = json.loads(line)
        except ValueError:
            return line, None
        if not isinstance(said, dict):
            return line, None
        key = next((key for key in TEXT_KEYS if isinstance(said.get(key), str)), None)
        if key is None:
            return line, None
        self._is_json = True
        text = self._begun + said[key].encode("utf-8", "surrogateescape")
        if key == "log" and not text.endswith(b"\n") and len(text) < 65_536:  # docker cuts at 16 KB
            self._begun = text
            return None
        self._begun = b""
        return text.rstrip(b"\r\n"), _json_timestamp(said)

    def _without_prefix(self, line: bytes, *, in_task: bool) -> Line | None:
        core = CORE.search(line, 0, LONGEST_PREFIX + 40)
        if core is not None and core.start() == 0 and not (self._prefixes and in_task):
            self._is_plain, self._is_json = True, bool(self._is_json)
            return Line(line)
        if self._prefixes:
            for number, prefix in enumerate(self._prefixes):
                if found := prefix.match(line):
                    if number:
                        self._prefixes.insert(0, self._prefixes.pop(number))
                    return self._unprefixed(line, found)
        may_learn = not in_task if self._is_plain else True
        if core is not None and may_learn and (found := self._learn(line, core.start())):
            return self._unprefixed(line, found)
        return Line(line, is_own=not self._prefixes or bool(self._is_plain))

    def _learn(self, line: bytes, end: int) -> re.Match[bytes] | None:
        """Take what stands before a line that only a cron process writes for the prefix of the others."""
        sample = line[:end]
        if not 0 < end <= LONGEST_PREFIX or sample[-1] not in ENDS_OF_PREFIX:
            return None
        if self._is_plain and not TIMES.search(sample):
            return None
        prefix = Prefix(sample)
        self._prefixes = [prefix, *self._prefixes[: MOST_PREFIXES - 1]]
        self._is_json = bool(self._is_json)
        return prefix.match(line)

    def _unprefixed(self, line: bytes, found: re.Match[bytes]) -> Line | None:
        groups = found.groupdict()
        text = line[found.end() :]
        if groups.get("part") is not None:
            text, self._begun = self._begun + text, b""
            if groups["part"] == b"P" and len(text) < 65_536:  # the container's runtime cuts long lines
                self._begun = text
                return None
        time = groups.get("time")
        host, pid = self._writer(found[0], time)
        return Line(text, read_timestamp(time, changed_at=self._changed_at) if time else None, host, pid)

    def _writer(self, prefix: bytes, time: bytes | None) -> tuple[str | None, int | None]:
        """Return host and pid that a prefix names."""
        names = prefix.replace(time, b" ", 1).strip() + b" " if time else prefix
        if names not in self._writers:
            if len(self._writers) > 1000:
                self._writers.clear()
            found = WRITER.search(names)
            host = found and (found["host"] or found["loghost"])
            pid = found and (found["pid"] or found["logpid"])
            self._writers[names] = (
                host.decode("utf-8", "replace") if host else None,
                int(pid) if pid else None,
            )
        return self._writers[names]

    def _out_of_html(self, line: Line) -> list[Line]:
        """Return the lines that a browser would show."""
        if not self._is_html and not LINE_BREAK.search(line.text):
            return [line]
        self._is_html = True
        parts = LINE_BREAK.split(line.text)
        shown = [_without_markup(part) for part in (parts if parts[-1].strip() else parts[:-1])]
        return [line._replace(text=part.strip(b"\r\n")) for part in shown] or [line._replace(text=b"")]


def _varying(text: bytes) -> bytes:
    """Return a pattern for a text in which numbers, what is made of them, and blanks may differ.

    >>> re.fullmatch(_varying(b"cron-2841-x7k2p | "), b"cron-99-a1  | ") is not None
    True
    """
    parts = re.findall(rb"(?:stdout|stderr) [FP] |[ \t]+|[A-Za-z0-9]+|[^A-Za-z0-9 \t]", text)
    return b"".join(map(_varying_part, parts))


def _varying_part(part: bytes) -> bytes:
    if part.startswith((b"stdout ", b"stderr ")):
        return rb"(?:stdout|stderr) (?P<part>[FP]) "
    if part.isspace():
        return rb"[ \t]+" if part != b" " else b" +"
    if part.isdigit():
        return rb"[0-9]+"
    return rb"[A-Za-z0-9]+" if any(48 <= byte < 58 for byte in part) else re.escape(part)


def _without_markup(text: bytes) -> bytes:
    text = TAG.sub(b"", text)
    if b"&" in text:
        text = ENTITY.sub(_character, text)
    return text


def _character(found: re.Match[bytes]) -> bytes:
    from html import unescape

    return unescape(found[0].decode("ascii")).encode("utf-8", "replace")


def _json_timestamp(said: dict[str, object]) -> Timestamp | None:
    for key in TIME_KEYS:
        value = said.get(key)
        if isinstance(value, str) and value.isdigit() and len(value) == 16:  # journald's microseconds
            return int(value) / 1e6
        if isinstance(value, int | float) and 1e9 < value < 1e13:
            return value / 1000 if value > 1e11 else float(value)
        if isinstance(value, str) and (found := TIMES.match(value.encode())):
            return read_timestamp(found[0], changed_at=None)
    return None
