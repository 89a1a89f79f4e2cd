"""A site under fault: tasks that note in a ledger what they did, and crons that can be killed quickly."""

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from taskrunner.config import load_config
from taskrunner.installation import Site, open_site

PLUGIN = """\
import os
import time
from taskrunner import AdhocTask, ScheduledTask, clear_static_caches, mtrace


def note(what, task, number):
    line = f"{{what}} {{task.name}} {{number}} {{task.run_id}} {{time.time()!r}}\\n"
    ledger = os.open({ledger!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(ledger, line.encode())
    os.close(ledger)


class Work(AdhocTask):
    attempts = 1_000_000

    def execute(self):
        note("start", self, self.custom_data)
        mtrace(f"begun {{self.custom_data}}")
        time.sleep({seconds})
        note("effect", self, self.custom_data)
        mtrace(f"done {{self.custom_data}}")


class Few(Work):
    concurrency_limit = 2


class Clears(Work):
    def execute(self):
        super().execute()
        clear_static_caches()


class Beat(ScheduledTask):
    schedule = "* * * * *"

    def execute(self):
        note("start", self, 0)
        mtrace("beat")
        note("effect", self, 0)
"""
CONFIG = """\
{database}
timezone = "UTC"
plugin_dirs = ["{plugins}"]

[cron]
adhoc_concurrency_limit = {slots}
scheduled_concurrency_limit = {slots}

[log]
max_runs = 1000000

[tasks."core.*"]
disabled = true
"""


@dataclass(frozen=True)
class Note:
    """A line that a task wrote into the ledger; `number` tells which task of its class."""

    what: str
    name: str
    number: int
    run_id: str
    at: float


@dataclass(frozen=True)
class FaultySite:
    """A folder with plugins, a ledger, and a configuration for each host that works on one database."""

    root: Path
    database: str
    slots: int = 3

    def prepare(self, *, seconds: float = 0.0) -> None:
        plugins = self.root / "plugins"
        plugins.mkdir(mode=0o755, parents=True)
        self.root.chmod(0o755)
        self.write_plugin("faulty", PLUGIN.format(ledger=str(self.root / "ledger"), seconds=seconds))
        self.config()

    def write_plugin(self, name: str, text: str | bytes) -> Path:
        path = self.root / "plugins" / f"{name}.py"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        path.chmod(0o644)
        return path

    def config(self, host: str = "here") -> Path:
        """Return the configuration of a host, made if there is none yet."""
        path = self.root / host / "taskrunner.toml"
        if not path.exists():
            path.parent.mkdir(mode=0o755, parents=True)
            line = f'database = "{self.database}"'
            text = CONFIG.format(database=line, plugins=self.root / "plugins", slots=self.slots)
            path.write_text(text, "utf-8")
        return path

    @contextmanager
    def opened(self) -> Iterator[Site]:
        config = load_config(self.config(), environ={}, cwd=self.root)
        site = open_site(config, now=time.time())
        try:
            yield site
        finally:
            site.store.close()

    def notes(self) -> list[Note]:
        path = self.root / "ledger"
        lines = path.read_text("utf-8").splitlines() if path.exists() else []
        return [
            Note(what, name, int(number), run_id, float(at))
            for what, name, number, run_id, at in map(str.split, lines)
        ]

    def ledger_size(self) -> int:
        path = self.root / "ledger"
        return path.stat().st_size if path.exists() else 0

    def start_cron(self, *arguments: str, host: str = "here", before: Callable[[], object] = int) -> int:
        """Fork a child that becomes `taskrun cron` on a host of that name; return its pid."""
        child = os.fork()
        if child == 0:
            try:
                sys.argv = ["taskrun", "--config", str(self.config(host)), "cron", *arguments]
                _pretend_to_be(host)
                before()
                _silence(self.root / "errors")
                _run_program()
            except BaseException:
                traceback.print_exc()
                sys.stderr.flush()
            finally:
                os._exit(70)
        return child

    def cron(self, *arguments: str, host: str = "here") -> int:
        """Run one cron and return its exit code, negative for a signal."""
        return ended(self.start_cron(*arguments, host=host))

    def errors(self) -> str:
        path = self.root / "errors"
        return path.read_text("utf-8", "replace") if path.exists() else ""

    def let_time_pass(self) -> None:
        """Make what lies in the state directories old, so that it is looked at as what is left behind."""
        for pattern in ("*/state/locks/*", "*/state/ended/*"):
            for path in self.root.glob(pattern):
                os.utime(path, (0, 0))

    def make_due(self) -> None:
        """Let what waits after a crash be due at once."""
        with self.opened() as site:
            for row in site.store.adhoc.list():
                site.store.adhoc.reschedule(row.id, time.time())


def ended(pid: int) -> int:
    """Wait for a child; return its exit code, negative for a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def ended_all(pids: list[int], *, meanwhile: Callable[[], object], pause: Callable[[], float]) -> list[int]:
    """Do something again and again until all children have ended; return their exit codes.

    No thread: a child that is forked beside one may never get a lock that it held.
    """
    codes, left = [], set(pids)
    while left:
        time.sleep(pause())
        for pid in sorted(left):
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                left.discard(pid)
                codes.append(os.waitstatus_to_exitcode(status))
        if left:
            meanwhile()
    return codes


def kill(pid: int) -> None:
    """End a process at once, and wait until it is gone."""
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def _pretend_to_be(host: str) -> None:
    if host == "here":  # under its own name, which a process that starts anew has as well
        return
    system, _, *rest = os.uname()
    told = os.uname_result((system, host, *rest))
    os.uname = lambda: told


def _silence(errors: Path) -> None:
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDWR)
    told = os.open(errors, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    for number, target in ((0, nothing), (1, nothing), (2, told)):
        os.dup2(target, number)
    sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115


def _run_program() -> None:
    from taskrunner.__main__ import main

    try:
        main()
    except SystemExit as leaving:
        os._exit(leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None))
    os._exit(0)
