"""The real program in a process of its own, and a site to run it in."""

import fcntl
import json
import os
import pty
import select
import struct
import subprocess
import sys
import termios
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.patience import DEADLINE
from tests.warm import WARM

PROGRAM = (sys.executable, "-m", "taskrunner")
CONFIG = """\
timezone = "UTC"
{config}
"""
PREAMBLE = """\
import os
import signal
import sys
from taskrunner import AdhocTask, Every, ScheduledTask, mtrace, queue_adhoc_task


"""
FORUM = """\
class SendDigest(ScheduledTask):
    '''Send digests.'''

    schedule = Every(hours=1)

    def execute(self):
        mtrace("to Ada")


class Broken(ScheduledTask):
    schedule = Every(hours=1)

    def execute(self):
        raise ValueError("disk is full")


class Quiet(ScheduledTask):
    schedule = "0 3 * * *"
    disabled = True

    def execute(self):
        mtrace("hush")


class Mail(AdhocTask):
    '''Send one mail.'''

    def execute(self):
        mtrace(f"mail {self.custom_data}")
"""


@dataclass
class Program:
    """A site in a folder, and `taskrun` run in it; nothing of the environment of the tests is passed on."""

    root: Path
    environ: dict[str, str] = field(default_factory=dict)
    database_line: str = ""

    def configure(self, config: str = "") -> Path:
        path = self.root / "taskrunner.toml"
        line = "" if "database =" in config else self.database_line
        path.write_text(line + CONFIG.format(config=config), "utf-8")
        return path

    def line(self, number: int) -> int:
        """Return the line of the file that has a line of the config as it would be without a database."""
        return number + self.database_line.count("\n")

    def write(self, plugin: str, text: str, *, preamble: str = PREAMBLE) -> Path:
        path = self.root / "plugins" / f"{plugin}.py"
        path.parent.mkdir(mode=0o755, exist_ok=True)
        path.write_text(preamble + text, "utf-8")
        path.chmod(0o644)
        return path

    def environment(self) -> dict[str, str]:
        given = {"HOME": str(self.root), "PATH": "/usr/bin:/bin", "COLUMNS": "200"}
        return {name: value for name, value in (given | self.environ).items() if value}

    def run(
        self, *arguments: str, cwd: Path | None = None, input: str = "", **options: Any
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, forked from a warm process unless it needs a start of its own."""
        where, environ = cwd or self.root, self.environment()
        return WARM.run(arguments, cwd=where, environ=environ, timeout=DEADLINE, told=input, **options)

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[bytes]:
        return subprocess.Popen([*PROGRAM, *arguments], cwd=self.root, env=self.environment(), **options)

    def prints(self, *arguments: str, **options: Any) -> str:
        """Run a command that is to succeed, and return what it prints."""
        done = self.run(*arguments, **options)
        assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
        return done.stdout

    def completes(
        self, line: str, *, shell: str = "bash", program: Sequence[str] = (), cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Press TAB behind a line; another `program` may answer."""
        words = line.split(" ")
        asking = {
            "COMP_WORDS": line if shell != "zsh" else "\n".join(words),
            "COMP_CWORD": str(len(words) - 1) if shell != "fish" else words[-1],
            "_TASKRUN_COMPLETE": f"{shell}_complete",
        }
        where, environ = cwd or self.root, self.environment() | asking
        if program:
            options = {"cwd": where, "env": environ, "timeout": DEADLINE, "encoding": "utf-8"}
            return subprocess.run(program, capture_output=True, check=True, **options)
        done = WARM.run((), cwd=where, environ=environ, timeout=DEADLINE)
        done.check_returncode()
        return done

    def refuses(self, *arguments: str, **options: Any) -> tuple[int, str]:
        """Run a command that is to fail, and return its exit code and what it says on stderr."""
        done = self.run(*arguments, **options)
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode, done.stderr

    def reads(self, *arguments: str) -> Any:
        """Run a command with --json, and return what it prints, read."""
        return json.loads(self.prints(*arguments, "--json"))

    def shows(self, *arguments: str, columns: int = 80, typed: str = "") -> str:
        """Run a command on a terminal of so many columns, told `typed`, and return what is seen."""
        reading, writing = pty.openpty()
        fcntl.ioctl(writing, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        environ = {"TERM": "xterm-256color"} | self.environment()
        environ.pop("COLUMNS", None)
        pid = WARM.start(arguments, [writing] * 3, cwd=self.root, environ=environ)
        os.close(writing)
        os.write(reading, typed.encode())
        try:
            seen = b"".join(iter(lambda: _read(reading), b""))
        finally:
            os.close(reading)
            WARM.wait(pid, arguments, DEADLINE)
        return seen.decode().replace("\r\n", "\n")


def _read(descriptor: int) -> bytes:
    assert select.select([descriptor], [], [], DEADLINE)[0], "the terminal stays silent"
    try:
        return os.read(descriptor, 65_536)
    except OSError:  # the end of a terminal whose other side is closed
        return b""
