"""The ASGI middleware: the same promises as that for WSGI."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from taskrunner.web import AsgiTickMiddleware
from taskrunner.web.ticker import GIF, REFUSAL
from tests.web.web_site import WebSite

IMAGE = "/_taskrun/tick.gif"
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Visit:
    """One request; what is sent, and whether the site had been ticked when that was."""

    def __init__(self, site: WebSite) -> None:
        self.site = site
        self.sent: list[dict[str, Any]] = []
        self.ticked: list[bool] = []

    async def send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)
        self.ticked.append(self.site.stamp.is_kept)

    def make(self, app: Any, path: str = "/", method: str = "GET", agent: str = "", **scope: Any) -> None:
        headers = [(b"user-agent", agent.encode())]
        given = {"type": "http", "path": path, "method": method, "headers": headers} | scope

        async def receive() -> dict[str, Any]:
            return {"type": "http.request"}

        asyncio.run(app(given, receive, self.send))


async def page(scope: Any, receive: Any, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"a ", "more_body": True})
    await send({"type": "http.response.body", "body": b"page"})


@pytest.fixture
def visit(site: WebSite) -> Visit:
    return Visit(site)


def test_a_request_of_the_image_is_answered_and_then_starts_a_cron(site: WebSite, visit: Visit) -> None:
    visit.make(AsgiTickMiddleware(page, config=site.configure()), IMAGE)

    start, body = visit.sent
    assert (200, GIF) == (start["status"], body["body"])
    assert (b"cache-control", b"no-store") in start["headers"]
    assert [False, False] == visit.ticked
    assert 1 == len(site.started())


def test_a_response_starts_a_cron_after_its_last_part(site: WebSite, visit: Visit) -> None:
    visit.make(AsgiTickMiddleware(page, config=site.configure(), mode="response"))

    assert b"a page" == b"".join(message.get("body", b"") for message in visit.sent)
    assert [False, False, False] == visit.ticked
    assert 1 == len(site.started())


def test_a_file_that_the_server_sends_by_itself_is_a_response_too(site: WebSite, visit: Visit) -> None:
    async def file(scope: Any, receive: Any, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.pathsend", "path": "/etc/hostname"})

    visit.make(AsgiTickMiddleware(file, config=site.configure(), mode="response"))

    assert 1 == len(site.started())


@pytest.mark.parametrize(
    ("method", "agent", "status", "body"),
    [("HEAD", "", 200, b""), ("POST", "", 405, REFUSAL), ("GET", "Googlebot/2.1", 200, GIF)],
)
def test_head_other_methods_and_robots_start_nothing(
    site: WebSite, visit: Visit, method: str, agent: str, status: int, body: bytes
) -> None:
    visit.make(AsgiTickMiddleware(page, config=site.configure()), IMAGE, method, agent)

    assert (status, body) == (visit.sent[0]["status"], visit.sent[1]["body"])
    assert not site.stamp.is_kept


def test_the_path_is_that_below_where_the_application_is_mounted(site: WebSite, visit: Visit) -> None:
    app = AsgiTickMiddleware(page, config=site.configure())
    visit.make(app, f"/forum{IMAGE}", root_path="/forum")

    assert GIF == visit.sent[1]["body"]


@pytest.mark.parametrize(
    ("root", "address"),
    [
        ("/forum", "/forum/_taskrun/"),
        ("", "/_taskrun/"),
        ("//x.example", "/x.example/_taskrun/"),
        ("/ü", "/%C3%BC/"),
    ],
)
def test_the_tag_of_a_request_begins_with_where_the_application_is_mounted(
    site: WebSite, visit: Visit, root: str, address: str
) -> None:
    async def tagged(scope: Any, receive: Any, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": app.tick_tag().encode()})

    app = AsgiTickMiddleware(tagged, config=site.configure())
    visit.make(app, f"{root}/", root_path=root)

    assert visit.sent[1]["body"].startswith(f'<img src="{address}'.encode())


@pytest.mark.parametrize(("method", "agent"), [("HEAD", ""), ("GET", "Googlebot/2.1")])
def test_head_and_robots_start_nothing_in_response_mode(
    site: WebSite, visit: Visit, method: str, agent: str
) -> None:
    visit.make(AsgiTickMiddleware(page, config=site.configure(), mode="response"), "/", method, agent)

    assert 3 == len(visit.sent)
    assert not site.stamp.is_kept


def test_what_is_no_request_is_passed_on(site: WebSite, visit: Visit) -> None:
    seen = []

    async def app(scope: Any, receive: Any, send: Send) -> None:
        seen.append(scope["type"])

    visit.make(AsgiTickMiddleware(app, config=site.configure(), mode="both"), type="lifespan")

    assert ["lifespan"] == seen
    assert not site.stamp.is_kept


def test_many_visits_start_one_cron(site: WebSite, visit: Visit) -> None:
    app = AsgiTickMiddleware(page, config=site.configure(), mode="both")
    for path in (IMAGE, "/", IMAGE, "/"):
        visit.make(app, path)

    assert 1 == len(site.started())
    assert "" == app.tick_tag()
