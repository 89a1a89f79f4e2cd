"""`taskrun web`: the administration on a socket of its own, by waitress, until Ctrl-C."""

from __future__ import annotations

import ipaddress
import logging
import signal
import socket
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from waitress.channel import HTTPChannel
from waitress.server import create_server
from waitress.task import ThreadedTaskDispatcher

from taskrunner.errors import TaskrunnerError
from taskrunner.web.admin.request import LONGEST_BODY

if TYPE_CHECKING:
    from collections.abc import Callable
    from wsgiref.types import WSGIApplication

THREADS = 8
MOST_CONNECTIONS = 200
LARGEST_HEAD = 16 * 1024
SENT_BUFFER = 256 * 1024
"""Bytes of a connection that wait to be sent; the page is made no further while there are more."""

LONGEST_REQUEST = 20
"""Seconds in which a request has to be there as a whole, and for which a connection may wait for one."""


class Bound(NamedTuple):
    """A socket that listens, and how browsers name it."""

    socket: socket.socket
    host: str
    is_loopback: bool

    @property
    def port(self) -> int:
        """The port, also where the system has chosen one."""
        return int(self.socket.getsockname()[1])

    @property
    def url(self) -> str:
        """The address of the site's first page."""
        return f"http://{self.host}:{self.port}/"


def bind(host: str, port: int) -> Bound:
    """Return a socket bound to an address. Raises TaskrunnerError."""
    shown = f"[{host}]" if ":" in host else host
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound = socket.create_server(address, family=family)
    except OSError as error:
        hint = f"taskrun web --listen {shown}:{port + 1}" if 1024 <= port < 65535 else None
        what = str(error.strerror).partition(" (while ")[0]
        raise TaskrunnerError(f"cannot listen on {shown}:{port}: {what}", hint=hint) from error
    return Bound(bound, shown, ipaddress.ip_address(str(address[0]).partition("%")[0]).is_loopback)


class Channel(HTTPChannel):  # type: ignore[misc]  # waitress has no types
    """A connection that is closed if its request takes too long to come, however it trickles."""

    began_at = 0.0

    def received(self, data: bytes) -> bool:
        """Take bytes of a request, or close the connection."""
        now = time.monotonic()
        if self.request is None:
            self.began_at = now
        if now - self.began_at > LONGEST_REQUEST:
            self.will_close = True
            return False
        return bool(super().received(data))


class Threads(ThreadedTaskDispatcher):  # type: ignore[misc]
    """The threads that answer; at the end nobody waits long for those who still read."""

    def shutdown(self, cancel_pending: bool = True, timeout: float = 1.0) -> bool:
        """Let the threads end, and cancel what waits for one."""
        self.logger.setLevel(logging.ERROR)  # those who read on are no news
        return bool(super().shutdown(cancel_pending, min(timeout, 1.0)))


def make_server(app: WSGIApplication, bound: Bound) -> Any:
    """Return a server of waitress that answers requests at a socket when it is run."""
    logging.getLogger("waitress").setLevel(logging.WARNING)
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # it tells of each request that waits
    threads = Threads()
    threads.set_thread_count(THREADS)
    server = create_server(
        app,
        _dispatcher=threads,
        sockets=[bound.socket],
        connection_limit=MOST_CONNECTIONS,
        channel_timeout=LONGEST_REQUEST,
        cleanup_interval=LONGEST_REQUEST // 4,
        max_request_header_size=LARGEST_HEAD,
        max_request_body_size=LONGEST_BODY + 1,  # the first that is refused
        outbuf_high_watermark=SENT_BUFFER,
        channel_request_lookahead=1,  # so that it is noticed when a browser leaves
        clear_untrusted_proxy_headers=True,
        asyncore_use_poll=True,  # select cannot look at a descriptor above 1,023
        ident=None,
    )
    server.channel_class = Channel
    return server


def serve(app: WSGIApplication, bound: Bound, *, then: Callable[[], None]) -> None:
    """Answer requests until this process is interrupted or terminated; `then` is called when it can be."""
    server = make_server(app, bound)
    try:
        signal.signal(signal.SIGTERM, _interrupt)
        then()
        server.run()  # which an interrupt ends
    except KeyboardInterrupt:
        server.close()


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt
