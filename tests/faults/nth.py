"""Each call of the operating system fails once: the n-th write, open, lock … of a whole cron on SQLite.

It fails in the state directory, or where the program reads code: in plugins and in its own queries. After
each fault one clean cron runs, then ledger, tables and messages are compared. The calls are made to fail by
a small library that is preloaded; without a C compiler by patching `os`, for Python's calls only.
"""

from __future__ import annotations

import errno
import os
import random
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from taskrunner.store import QUERIES
from tests.faults.invariants import Findings

SOURCE = Path(__file__).with_suffix(".c")
KINDS = ("write", "pwrite", "fsync", "open", "rename", "unlink", "flock", "pread", "read")
ERRNOS = {
    "write": (errno.EIO, errno.ENOSPC),
    "pwrite": (errno.EIO, errno.ENOSPC),
    "fsync": (errno.EIO,),
    "open": (errno.EIO, errno.EMFILE),
    "rename": (errno.EIO, errno.ENOSPC),
    "unlink": (errno.EIO, errno.EROFS),
    "flock": (errno.EIO, errno.ENOLCK),
    "pread": (errno.EIO,),
    "read": (errno.EIO,),
}
KILLED = 0
"""Instead of an errno: the process is killed before the call."""

STATE, CODE = "state", "code"
"""Where calls fail: in the state directory, or in plugins and queries, which are only read."""

DOCUMENTED = {0, 65, 69, 75, 78, -signal.SIGKILL}
TASKS = 3
PLUGIN = """
from taskrunner import AdhocTask, Every, ScheduledTask

def note(what):
    with open({ledger!r}, "a") as file:
        print(what, file=file)
    print("noted", what)

class Note(AdhocTask):
    def execute(self):
        note(self.custom_data)

class Daily(ScheduledTask):
    schedule = Every(days=1)

    def execute(self):
        note("daily")
"""

FALLBACK = """
import builtins, mmap, os, signal
folders, report = tuple(os.environ["NTH_FOLDERS"].split(":")), os.environ["NTH_REPORT"]
kind, number, fault = (int(os.environ.get(name, -1)) for name in ("NTH_KIND", "NTH_NUMBER", "NTH_ERRNO"))
names = (("write", 0), ("pwrite", 1), ("fsync", 2), ("open", 3), ("replace", 4), ("unlink", 5), ("pread", 7))
file = os.open(report, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
os.ftruncate(file, 36)
counts = memoryview(mmap.mmap(file, 36)).cast("I")  # the program closes what it has not opened itself
os.close(file)

def is_ours(place):
    try:
        path = os.readlink(f"/proc/self/fd/{place}") if isinstance(place, int) else os.fspath(place)
    except OSError:
        return False
    return str(path).startswith(folders)

def patched(real, which):
    def call(place, *rest, **more):
        if is_ours(place):
            counts[which] += 1
            if (which, counts[which]) == (kind, number):
                if not fault:
                    os.kill(os.getpid(), signal.SIGKILL)
                raise OSError(fault, os.strerror(fault), str(place))
        return real(place, *rest, **more)
    return call

for name, which in names:
    setattr(os, name, patched(getattr(os, name), which))
builtins.open = patched(open, 8)
"""


@dataclass(frozen=True)
class Fault:
    """The how manieth call of which kind fails, and with which errno."""

    kind: str
    number: int
    errno: int

    def __str__(self) -> str:
        how = errno.errorcode[self.errno] if self.errno else "SIGKILL"
        return f"{self.kind} {self.number}: {how}"


class NthSite:
    """A site whose crons are made to fail somewhere; each fault begins with the same state."""

    def __init__(self, folder: Path, where: str = STATE, *, preloads: bool = True) -> None:
        self.folder = folder / "site"
        self._where = where
        self._fresh = folder / "fresh"
        self._tools = folder / "tools"
        self._report = folder / "report"
        self.ledger = folder / "ledger"
        self._tools.mkdir()
        (self.folder / "plugins").mkdir(parents=True)
        (self.folder / "plugins" / "nth.py").write_text(PLUGIN.format(ledger=str(self.ledger)))
        (self.folder / "taskrunner.toml").write_text("")
        self.taskrun("list")
        for number in range(TASKS):
            self.taskrun("adhoc", "queue", "nth.Note", "--data", str(number))
        shutil.copytree(self.folder, self._fresh, symlinks=True)
        self._preload = self._tools / "nth.so"
        gcc = (shutil.which("gcc") or shutil.which("cc")) if preloads else None
        if gcc:
            subprocess.run([gcc, "-shared", "-fPIC", "-O1", "-o", self._preload, SOURCE, "-ldl"], check=True)
        else:
            (self._tools / "sitecustomize.py").write_text(FALLBACK)
        self.how = "preloaded" if gcc else "patched"

    def taskrun(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run the program to its end."""
        return subprocess.run(
            [
                sys.executable,
                "-m",
                "taskrunner",
                "--config",
                str(self.folder / "taskrunner.toml"),
                *arguments,
            ],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            errors="replace",
            timeout=600,
            check=False,
        )

    def count(self) -> dict[str, int]:
        """Return how many calls of each kind a whole cron makes."""
        self._begin_anew()
        self._faulty_cron(None)
        return dict(zip(KINDS, struct.unpack("9I", self._report.read_bytes()), strict=True))

    def broken_by(self, fault: Fault) -> list[str]:
        """Make a fault in one cron, run a clean one, and return which promises were broken."""
        self._begin_anew()
        faulty = self._faulty_cron(fault)
        clean = self.taskrun("cron")
        broken = [
            f"{fault}: {what} {done.returncode}: {done.stderr.strip()[-300:]}"
            for what, done in (("the faulty cron ended with", faulty), ("the clean cron ended with", clean))
            if "Traceback" in done.stderr or done.returncode not in DOCUMENTED
        ]
        if clean.returncode:
            broken.append(
                f"{fault}: the clean cron ended with {clean.returncode}: {clean.stderr.strip()[-300:]}"
            )
        found = self._lost_or_twice(killed=not fault.errno)
        if self._where == CODE and fault.errno:
            found += self._undone()
        return broken + [f"{fault}: {what}" for what in found]

    def _undone(self) -> list[str]:
        """Return what was not done although nothing that had been read had harmed it."""
        noted = set(self.ledger.read_text().split()) if self.ledger.exists() else set()
        undone = {"daily", *map(str, range(TASKS))} - noted
        return [f"undone: {sorted(undone)}"] if undone else []

    def _lost_or_twice(self, *, killed: bool) -> list[str]:
        noted = self.ledger.read_text().split() if self.ledger.exists() else []
        with closing(sqlite3.connect(self.folder / "state" / "taskrunner.db")) as connection:
            ok = dict(
                connection.execute(
                    "select adhoc_id, count(*) from task_log where outcome = 'ok' group by adhoc_id"
                )
            )
            waiting = {row[0] for row in connection.execute("select id from task_adhoc")}
            [integrity] = connection.execute("pragma integrity_check").fetchone()
        ok.pop(None, None)  # scheduled tasks
        lost = set(range(1, TASKS + 1)) - set(ok) - waiting
        broken = [f"lost: {sorted(lost)}"] if lost else []
        broken += [f"recorded twice: {ok}"] if any(count > 1 for count in ok.values()) else []
        broken += [f"done twice: {noted}"] if not killed and len(noted) > len(set(noted)) else []
        return broken + ([f"integrity_check: {integrity}"] if integrity != "ok" else [])

    def _faulty_cron(self, fault: Fault | None) -> subprocess.CompletedProcess[str]:
        code = f"{self.folder / 'plugins'}:{QUERIES}"
        folders = str(self.folder / "state") if self._where == STATE else code
        environment = {"NTH_FOLDERS": folders, "NTH_REPORT": str(self._report)}
        if fault is not None:
            environment["NTH_KIND"] = str(KINDS.index(fault.kind))
            environment |= {"NTH_NUMBER": str(fault.number), "NTH_ERRNO": str(fault.errno)}
        if self.how == "preloaded":
            environment["LD_PRELOAD"] = str(self._preload)
        else:
            environment["PYTHONPATH"] = f"{self._tools}:{os.environ.get('PYTHONPATH', '')}"
        return self.taskrun("cron", **environment)

    def _begin_anew(self) -> None:
        shutil.rmtree(self.folder)
        shutil.copytree(self._fresh, self.folder, symlinks=True)
        self.ledger.unlink(missing_ok=True)
        self._report.unlink(missing_ok=True)


def faults_of(counts: dict[str, int]) -> list[Fault]:
    """Return every fault there is for a cron that makes so many calls of each kind."""
    return [
        Fault(kind, number, how)
        for kind, count in counts.items()
        for number in range(1, count + 1)
        for how in (*ERRNOS[kind], KILLED)
    ]


def nth_faults(
    folder: Path, seed: int, sample: int | None, where: str = STATE, *, preloads: bool = True
) -> tuple[Findings, str]:
    """Make every fault, or a sample of so many; return what was broken."""
    site, found = NthSite(folder, where, preloads=preloads), Findings()
    every = faults_of(site.count())
    tried = every if sample is None else random.Random(seed).sample(every, min(sample, len(every)))
    for fault in tried:
        found.broken += site.broken_by(fault)
    found.lost = sum(": lost: " in what for what in found.broken)
    found.twice = sum(" twice: " in what for what in found.broken)
    by_kind = ", ".join(f"{sum(fault.kind == kind for fault in tried)} {kind}" for kind in KINDS)
    return found, f"{len(tried)} of {len(every)} faults {site.how}: {by_kind}"
