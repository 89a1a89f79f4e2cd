"""The middleware for WSGI applications (PEP 3333)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskrunner.web.ticker import answer, is_visit, note_mount, open_ticker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from taskrunner.config import Config
    from taskrunner.web.ticker import Html


class TickMiddleware:
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

    def tick_tag(self, root: str | None = None) -> Html:
        """Return the image's tag for a page, "" while nothing is due.

        `root` is where the application is mounted; default is what the current request says of that.
        """
        return self._ticker.tag(root)

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
