"""Weeks of minutes: each a cron, but where the machine is off; the clock is set, processes die."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Any
from zoneinfo import ZoneInfo

from taskrunner.idle import passes_idly
from tests.databases import ask, sqlite_url
from tests.soak.clock import CLOCK
from tests.soak.oracle import RULES, Oracle
from tests.warm import import_everything

BERLIN = ZoneInfo("Europe/Berlin")
LONG_AGO = (1_500_000_000, 1_500_000_000)
MINUTE, HOUR, DAY = 60, 3600, 86_400
AFTER_THE_MINUTE = 1.0
"""Seconds: when cron starts what its table says."""

CONFIG = """\
{database}
timezone = "Europe/Berlin"
"""
HEAD = """\
import os
import signal
import time
from taskrunner import AdhocTask, Every, ScheduledTask, queue_adhoc_task


def note(*words):
    with open({ledger!r}, "a") as ledger:
        print(*words, int(time.time()), file=ledger)


def count(name):
    with open({ledger!r}) as ledger:
        return sum(line.startswith(name + " ") for line in ledger)


class Letter(AdhocTask):
    def execute(self):
        note("Letter", self.custom_data)
"""
TASK = """

class {name}(ScheduledTask):
    schedule = {schedule!r}
    timezone = {zone!r}

    def execute(self):
        number = count({name!r}) + 1
        note({name!r}, number)
        if number in {fails}:
            raise ValueError("as it is to be")
        if number in {dies}:
            os.kill(os.getpid(), signal.SIGKILL)
        if {name!r} == "Hourly":
            for letter in range(2):
                queue_adhoc_task(Letter(number * 10 + letter))
"""
MOST_RUNS = 5000
COUNTED = 3 * HOUR
"""Seconds between two idle crons whose instructions are counted."""


@dataclass(frozen=True)
class Event:
    """At a time of the clock: it is set by so many seconds, or the machine is off for so many."""

    at: datetime
    step: int = 0
    off: int = 0


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


THREE_WEEKS = (
    _at("2027-03-20T00:00"),
    _at("2027-04-10T00:00"),
    (
        Event(_at("2027-03-22T12:10"), step=-2 * HOUR),
        Event(_at("2027-03-23T12:10"), step=2 * HOUR),
        Event(_at("2027-03-24T02:40"), step=-20 * MINUTE),
        Event(_at("2027-03-25T02:20"), step=20 * MINUTE),
        Event(_at("2027-03-26T01:30"), off=26 * HOUR),
        # Sunday 28: Berlin's spring; the machine is on
        Event(_at("2027-03-30T08:00"), off=7 * MINUTE),
        Event(_at("2027-03-31T23:30"), off=3 * HOUR),
        # Saturday 3, 17:00 in Berlin: Sydney's and Lord Howe's autumn
        Event(_at("2027-04-03T19:50"), step=-20 * MINUTE),
        Event(_at("2027-04-06T03:30"), step=-2 * HOUR),
        Event(_at("2027-04-07T02:25"), step=20 * MINUTE),
        Event(_at("2027-04-08T16:00"), off=40 * HOUR),
    ),
)
"""Begin, end, and what happens: both clock changes of the year, steps both ways, nights off."""

SIX_HOURS_TWICE = (
    _at("2027-03-28T01:10"),
    _at("2027-04-03T21:00"),
    (
        Event(_at("2027-03-28T04:10"), step=-20 * MINUTE),
        Event(_at("2027-03-28T05:12"), step=20 * MINUTE),
        Event(_at("2027-03-28T06:00"), off=6 * DAY + 8 * HOUR + 30 * MINUTE),
        Event(_at("2027-04-03T18:30"), step=-2 * HOUR),
        Event(_at("2027-04-03T18:32"), step=2 * HOUR),
    ),
)
"""The hours around both clock changes: a quick form of the three weeks."""

Period = tuple[datetime, datetime, tuple[Event, ...]]


@dataclass
class Soak:
    """What was counted; `broken` has every difference between what ran and what had to."""

    crons: int = 0
    idle: int = 0
    missed: int = 0
    doubled: int = 0
    early: int = 0
    started: Counter[str] = field(default_factory=Counter)
    instructions: list[int] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    @property
    def of_an_idle_cron(self) -> tuple[int, int]:
        """How many instructions one takes, soon after the beginning and last."""
        return (self.instructions[0], self.instructions[-1]) if self.instructions else (0, 0)

    def told(self) -> str:
        first, last = self.of_an_idle_cron
        counts = f"{self.missed} missed, {self.doubled} doubled, {self.early} early"
        return (
            f"{self.crons} crons, {self.idle} of them idle, {self.started.total()} runs: {counts}; "
            f"an idle cron: {first} instructions of Python at first, {last} at last"
        )


class SoakSite:
    """A site in a folder whose crons are forked from this process, as they would be started."""

    def __init__(self, root: Path, database_line: str = "") -> None:
        self.root = root
        self.config = root / "taskrunner.toml"
        self.ledger = root / "ledger"
        self.ledger.touch()
        self.url = database_line.partition('"')[2].rpartition('"')[0] or sqlite_url(root)
        plugin = root / "plugins" / "soak.py"
        plugin.parent.mkdir(mode=0o755)
        self.config.write_text(CONFIG.format(database=database_line.strip()))
        plugin.write_text(HEAD.format(ledger=str(self.ledger)) + "".join(map(self._task, RULES)))
        for path in (plugin, self.config, plugin.parent, root):
            os.utime(path, LONG_AGO)  # what is young is read again
        self._aged: set[str] = set()

    def _task(self, rule: Any) -> str:
        numbers = range(1, MOST_RUNS)
        return TASK.format(
            name=rule.name,
            schedule=rule.schedule,
            zone=None if rule.every else rule.zone,
            fails={number for number in numbers if rule.fails(number)} if rule.fails(2) else set(),
            dies={number for number in numbers if rule.dies(number)} if rule.dies(3) else set(),
        )

    @property
    def arguments(self) -> list[str]:
        return ["--config", str(self.config), "cron"]

    def passes_idly(self) -> bool:
        return passes_idly(self.arguments, environ=os.environ, now=CLOCK.now)

    def cron(self) -> int:
        """Fork a child that becomes `taskrun cron`; return its exit code, negative for a signal."""
        child = os.fork()
        if child == 0:
            try:
                sys.argv = ["taskrun", *self.arguments]
                self._be_alone()
                _run_program()
            except BaseException:
                traceback.print_exc()
                sys.stderr.flush()
            finally:
                os._exit(70)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        self._age_log_files()
        return code

    def _be_alone(self) -> None:
        os.chdir("/")
        null = os.open(os.devnull, os.O_RDWR)
        errors = os.open(self.root / "errors", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        for number, target in ((0, null), (1, null), (2, errors)):
            os.dup2(target, number)

    def _age_log_files(self) -> None:
        """Give what was written the time of the clock: from it the end of a run that died is known."""
        for path in (self.root / "log").rglob("*.log"):
            if path.name not in self._aged and path.stat().st_size:
                os.utime(path, (CLOCK.now, CLOCK.now))
                self._aged.add(path.name)

    def noted(self, since: int) -> tuple[list[list[str]], int]:
        """Return the lines of the ledger behind an offset, in words, and the offset behind them."""
        with self.ledger.open() as ledger:
            ledger.seek(since)
            lines = [line.split() for line in ledger]
            return lines, ledger.tell()

    def errors(self) -> str:
        path = self.root / "errors"
        return path.read_text() if path.exists() else ""


def _run_program() -> None:
    from taskrunner.__main__ import main

    try:
        main()
    except SystemExit as leaving:
        os._exit(leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None))
    os._exit(0)


def minutes(period: Period) -> Iterator[float]:
    """Give the times of the clock at which a cron starts."""
    begin, end, events = period
    now, number, waiting = begin.timestamp(), 0, list(events)
    while now < end.timestamp():
        if waiting and now >= waiting[0].at.timestamp():
            event = waiting.pop(0)
            now += event.step + event.off
        yield now + AFTER_THE_MINUTE + number * 1e-6  # no two at the same moment, also where it comes again
        now += MINUTE
        number += 1


def soak(root: Path, period: Period, database_line: str = "") -> Soak:
    """Run a cron in each minute of a period; compare what it starts with what the oracle says."""
    import_everything()
    os.environ.clear()
    os.environ.update(HOME=str(root), PATH="/usr/bin:/bin")
    weeks, found = Weeks(SoakSite(root, database_line), period[1].timestamp()), Soak()
    for now in minutes(period):
        CLOCK.now = now
        weeks.minute(found, now)
        if len(found.broken) > MOST_TOLD:
            break
    _compare_rows(found, weeks.site)
    return found


MOST_TOLD = 20


@dataclass
class Weeks:
    """One minute after the other of a site, until `last`: what its crons start is what the oracle says."""

    site: SoakSite
    last: float
    oracle: Oracle | None = None
    letters: set[str] = field(default_factory=set)
    _offset: int = 0
    _counted: int = 0

    def minute(self, found: Soak, now: float) -> None:
        """Do what cron does in a minute, then compare the ledger."""
        if self.oracle is None:
            self.oracle = Oracle(now, self.last)
        expected = [f"{name} {number}" for name, number in self.oracle.cron(now)]
        found.crons += 1
        self._cron(found, now)
        lines, self._offset = self.site.noted(self._offset)
        started = [" ".join(words[:2]) for words in lines if words[0] != "Letter"]
        letters = [words[1] for words in lines if words[0] == "Letter"]
        found.started.update(words[0] for words in lines)
        _compare(found, now, expected, started)
        self._compare_letters(found, now, started, letters)

    def _cron(self, found: Soak, now: float) -> None:
        """Pass the minute idly, else run a whole cron; now and then count the instructions of an idle one."""
        part = int(now // COUNTED)
        is_counted = found.idle > 0 and part != self._counted
        with instructions(found.instructions if is_counted else None):
            is_idle = self.site.passes_idly()
        if is_idle:
            found.idle += 1
            self._counted = part if is_counted else self._counted
            return
        if is_counted:
            found.instructions.pop()
        code = self.site.cron()
        if code not in (0, -signal.SIGKILL):
            found.broken.append(f"{_shown(now)}: exit code {code}: {self.site.errors()[-300:]}")

    def _compare_letters(self, found: Soak, now: float, started: list[str], letters: list[str]) -> None:
        """Each queued task runs once in the cron that queued it, or after a crash in the next."""
        runs = [(name, int(number)) for name, number in map(str.split, started)]
        self.letters |= {
            str(number * 10 + each) for name, number in runs if name == "Hourly" for each in (0, 1)
        }
        if len(set(letters)) < len(letters) or not set(letters) <= self.letters:
            found.doubled += 1
            found.broken.append(f"{_shown(now)}: letters {letters} of {self.letters}")
        self.letters -= set(letters)
        has_died = any(rule.name == name and rule.dies(number) for rule in RULES for name, number in runs)
        if self.letters and not has_died:
            found.missed += 1
            found.broken.append(f"{_shown(now)}: letters not run: {self.letters}")
            self.letters.clear()


def _compare(found: Soak, now: float, expected: list[str], started: list[str]) -> None:
    if started == expected:
        return
    found.missed += len(set(expected) - set(started))
    for line, times in (Counter(started) - Counter(expected)).items():
        is_again = started.count(line) > 1
        found.doubled += times * is_again
        found.early += times * (not is_again)
    found.broken.append(f"{_shown(now)}: had to start {expected}, started {started}")


def _compare_rows(found: Soak, site: SoakSite) -> None:
    """Each line of the ledger has a row, and each row a line; the files of old days are gone."""
    rows = ask(site.url, "select name, outcome, started_at from task_log where name like 'soak.%'")
    in_rows = Counter((name.removeprefix("soak."), int(at)) for name, _, at in rows)
    in_ledger = Counter((words[0], int(words[-1])) for words in site.noted(0)[0])
    last = CLOCK.now
    open_runs = Counter(key for key in in_ledger - in_rows if key[1] == int(last))
    if in_ledger - open_runs != in_rows:
        found.broken.append(f"rows and ledger differ: {in_ledger - in_rows} | {in_rows - in_ledger}")
    outcomes = Counter(outcome for _, outcome, _ in rows)
    if set(outcomes) - {"ok", "failed", "crashed"}:
        found.broken.append(f"outcomes: {outcomes}")
    old = [path for path in (site.root / "log").rglob("*.log") if path.stat().st_mtime < last - 16 * DAY]
    if old:
        found.broken.append(f"log files that are too old: {old[:3]}")
    if site.errors():
        found.broken.append(f"on stderr: {site.errors()[-500:]}")


@contextmanager
def instructions(counts: list[int] | None) -> Iterator[None]:
    """Count the instructions of Python's machine inside the block; None: do not."""
    if counts is None:
        yield
        return
    count = 0

    def trace(frame: FrameType, event: str, _: object) -> Callable[..., Any]:
        nonlocal count
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        count += event == "opcode"
        return trace

    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(None)
        counts.append(count)


def _shown(now: float) -> str:
    return f"{datetime.fromtimestamp(now, BERLIN):%d %b %H:%M %Z}"
