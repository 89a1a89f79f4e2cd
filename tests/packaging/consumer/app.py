"""Their web site, whose visits start what is due."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from taskrunner.web import TickMiddleware

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


def site(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


app: WSGIApplication = TickMiddleware(site, config="taskrunner.toml")
