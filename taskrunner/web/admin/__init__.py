"""The administration in a browser: one WSGI application, closed until somebody says who may see it."""

from __future__ import annotations

import os
import re
import time
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

from taskrunner.config import Config, load_config
from taskrunner.config.find import current_directory
from taskrunner.errors import StoreError, TaskrunnerError
from taskrunner.installation import open_known_site
from taskrunner.views.columns import context_of
from taskrunner.web import Followed
from taskrunner.web.admin import frame, queue, runs, task, tasks
from taskrunner.web.admin import site as site_pages
from taskrunner.web.admin.frame import STYLE
from taskrunner.web.admin.request import Request, Response, admit, refusal, safety_headers, send

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from taskrunner.web.admin.request import Naming, Rule

__all__ = ["admin_app"]


class Route(NamedTuple):
    """Which requests a page answers: by the method and the whole path."""

    method: str
    path: str
    page: Callable[..., Response]


NAME = r"([^/]+)"
ROUTES = (
    Route("GET", "/", tasks.page),
    Route("GET", r"/tasks\.(csv|json)", tasks.download),
    Route("GET", f"/task/{NAME}", task.page),
    Route("POST", f"/task/{NAME}/schedule", task.save),
    Route("POST", f"/task/{NAME}/(enable|disable|retry|run)", task.change),
    Route("POST", "/pause", frame.pause),
    Route("POST", "/resume", frame.resume),
    Route("POST", "/mute", frame.mute),
    Route("POST", "/unmute", frame.unmute),
    Route("GET", "/log", runs.log),
    Route("GET", r"/log\.(csv|json)", runs.download),
    Route("GET", f"/run/{NAME}", runs.run),
    Route("GET", rf"/run/{NAME}/output\.txt", runs.output),
    Route("GET", "/running", runs.running),
    Route("POST", "/running/stop", runs.stop),
    Route("GET", f"/running/{NAME}", runs.under_way),
    Route("GET", rf"/running/{NAME}/output\.txt", runs.live_output),
    Route("GET", f"/running/{NAME}/kill", runs.confirm_kill),
    Route("POST", f"/running/{NAME}/kill", runs.kill),
    Route("GET", "/queue", queue.page),
    Route("GET", f"/queue/{NAME}", queue.of_class),
    Route("GET", rf"/queue/{NAME}/tasks\.(csv|json)", queue.download),
    Route("GET", "/queue-change", queue.confirm),
    Route("POST", "/queue-change", queue.change),
    Route("GET", "/plan", tasks.plan_page),
    Route("GET", r"/plan\.(csv|json)", tasks.plan_download),
    Route("GET", "/health", site_pages.checks_page),
    Route("GET", "/health/doctor", site_pages.doctor),
    Route("GET", "/healthz", site_pages.healthz),
    Route("GET", "/changes", site_pages.changes_page),
    Route("GET", r"/changes\.(csv|json)", site_pages.download),
)
PATTERNS = tuple((route, re.compile(route.path)) for route in ROUTES)


def admin_app(
    config: Config | str | Path | None = None,
    *,
    may_view: Rule | None = None,
    may_change: Rule | None = None,
    who: Naming | None = None,
    clock: Callable[[], float] = time.time,
) -> WSGIApplication:
    """Return the WSGI application of a site's administration; nobody may see it until `may_view` says so.

    `config` is the path of taskrunner.toml, default the one that `taskrun` finds. `may_view` and `may_change`
    are asked of each request's WSGI environment and return True or False; `who` names the person, for the
    trail of changes. Raises ConfigError.
    """
    read = config if isinstance(config, Config) else _load(config)
    named = None if isinstance(config, Config) else read.file

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        admitted = admit(environ, may_view=may_view, may_change=may_change, who=who)
        if isinstance(admitted, Request):
            admitted = _answer(admitted, read if named is None else named, now=clock())
        return send(admitted, environ, start_response, *safety_headers(STYLE))

    return application


def _load(config: str | Path | None) -> Config:
    return load_config(config, environ=os.environ, cwd=current_directory())


def _answer(request: Request, config: Config | Path, *, now: float) -> Response:
    """Return the page that was asked for; the site is open as long as that takes."""
    if (found := _route(request)) is None:
        return refusal(HTTPStatus.NOT_FOUND, "There is no such page.")
    route, named = found
    try:
        site = open_known_site(config if isinstance(config, Config) else _load(config), now=now)
    except TaskrunnerError as error:
        return _closed(error)
    try:
        view = frame.View(request, site, context_of(site, now))
        response = route.page(view, *named)
    except StoreError as error:
        response = _closed(error)
    except TaskrunnerError as error:
        response = view.refused(error, back="/", text="Tasks")
    except BaseException:
        site.close()
        raise
    if isinstance(response.body, bytes):
        site.close()
        return response
    return replace(response, body=Followed(response.body, site.close))


def _route(request: Request) -> tuple[Route, tuple[str, ...]] | None:
    method = "GET" if request.method == "HEAD" else request.method
    for route, pattern in PATTERNS:
        if route.method == method and (found := pattern.fullmatch(request.path)):
            return route, found.groups()
    return None


def _closed(error: TaskrunnerError) -> Response:
    """Return what is said where there is no site to show."""
    hint = f"\nOn the command line: {error.hint}" if error.hint else ""
    return refusal(HTTPStatus.SERVICE_UNAVAILABLE, f"{error}{hint}")
