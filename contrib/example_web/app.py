"""A page that counts its visits, on a site without a crontab: the visits themselves start the counting.

python contrib/example_web/app.py               # then open http://127.0.0.1:8000/
gunicorn --chdir contrib/example_web --workers 4 app:application
"""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from taskrunner.web import TickMiddleware

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

SITE = Path(__file__).parent.absolute()
VISITS = SITE / "data" / "visits"
COUNTS = SITE / "data" / "counts.db"
PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Visits</title>
<h1>{count} visits were counted</h1>
<p>Yours will be, by the task <code>visits.CountVisits</code>: no crontab starts it, visits do.</p>
{tick}
"""


def page(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer a visit, and note it."""
    if environ.get("PATH_INFO") != "/" or environ["REQUEST_METHOD"] != "GET":
        start_response("404 Not Found", [("Content-Type", "text/plain"), ("Content-Length", "0")])
        return ()
    note_visit(time.time())
    body = PAGE.format(count=count_visits(), tick=application.tick_tag()).encode()
    headers = [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(body)))]
    start_response("200 OK", headers)
    return (body,)


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


application = TickMiddleware(page, config=SITE / "taskrunner.toml")

if __name__ == "__main__":
    from wsgiref.simple_server import make_server

    with make_server("127.0.0.1", 8000, application) as server:
        print(f"http://127.0.0.1:{server.server_port}/")
        server.serve_forever()
