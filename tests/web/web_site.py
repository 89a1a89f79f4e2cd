"""A site whose visits are requests made here; instead of `taskrun cron` they start what the test says."""

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults

from taskrunner.config import Config, load_config
from taskrunner.web_tick import NAME, WebTickFile
from tests.patience import until

NOTE = """\
import os, sys
with open({notes!r}, "a") as notes:
    print(os.getpid(), os.getsid(0), os.getcwd(), *sys.argv[1:], file=notes)
"""


@dataclass
class WebSite:
    """A site in a folder. What a tick starts writes a line into `notes`: pid, session, folder, arguments."""

    root: Path
    settings: str = ""
    responses: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    @property
    def notes(self) -> Path:
        return self.root / "notes"

    @property
    def stamp(self) -> WebTickFile:
        return WebTickFile(self.root / "state")

    @property
    def quiet_until(self) -> float:
        return (self.root / "state" / NAME).stat().st_mtime

    def configure(self, settings: str = "") -> Config:
        """Write a config whose `[web]` has these settings besides the program to start."""
        program = self.root / "program.py"
        program.write_text(NOTE.format(notes=str(self.notes)), "utf-8")
        command = f"command = ['{sys.executable}', '{program}']\n" if "command" not in settings else ""
        text = f'timezone = "UTC"\n[web]\n{command}{settings}\n'
        (self.root / "taskrunner.toml").write_text(text, "utf-8")
        return load_config(self.root / "taskrunner.toml", environ={}, cwd=self.root)

    def started(self, count: int = 1) -> list[list[str]]:
        """Return the words each started process noted, once there are `count`."""
        until(lambda: len(self._noted()) >= count, f"{count} started, {self._noted()}")
        return self._noted()

    def _noted(self) -> list[list[str]]:
        lines = self.notes.read_text("utf-8").splitlines() if self.notes.exists() else []
        return [line.split() for line in lines]

    def visit(self, app: Any, path: str = "/", method: str = "GET", **given: str) -> bytes:
        """Make a request as a server does; its status and headers go into `responses`; return its body.

        What is `given` in small letters is a header, in capitals a variable of WSGI.
        """
        environ: dict[str, Any] = {"PATH_INFO": path, "REQUEST_METHOD": method, "QUERY_STRING": "m=1"}
        environ |= {
            name if name.isupper() else f"HTTP_{name.upper()}": value for name, value in given.items()
        }
        setup_testing_defaults(environ)

        def start_response(
            status: str, fields: list[tuple[str, str]], exc_info: object = None
        ) -> Callable[[bytes], object]:
            self.responses.append((status, dict(fields)))
            return lambda part: None

        body = app(environ, start_response)
        try:
            return b"".join(body)
        finally:
            if hasattr(body, "close"):
                body.close()


def page(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"a page"]
