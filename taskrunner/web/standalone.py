"""The tick for sites that are no Python program, or have no place for a middleware."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from taskrunner.web.ticker import Ticker, open_ticker
from taskrunner.web.wsgi import TickMiddleware

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from wsgiref.types import StartResponse, WSGIEnvironment

    from taskrunner.config import Config
    from taskrunner.web.ticker import Html


def tick_app(config: Config | str | Path | None = None) -> TickMiddleware:
    """Return a WSGI application that answers the image's path and nothing else. Raises ConfigError.

    `gunicorn "taskrunner.web:tick_app('/srv/site/taskrunner.toml')"`, with the path passed on to it by the
    web server in front of a site in any language.
    """
    return TickMiddleware(_not_found, config=config, mode="image")


def tick_tag(config: str | Path | None = None, *, root: str | None = None) -> Html:
    """Return the image's tag for a page, "" while nothing is due; for templates that know no middleware.

    `root` is where the site is mounted; default is what a middleware around it knows of the current request.
    The config is read at the first call; default is the one that `taskrun` finds. Raises ConfigError.
    """
    return _ticker(config).tag(root)


@cache
def _ticker(config: str | Path | None) -> Ticker:
    return open_ticker(config)


def _not_found(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("404 Not Found", [("Content-Type", "text/plain"), ("Content-Length", "10")])
    return (b"not found\n",)
