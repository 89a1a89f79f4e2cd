"""Sites without cron: visits start `taskrun cron`, and no visitor waits for it. Standard library only.

app = TickMiddleware(app, config="/srv/site/taskrunner.toml")     # and app.tick_tag() in the page's template

The tag is an image of the site's own: a Content-Security-Policy has to have `img-src 'self'` for it.
And the administration in a browser: `admin_app`, which is imported when it is asked for.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from taskrunner.web.ticker import Ticker, answer, is_visit, note_mount, open_ticker

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping
    from pathlib import Path
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from taskrunner.config import Config
    from taskrunner.web.admin import admin_app
    from taskrunner.web.ticker import Html

    Scope = MutableMapping[str, Any]
    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class _Tagged:
    """What gives the tag of the image to pages."""

    _ticker: Ticker

    def tick_tag(self, root: str | None = None) -> Html:
        """Return the image's tag for a page, "" while nothing is due.

        `root` is where the application is mounted; default is what the current request says of that.
        """
        return self._ticker.tag(root)


class TickMiddleware(_Tagged):
    """A WSGI application around another, whose visits start `taskrun cron` when something is due.

    `config` is the path of taskrunner.toml, default the one `taskrun` finds; `mode` says which visits do it,
    default what `[web] mode` says. Raises ConfigError where it is made, and nothing later.
    """

    def __init__(
        self,
        app: WSGIApplication,
        *,
        config: Config | str | Path | None = None,
        mode: str | None = None,
    ) -> None:
        self._app = app
        self._ticker = open_ticker(config, mode)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request: the image's here, every other by the application."""
        if environ.get("PATH_INFO") == self._ticker.image_path:
            return self._image(environ, start_response)
        note_mount(_mount_of(environ))
        body = self._app(environ, start_response)
        if self._ticker.follows_responses and _is_visit(environ) and self._ticker.is_due():
            return Followed(body, self._ticker.tick)
        return body  # as it is: the server may send a file by itself

    def _image(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        found = answer(environ["REQUEST_METHOD"], environ.get("HTTP_USER_AGENT", ""))
        start_response(found.status, list(found.headers))
        body = (found.body,)
        return Followed(body, self._ticker.tick) if found.ticks and self._ticker.is_due() else body


class Followed:
    """The body of a response, and what is done when the server has sent it and closes it."""

    def __init__(self, body: Iterable[bytes], then: Callable[[], None]) -> None:
        self._body = body
        self._then = then

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._body)

    def close(self) -> None:
        """Close the body, as the server does at its end."""
        try:
            if close := getattr(self._body, "close", None):
                close()
        finally:
            self._then()


def _is_visit(environ: WSGIEnvironment) -> bool:
    return is_visit(environ.get("REQUEST_METHOD", ""), environ.get("HTTP_USER_AGENT", ""))


def _mount_of(environ: WSGIEnvironment) -> str:
    """Return SCRIPT_NAME as text: WSGI passes its bytes as Latin-1."""
    name: str = environ.get("SCRIPT_NAME", "")
    return name.encode("latin-1", "replace").decode("utf-8", "replace")


WHOLE_BODIES = ("http.response.pathsend", "http.response.zerocopysend")
"""Messages of extensions that send a file."""


class AsgiTickMiddleware(_Tagged):
    """An ASGI application around another; as TickMiddleware is for WSGI."""

    def __init__(
        self,
        app: Application,
        *,
        config: Config | str | Path | None = None,
        mode: str | None = None,
    ) -> None:
        self._app = app
        self._ticker = open_ticker(config, mode)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request: the image's here, every other by the application."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if _path_of(scope) == self._ticker.image_path:
            await self._send_image(scope, send)
            return
        note_mount(scope.get("root_path", ""))
        follows = self._ticker.follows_responses and is_visit(scope["method"], _agent_of(scope))
        await self._app(scope, receive, self._followed(send) if follows and self._ticker.is_due() else send)

    async def _send_image(self, scope: Scope, send: Send) -> None:
        found = answer(scope["method"], _agent_of(scope))
        headers = [(name.lower().encode(), value.encode()) for name, value in found.headers]
        status = int(found.status[:3])
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": found.body})
        if found.ticks:
            self._ticker.tick()

    def _followed(self, send: Send) -> Send:
        """Return a `send` that ticks once the last part of the response is sent."""

        async def send_and_tick(message: Message) -> None:
            await send(message)
            is_body = message["type"] == "http.response.body" or message["type"] in WHOLE_BODIES
            if is_body and not message.get("more_body"):
                self._ticker.tick()

        return send_and_tick


def _path_of(scope: Scope) -> str:
    """Return the path below where the application is mounted, as PATH_INFO is for WSGI."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    return path[len(root) :] if root and path.startswith(f"{root}/") else path


def _agent_of(scope: Scope) -> str:
    agents = [value for name, value in scope["headers"] if name == b"user-agent"]
    return b" ".join(agents).decode("latin-1")


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


__all__ = ["AsgiTickMiddleware", "TickMiddleware", "admin_app", "tick_app", "tick_tag"]


def __getattr__(name: str) -> object:
    if name != "admin_app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from taskrunner.web.admin import admin_app

    return admin_app
