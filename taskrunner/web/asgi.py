"""The middleware for ASGI applications (asgi.readthedocs.io, HTTP)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from taskrunner.web.ticker import answer, is_visit, note_mount, open_ticker

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping
    from pathlib import Path

    from taskrunner.config import Config
    from taskrunner.web.ticker import Html

    Scope = MutableMapping[str, Any]
    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    Application = Callable[[Scope, Receive, Send], Awaitable[None]]

WHOLE_BODIES = ("http.response.pathsend", "http.response.zerocopysend")
"""Messages of extensions that send a file."""


class AsgiTickMiddleware:
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

    def tick_tag(self, root: str | None = None) -> Html:
        """Return the image's tag for a page, "" while nothing is due.

        `root` is where the application is mounted; default is what the current request says of that.
        """
        return self._ticker.tag(root)

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
