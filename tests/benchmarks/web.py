"""What a visit pays for the tick while nothing is due."""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING, Any

from taskrunner.web import AsgiTickMiddleware, TickMiddleware
from taskrunner.web_tick import WebTickFile
from tests.benchmarks.measuring import Line, alternating

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

VISITS = 20_000
ROUNDS = 9
BODY = [b"a page"]


def measure(folder: Path) -> Iterator[Line]:
    """Give a visit through each middleware beside one without it, and beside the bare `stat`."""
    site = folder / "web"
    site.mkdir()
    (site / "taskrunner.toml").write_text('timezone = "UTC"\n')
    state = site / "state"
    WebTickFile(state).claim(time.time(), throttle=300, longest=300)
    wsgi = TickMiddleware(_page, config=site / "taskrunner.toml", mode="both")
    mine, floor = alternating(_visits(wsgi), _visits(_page), ROUNDS)
    stat, _ = alternating(_stats(str(state / "web_tick")), _stats(str(state)), ROUNDS)
    yield Line("WSGI visit, nothing due", mine / VISITS, "the application alone", floor / VISITS)
    yield Line("… what the middleware adds", (mine - floor) / VISITS, "one bare stat", stat / VISITS)
    asgi = AsgiTickMiddleware(_async_page, config=site / "taskrunner.toml", mode="both")
    mine, floor = alternating(_async_visits(asgi), _async_visits(_async_page), ROUNDS)
    yield Line("ASGI visit, nothing due", mine / VISITS, "the application alone", floor / VISITS)
    mine, floor = alternating(_tags(wsgi), _visits(_page), ROUNDS)
    yield Line("tag, nothing due", mine / VISITS, "one bare stat", stat / VISITS)


def _page(environ: dict[str, Any], start_response: Callable[..., object]) -> list[bytes]:
    start_response("200 OK", [])
    return BODY


async def _async_page(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"a page"})


def _visits(app: Any) -> Callable[[], None]:
    environ = {"PATH_INFO": "/", "REQUEST_METHOD": "GET"}

    def visits() -> None:
        for _ in range(VISITS):
            app(environ, _ignore)

    return visits


def _async_visits(app: Any) -> Callable[[], None]:
    scope = {"type": "http", "path": "/", "method": "GET", "headers": []}

    async def send(message: dict[str, Any]) -> None:
        pass

    async def visits() -> None:
        for _ in range(VISITS):
            await app(scope, None, send)

    return lambda: asyncio.run(visits())


def _tags(app: TickMiddleware) -> Callable[[], None]:
    def tags() -> None:
        for _ in range(VISITS):
            app.tick_tag()

    return tags


def _stats(path: str) -> Callable[[], None]:
    def stats() -> None:
        for _ in range(VISITS):
            os.stat(path)

    return stats


def _ignore(status: str, headers: list[tuple[str, str]]) -> None:
    pass
