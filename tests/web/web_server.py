"""A copy of contrib/example_web, served on loopback by one of the servers that Python sites use."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from taskrunner.web.ticker import GIF
from tests.patience import DEADLINE, until

EXAMPLE = Path(__file__).parents[2] / "contrib" / "example_web"
OUTPUT = ("data", "log", "state", "__pycache__")
IMAGE = "/_taskrun/tick.gif"
SLOW = """
import os
import time
from pathlib import Path

from taskrunner import Every, ScheduledTask

SITE = Path(__file__).parent.parent


class Slow(ScheduledTask):
    schedule = Every(hours=1)

    def execute(self) -> None:
        with (SITE / "started").open("a") as started:
            print(os.getpid(), time.time(), file=started)
        while SITE.exists() and not (SITE / "go").exists():  # it may be gone before the next look
            time.sleep(0.02)
        (SITE / "ended").write_text(str(time.time()))
"""

ASGI = """
from app import SITE
from taskrunner.web import AsgiTickMiddleware


async def page(scope, receive, send):
    if scope["type"] != "http":
        raise RuntimeError("there is nothing to do at start and end")
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b""})


application = AsgiTickMiddleware(page, config=SITE / "taskrunner.toml")
"""

BIN = Path(sys.executable).parent
PYTHON = str(BIN / "python")
GUNICORN = (
    *(PYTHON, "-m", "gunicorn", "--bind", "127.0.0.1:{port}", "--worker-tmp-dir", "/dev/shm"),
    *("--log-level", "error", "--workers", "{workers}"),
)
UWSGI = (
    *(str(BIN / "uwsgi"), "--http-socket", "127.0.0.1:{port}", "--module", "app:application", "--need-app"),
    *("--master", "--processes", "{workers}", "--virtualenv", sys.prefix, "--disable-logging"),
)
GRANIAN = (str(BIN / "granian"), "--port", "{port}", "--workers", "{workers}", "--no-log")
WSGI_APP, ASGI_APP = "app:application", "asgi_app:application"

SERVERS = {
    "gunicorn": (*GUNICORN, "--threads", "4", WSGI_APP),
    "gunicorn sync": (*GUNICORN, WSGI_APP),
    "gunicorn sync preload": (*GUNICORN, "--preload", WSGI_APP),
    "gunicorn gthread preload": (*GUNICORN, "--preload", "--threads", "4", WSGI_APP),
    "gunicorn gevent": (*GUNICORN, "-k", "gevent", WSGI_APP),
    "gunicorn gevent preload": (*GUNICORN, "--preload", "-k", "gevent", WSGI_APP),
    "uwsgi threads": (*UWSGI, "--enable-threads", "--threads", "4"),
    "uwsgi lazy": (*UWSGI, "--lazy-apps"),
    "waitress": (PYTHON, "-m", "waitress", "--listen", "127.0.0.1:{port}", "--threads", "8", WSGI_APP),
    "uvicorn": (PYTHON, "-m", "uvicorn", "--port", "{port}", "--log-level", "error", ASGI_APP),
    "uvicorn workers": (
        *(PYTHON, "-m", "uvicorn", "--port", "{port}", "--log-level", "error"),
        *("--workers", "{workers}", ASGI_APP),
    ),
    "hypercorn": (PYTHON, "-m", "hypercorn", "--bind", "127.0.0.1:{port}", "-w", "{workers}", ASGI_APP),
    "granian wsgi": (*GRANIAN, "--interface", "wsgi", WSGI_APP),
    "granian asgi": (*GRANIAN, "--interface", "asgi", ASGI_APP),
}
"""Server, and the way in which it works -> its command line."""


@dataclass
class WebServer:
    """The site and its web server. Its task `slow.Slow` runs until `let_go`."""

    root: Path
    port: int = 0
    workers: int = 4
    process: subprocess.Popen[bytes] | None = field(default=None)
    server: str = "gunicorn"
    program: tuple[str, ...] = (PYTHON, "-m", "taskrunner")

    def prepare(self, mode: str = "image") -> None:
        shutil.copytree(EXAMPLE, self.root, ignore=shutil.ignore_patterns(*OUTPUT))
        for copied in (self.root, *self.root.rglob("*")):
            copied.chmod(0o755 if copied.is_dir() else 0o644)
        (self.root / "plugins" / "slow.py").write_text(SLOW)
        (self.root / "asgi_app.py").write_text(ASGI)
        self.set_mode(mode)

    def set_mode(self, mode: str) -> None:
        """Write which requests tick; read at the next start."""
        config = (self.root / "taskrunner.toml").read_text("utf-8")
        lines = [f'mode = "{mode}"' if line.startswith("mode = ") else line for line in config.splitlines()]
        (self.root / "taskrunner.toml").write_text("\n".join(lines), "utf-8")

    def start(self) -> None:
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            self.port = found.getsockname()[1]
        self.process = subprocess.Popen(
            self.command(), start_new_session=True, stdin=subprocess.DEVNULL, cwd=self.root
        )
        until(self._is_up, "the web server is up")

    def command(self) -> list[str]:
        """Return the command line that serves the site at the port."""
        return [word.format(port=self.port, workers=self.workers) for word in SERVERS[self.server]]

    def stop(self) -> None:
        self.let_go()
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            os.killpg(self.process.pid, signal.SIGKILL)  # its workers
            self.process.wait()
            self.process = None

    def worker_pids(self) -> list[int]:
        assert self.process is not None
        children = Path("/proc", str(self.process.pid), "task", str(self.process.pid), "children")
        return [int(pid) for pid in children.read_text().split()]

    def request(self, path: str, method: str = "GET", **headers: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)
        try:
            connection.request(method, path, headers=headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def started(self) -> list[list[str]]:
        """Return pid and moment of each run of the slow task."""
        path = self.root / "started"
        return [line.split() for line in path.read_text().splitlines()] if path.exists() else []

    def let_go(self) -> None:
        """Let the slow task end."""
        (self.root / "go").touch()

    def has_ended(self) -> bool:
        return (self.root / "ended").exists()

    def taskrun(self, *arguments: str) -> str:
        command = [*self.program, "--config", str(self.root / "taskrunner.toml"), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd="/", timeout=DEADLINE)
        return done.stdout

    def crons(self) -> list[dict[str, Any]]:
        """Return the kept runs: each cron has one of the slow task at most."""
        rows: list[dict[str, Any]] = json.loads(self.taskrun("log", "--json"))
        return rows

    def cron_status(self) -> dict[str, str]:
        """Return what /proc says of the cron that runs the slow task."""
        [[pid, _]] = self.started()
        lines = Path("/proc", pid, "status").read_text().splitlines()
        return dict(line.split(":\t", 1) for line in lines)

    def cron_files(self) -> list[str]:
        """Return what the cron that runs the slow task has open."""
        [[pid, _]] = self.started()
        return [os.readlink(path) for path in Path("/proc", pid, "fd").iterdir()]

    def _is_up(self) -> bool:
        """Return whether it listens with all its workers; no visit is made for that."""
        assert self.process is not None
        assert self.process.poll() is None, f"{self.server} has ended at once"
        with socket.socket() as probe:
            listens = probe.connect_ex(("127.0.0.1", self.port)) == 0
        return listens and (not self.server.startswith("gunicorn") or len(self.worker_pids()) == self.workers)

    def is_reaped(self) -> bool:
        """Return whether nothing is left of the process that ran the slow task."""
        [[pid, _]] = self.started()
        return not Path("/proc", pid).exists()


IGNORED_BY_PYTHON = 1 << 12 | 1 << 24
"""SIGPIPE and SIGXFSZ."""

OF_THE_C_LIBRARY = 0b11 << 31
"""Signals 32 and 33, which glibc ignores in all it spawns and programs cannot use."""


def check_that_visits_start_one_clean_cron(server: WebServer, image: str = IMAGE) -> str:
    """Visit a site 60 times at once; one cron has to start, to be reached by a signal and to be let go of.

    Return in words what was seen.
    """
    with ThreadPoolExecutor(30) as pool:
        answers = set(pool.map(server.request, [image] * 60))
    until(server.started, "the task has started")
    status, files = server.cron_status(), server.cron_files()
    [running] = json.loads(server.taskrun("running", "--json"))
    began = time.monotonic()
    server.taskrun("kill", running["run_id"])
    took = time.monotonic() - began
    until(lambda: server.request(image) and server.is_reaped(), "the web server has let go of the cron")
    outcomes = {run["outcome"] for run in server.crons() if run["name"] == "slow.Slow"}
    ignored = int(status["SigIgn"], 16) & ~IGNORED_BY_PYTHON & ~OF_THE_C_LIBRARY

    assert {(200, GIF)} == answers
    assert (0, 0) == (int(status["SigBlk"], 16), ignored), status
    assert [] == [name for name in files if name.startswith("socket:")]
    assert 1 == len(server.started())
    assert {"interrupted"} == outcomes  # it would be crashed if only SIGKILL had reached it
    return f"60 visits started 1 cron, no signal blocked or ignored, killed in {took:.1f} s, reaped"
