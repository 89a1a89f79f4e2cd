"""Real processes of a site, watched by what they leave behind, with a deadline."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.patience import DEADLINE, until
from tests.warm import WARM

TASKRUN = Path(sys.executable).with_name("taskrun")
PREAMBLE = """\
import os
import signal
import subprocess
import sys
import time
from taskrunner import AdhocTask, Every, ScheduledTask, mtrace, queue_adhoc_task


def witness(*words):
    line = " ".join(map(str, words)) + "\\n"
    file = os.open({witness!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, line.encode())
    os.close(file)


def wait_at_gate():
    with open({gate!r}) as gate:
        gate.read()


"""


@dataclass
class RealSite:
    """A site in a folder. `gate` is a FIFO at which a task waits until the test opens it."""

    root: Path
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    @classmethod
    def made_in(cls, folder: Path, database_line: str = "") -> "RealSite":
        """Make a site without a plugin, whose own tasks are off."""
        (folder / "plugins").mkdir(mode=0o755, parents=True)
        site = cls(folder)
        site.config.write_text(database_line + 'timezone = "UTC"\n[tasks."core.*"]\ndisabled = true\n')
        os.mkfifo(site.gate)
        return site

    @property
    def config(self) -> Path:
        return self.root / "taskrunner.toml"

    @property
    def gate(self) -> Path:
        return self.root / "gate"

    @property
    def environment(self) -> dict[str, str]:
        return {"HOME": str(self.root), "PATH": "/usr/bin:/bin"}

    def write(self, plugin: str, text: str) -> None:
        preamble = PREAMBLE.format(witness=str(self.root / "witness"), gate=str(self.gate))
        path = self.root / "plugins" / f"{plugin}.py"
        path.write_text(preamble + text, "utf-8")
        path.chmod(0o644)

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
        process = subprocess.Popen(
            [TASKRUN, "--config", self.config, *arguments],
            cwd=self.root,
            env=self.environment,
            encoding="utf-8",
            **options,
        )
        self.started.append(process)
        return process

    def run(self, *arguments: str, told: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command to its end: one that runs tasks is started anew, any other is forked, and `told`."""
        if arguments[0] not in ("cron", "run-task"):
            command = ["--config", str(self.config), *arguments]
            return WARM.run(command, cwd=self.root, environ=self.environment, timeout=DEADLINE, told=told)
        process = self.start(*arguments)
        printed, told = process.communicate(timeout=DEADLINE)
        return subprocess.CompletedProcess(process.args, process.returncode, printed, told)

    def reads(self, *arguments: str) -> Any:
        command = ["--config", str(self.config), *arguments, "--json"]
        done = WARM.run(command, cwd=self.root, environ=self.environment, timeout=DEADLINE)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def outcomes(self) -> list[tuple[str, str]]:
        """Return (name, outcome) of the kept runs, oldest first."""
        return [(row["name"], row["outcome"]) for row in reversed(self.reads("log"))]

    def output(self, name: str) -> str:
        """Return what the newest kept run of a task printed."""
        [row, *_] = self.reads("log", name)
        shown: str = self.reads("log", "show", row["run_id"])[0]["output"]
        return shown

    def witnessed(self) -> list[str]:
        path = self.root / "witness"
        return path.read_text("utf-8").splitlines() if path.exists() else []

    def wait_for(self, *words: str) -> None:
        """Wait until a task has witnessed all of these words."""
        until(lambda: set(words) <= set(self.witnessed()), f"{words} in {self.witnessed()}")

    def interrupt(self, process: subprocess.Popen[str], number: int, *, times: int) -> None:
        """Send a signal as often as asked for, each after the one before was answered.

        The kernel makes one of two equal signals that wait together.
        """
        answers = ("== Exiting gracefully", "== Exiting right NOW ==")
        for answer in answers[:times]:
            process.send_signal(number)
            until(lambda answer=answer: answer in self.log(), f"{answer} in {self.log()}")

    def log(self) -> str:
        """Return the text of all log files."""
        files = sorted(path for path in (self.root / "log").rglob("*") if path.is_file())
        return "".join(path.read_text("utf-8", "replace") for path in files)

    def open_gate(self, process: subprocess.Popen[str] | None = None) -> None:
        """Let the task go on that waits at the gate, unless its process has ended."""
        until(
            lambda: self._opened() or (process and process.poll() is not None), "somebody waits at the gate"
        )

    def _opened(self) -> bool:
        try:
            os.close(os.open(self.gate, os.O_WRONLY | os.O_NONBLOCK))
        except OSError:  # ENXIO: nobody has opened it for reading yet
            return False
        return True

    def left_behind(self) -> list[str]:
        """Return what in the state directory belongs to no living process and to no later one."""
        kept = {"taskrunner.db", "taskrunner.db.id", "registry.json", "idle.cache", "last_cron", "reserve"}
        slots = {f"locks/{kind}-{number}.lock" for kind in ("scheduled", "adhoc") for number in range(3)}
        state = self.root / "state"
        journal = state / "taskrunner.db-journal"
        if journal.exists() and not journal.stat().st_size:
            kept.add(journal.name)  # a transaction that was not committed would fill it
        found = {str(path.relative_to(state)) for path in state.rglob("*") if path.is_file()}
        return sorted(found - kept - slots)

    def end(self) -> None:
        for process in self.started:
            if process.poll() is None:
                process.kill()
            process.communicate()
