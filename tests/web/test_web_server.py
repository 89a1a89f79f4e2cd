"""The server of `taskrun web`: what it makes of bytes that no browser sends, and the command around it."""

import socket
import time
from collections.abc import Callable, Iterable, Iterator
from threading import Event, Thread
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest

from taskrunner.errors import TaskrunnerError
from taskrunner.web.admin import serve
from taskrunner.web.admin.login import PERSON, Login, OneTimeToken, Person
from taskrunner.web.admin.request import Request, Response, admit, safety_headers, send
from taskrunner.web.admin.serve import bind, make_server
from tests.patience import DEADLINE, until

HEAD = b"Host: localhost\r\nCookie: COOKIE\r\nConnection: close\r\n"
OWN = b"Sec-Fetch-Site: same-origin\r\nContent-Type: application/x-www-form-urlencoded\r\n"
POST = b"POST / HTTP/1.1\r\n" + HEAD + OWN


class Served:
    """An administration that keeps what it is asked, served on loopback behind a login."""

    def __init__(self) -> None:
        self.asked: list[Request] = []
        self.token = OneTimeToken(Person("ann", may_change=True))
        self.bound = bind("127.0.0.1", 0)
        self.server = make_server(Login(self.page, cookie="c", token=self.token), self.bound)
        self.thread = Thread(target=self.server.run, daemon=True)
        self.thread.start()
        self.cookie = b""

    def page(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        found = admit(environ, may_view=lambda e: PERSON in e, may_change=lambda e: True, who=None)
        if isinstance(found, Request):
            self.asked.append(found)
            found = Response(200, b"the administration")
        return send(found, environ, start_response, *safety_headers())

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.bound.port), timeout=DEADLINE)

    def send(self, sent: bytes) -> bytes:
        """Return all that is answered to bytes, until the server closes the connection."""
        with self.connect() as connection:
            connection.sendall(sent.replace(b"COOKIE", self.cookie))
            return everything(connection)

    def log_in(self) -> None:
        answer = self.send(b"GET /login?token=%s HTTP/1.1\r\n%s\r\n" % (self.token.text.encode(), HEAD))
        self.cookie = answer.partition(b"Set-Cookie: ")[2].partition(b";")[0]

    def in_its_thread(self, do: Callable[[], object]) -> None:
        done = Event()
        self.server.trigger.pull_trigger(lambda: (do(), done.set()))
        assert done.wait(DEADLINE)

    def close(self) -> None:
        self.server.task_dispatcher.shutdown()
        self.in_its_thread(self.server.close)
        self.thread.join(DEADLINE)


def everything(connection: socket.socket) -> bytes:
    """Return what comes until the other side closes, however it does so."""
    parts = []
    try:
        while part := connection.recv(65536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    served = Served()
    served.log_in()
    yield served
    served.close()


def chunks(size: int) -> bytes:
    return b"Transfer-Encoding: chunked\r\n\r\n%x\r\na=%s\r\n0\r\n\r\n" % (size, b"x" * (size - 2))


RAW = {
    "two hosts": (b"GET / HTTP/1.1\r\nHost: evil.example\r\n" + HEAD + b"\r\n", 403),
    "two hosts, the known one first": (b"GET / HTTP/1.1\r\n" + HEAD + b"Host: evil.example\r\n\r\n", 403),
    "no host": (b"GET / HTTP/1.0\r\nCookie: COOKIE\r\n\r\n", 403),
    "no version": (b"GET /\r\n\r\n", 403),
    "a method in small letters": (b"get / HTTP/1.1\r\n" + HEAD + b"\r\n", 400),
    "a method that nobody knows": (b"BREW / HTTP/1.1\r\n" + HEAD + b"\r\n", 405),
    "a header that says it comes from here, by its other name": (
        b"POST / HTTP/1.1\r\n" + HEAD + b"Sec_Fetch_Site: same-origin\r\nContent-Length: 0\r\n\r\n",
        403,
    ),
    "two headers of where it comes from": (
        POST + b"Sec-Fetch-Site: cross-site\r\nContent-Length: 0\r\n\r\n",
        403,
    ),
    "two headers with cookies": (
        b"GET / HTTP/1.1\r\nCookie: c=made-up\r\n" + HEAD + b"\r\n",
        403,
    ),
    "a person that a header names": (
        b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        b"taskrunner.person: ann\r\nTaskrunner-Person: ann\r\nRemote-User: ann\r\n\r\n",
        403,
    ),
    "a header whose line is cut": (b"GET / HTTP/1.1\r\nX: a\nCookie: b\r\n" + HEAD + b"\r\n", 400),
    "a header with the character 0": (b"GET / HTTP/1.1\r\nX: a\0b\r\n" + HEAD + b"\r\n", 400),
    "a header with a blank in its name": (b"GET / HTTP/1.1\r\nHost : evil\r\n" + HEAD + b"\r\n", 400),
    "a head of 20 KB": (b"GET / HTTP/1.1\r\nX: " + b"a" * 20_000 + b"\r\n" + HEAD + b"\r\n", 431),
    "a head of 20 KB that never ends": (b"GET / HTTP/1.1\r\nX: " + b"a" * 20_000, 431),
    "a path with line breaks": (b"GET /%0d%0aSet-Cookie:%20a=b HTTP/1.1\r\n" + HEAD + b"\r\n", 400),
    "a path upwards": (b"GET /../../etc/passwd HTTP/1.1\r\n" + HEAD + b"\r\n", 400),
    "a form of more than 64 KB": (POST + b"Content-Length: 65537\r\n\r\na=b", 413),
    "a form without end": (POST + b"Content-Length: 99999999999999\r\n\r\na=b", 413),
    "a form of more than 64 KB in pieces": (POST + chunks(65537), 413),
    "a form in pieces of no size": (POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\na=b\r\n0\r\n\r\n", 400),
    "a form in a coding": (POST + b"Transfer-Encoding: gzip\r\nContent-Length: 3\r\n\r\na=b", 501),
    "two lengths": (POST + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\na=b", 400),
    "a length below zero": (POST + b"Content-Length: -3\r\n\r\na=b", 400),
    "a length with a sign": (POST + b"Content-Length: +3\r\n\r\na=b", 400),
    "a handshake of TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
}


@pytest.mark.parametrize("attack", RAW)
def test_bytes_that_no_browser_sends_reach_no_page(served: Served, attack: str) -> None:
    sent, status = RAW[attack]
    before = len(served.asked)

    answer = served.send(sent)

    assert str(status) == answer.decode().split(" ")[1], answer
    assert before == len(served.asked)
    assert b"Server:" not in answer


def test_a_request_of_a_browser_does(served: Served) -> None:
    answers = [
        served.send(b"GET /log?a=b HTTP/1.1\r\n" + HEAD + b"\r\n"),
        served.send(POST + b"Content-Length: 3\r\n\r\na=b"),
        served.send(POST + chunks(65000)),
    ]

    assert [b"HTTP/1.1 200 OK"] * 3 == [answer.split(b"\r\n")[0] for answer in answers]
    assert [("/log", {}), ("/", {"a": "b"})] == [(r.path, r.form) for r in served.asked[-3:-1]]
    assert 64998 == len(served.asked[-1].form["a"])


def test_headers_of_a_proxy_that_nobody_named_are_not_passed_on(served: Served) -> None:
    forged = b"X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: https\r\nForwarded: for=1.2.3.4\r\n"
    served.send(b"GET / HTTP/1.1\r\n" + forged + HEAD + b"\r\n")

    environ = served.asked[-1].environ
    assert ("127.0.0.1", "http") == (environ["REMOTE_ADDR"], environ["wsgi.url_scheme"])
    assert [] == [name for name in environ if "FORWARDED" in name]


@pytest.mark.parametrize("begun", [b"GET / HT", POST + b"Content-Length: 100\r\n\r\na="])
def test_a_request_that_trickles_is_cut_off(
    served: Served, begun: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often a byte comes, so that the connection is never idle."""
    before = len(served.asked)
    with served.connect() as connection:
        connection.sendall(begun.replace(b"COOKIE", served.cookie))
        until(
            lambda: [channel for channel in channels(served) if channel.request is not None], "it has begun"
        )
        monkeypatch.setattr(serve, "LONGEST_REQUEST", 0)
        connection.sendall(b"x")

        assert b"" == everything(connection)
    assert before == len(served.asked)


def channels(served: Served) -> list[Any]:
    return list(served.server.active_channels.values())


def test_connections_that_say_nothing_give_way_to_those_that_do(served: Served) -> None:
    """More than the server takes at once, so that one more has to wait until they are let go of."""
    assert 20 == served.server.adj.channel_timeout == 4 * served.server.adj.cleanup_interval
    silent = [served.connect() for _ in range(serve.MOST_CONNECTIONS + 5)]
    try:
        until(lambda: served.server.in_connection_overflow, "it takes no more")
        served.in_its_thread(lambda: served.server.maintenance(time.time() + 21))

        assert b"200 OK" in served.send(b"GET / HTTP/1.1\r\n" + HEAD + b"\r\n")
    finally:
        for connection in silent:
            connection.close()


def test_a_port_that_is_taken_is_told_with_the_next() -> None:
    with bind("127.0.0.1", 0).socket as taken:
        port = taken.getsockname()[1]

        with pytest.raises(
            TaskrunnerError, match=rf"cannot listen on 127.0.0.1:{port}: Address already in use$"
        ) as told:
            bind("127.0.0.1", port)
    assert (1, f"taskrun web --listen 127.0.0.1:{port + 1}") == (told.value.exit_code, told.value.hint)


@pytest.mark.parametrize(
    ("host", "message"), [("192.0.2.1", "Cannot assign requested address$"), ("no.invalid", "")]
)
def test_an_address_of_another_machine_is_refused(host: str, message: str) -> None:
    with pytest.raises(TaskrunnerError, match=f"cannot listen on {host}:0: {message}"):
        bind(host, 0)


@pytest.mark.parametrize(
    ("host", "url", "is_loopback"),
    [
        ("127.0.0.1", "http://127.0.0.1:{port}/", True),
        ("127.9.9.9", "http://127.9.9.9:{port}/", True),
        ("localhost", "http://localhost:{port}/", True),
        ("0.0.0.0", "http://0.0.0.0:{port}/", False),
    ],
)
def test_only_this_machine_reaches_a_loopback_address(host: str, url: str, is_loopback: bool) -> None:
    bound = bind(host, 0)
    with bound.socket:
        assert (url.format(port=bound.port), is_loopback) == (bound.url, bound.is_loopback)
