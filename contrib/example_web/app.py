"""A page that counts its visits, on a site without a crontab: the visits themselves start the counting.

The administration of the site is below /cron/, behind a login of its own.

python contrib/example_web/app.py               # then open http://127.0.0.1:8000/
gunicorn --chdir contrib/example_web --workers 4 app:application
"""

from __future__ import annotations

import os
import secrets
import sqlite3
import time
from base64 import b64decode
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from wsgiref.util import shift_path_info

from taskrunner.web import TickMiddleware, admin_app

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

SITE = Path(__file__).parent.absolute()
VISITS = SITE / "data" / "visits"
COUNTS = SITE / "data" / "counts.db"
PASSWORD = SITE / "data" / "password"
PEOPLE = ("ann", "bob")
"""Who may log in: ann may change things, bob looks. Their password is in the file."""

PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Visits</title>
<h1>{count} visits were counted</h1>
<p>Yours will be, by the task <code>visits.CountVisits</code>: no crontab starts it, visits do.</p>
<p><a href="cron/">The administration</a></p>
{tick}
"""


def page(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer a visit, and note it; pass on to the administration whoever has logged in."""
    if f"{environ.get('PATH_INFO', '')}/".startswith("/cron/"):
        shift_path_info(environ)
        return restricted(environ, start_response)
    if environ.get("PATH_INFO") != "/" or environ["REQUEST_METHOD"] != "GET":
        start_response("404 Not Found", [("Content-Type", "text/plain"), ("Content-Length", "0")])
        return ()
    note_visit(time.time())
    body = PAGE.format(count=count_visits(), tick=application.tick_tag()).encode()
    headers = [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(body)))]
    start_response("200 OK", headers)
    return (body,)


def restricted(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer a request of the administration, once the browser has asked its person who they are."""
    name, _, password = _credentials(environ).partition(":")
    if name not in PEOPLE or not secrets.compare_digest(password.encode(), known_password().encode()):
        asked = ("WWW-Authenticate", 'Basic realm="administration", charset="UTF-8"')
        start_response("401 Unauthorized", [("Content-Type", "text/plain"), ("Content-Length", "0"), asked])
        return ()
    environ["REMOTE_USER"] = name
    return administration(environ, start_response)


def _credentials(environ: WSGIEnvironment) -> str:
    kind, _, text = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    with suppress(ValueError):
        return b64decode(text, validate=True).decode() if kind.lower() == "basic" else ""
    return ""


def known_password() -> str:
    """Return the password of this copy of the example, which the first process makes up."""
    PASSWORD.parent.mkdir(exist_ok=True)
    new = PASSWORD.with_name(f"password.{secrets.token_hex(4)}")
    if not PASSWORD.exists():
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        os.write(descriptor, secrets.token_urlsafe(12).encode())
        os.close(descriptor)
        with suppress(FileExistsError):
            os.link(new, PASSWORD)  # one of several processes at once is the first
        new.unlink()
    return PASSWORD.read_text()


def note_visit(now: float) -> None:
    """Add a line to the visits; many processes may do so at once."""
    VISITS.parent.mkdir(exist_ok=True)
    descriptor = os.open(VISITS, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, f"{now:.0f}\n".encode())
    finally:
        os.close(descriptor)


def count_visits() -> int:
    """Return how many visits were counted so far."""
    if not COUNTS.exists():
        return 0
    with closing(sqlite3.connect(f"{COUNTS.as_uri()}?mode=ro", uri=True)) as counts:
        return int(counts.execute("select coalesce(sum(visits), 0) from day").fetchone()[0])


administration = admin_app(
    config=SITE / "taskrunner.toml",
    may_view=lambda environ: environ["REMOTE_USER"] in PEOPLE,
    may_change=lambda environ: environ["REMOTE_USER"] == "ann",
    who=lambda environ: environ["REMOTE_USER"],
)
application = TickMiddleware(page, config=SITE / "taskrunner.toml")

if __name__ == "__main__":
    from socketserver import ThreadingMixIn
    from wsgiref.simple_server import WSGIServer, make_server

    class Server(ThreadingMixIn, WSGIServer):
        """One thread a request: the output of a running task is sent for as long as somebody watches."""

        daemon_threads = True

    with make_server("127.0.0.1", 8000, application, Server) as server, suppress(KeyboardInterrupt):
        print(f"http://127.0.0.1:{server.server_port}/ and the administration below it, in cron/", flush=True)
        print(f"ann may change things, bob looks; password: {known_password()}", flush=True)
        server.serve_forever()
