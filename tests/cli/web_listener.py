"""A web server on loopback that notes what it is asked."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Listener:
    """What was asked, in order: method and path, and what was sent; `status` is the answer to what is
    `allowed`, 404 to all else."""

    url: str
    asked: list[tuple[str, bytes]] = field(default_factory=list)
    status: int = 200
    allowed: re.Pattern[str] = re.compile("")
    answered: list[int] = field(default_factory=list)


@contextmanager
def listening() -> Iterator[Listener]:
    """Listen on a free port inside the block."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked = f"{self.command} {self.path}"
            listener.asked.append((asked, body))
            is_allowed = not listener.allowed.pattern or listener.allowed.fullmatch(asked)
            listener.answered.append(listener.status if is_allowed else 404)
            self.send_response(listener.answered[-1])
            self.end_headers()

        do_GET = do_POST = _answer  # noqa: N815

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        listener = Listener(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield listener
        finally:
            server.shutdown()
            thread.join()
