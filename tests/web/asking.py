"""Requests of the administration as a web server hands them to a WSGI application, and what they get."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes, urlencode
from wsgiref.types import WSGIApplication
from wsgiref.validate import validator

FORM = "application/x-www-form-urlencoded"
OWN = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate"}
HOST = "site.example"
METHODS = ("GET", "HEAD", "POST", "OPTIONS", "PATCH", "PUT", "DELETE", "TRACE")


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


def environment(
    target: str = "/",
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    form: Mapping[str, str] | bytes | None = None,
    **variables: Any,
) -> dict[str, Any]:
    """Return what a server makes of a request; `variables` are put in as they are, those of None left out."""
    path, _, query = target.partition("?")
    body = urlencode(form).encode() if isinstance(form, Mapping) else form or b""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": HOST,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    if form is not None:
        environ |= {"CONTENT_TYPE": FORM, "CONTENT_LENGTH": str(len(body))}
    environ |= {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in (headers or {}).items()}
    environ |= variables
    return {name: value for name, value in environ.items() if value is not None}


def ask(app: WSGIApplication, target: str = "/", method: str = "GET", **given: Any) -> Answer:
    """Make a request as `environment` does; the application has to keep to the rules of WSGI."""
    return answer_of(app, environment(target, method, **given))


def answer_of(app: WSGIApplication, environ: dict[str, Any]) -> Answer:
    started: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(status: str, fields: list[tuple[str, str]], exc_info: Any = None) -> Any:
        started.append((status, fields))
        return lambda _: None

    body = (validator(app) if _is_plain(environ) else app)(environ, start_response)
    try:
        content = b"".join(body)
    finally:
        if hasattr(body, "close"):
            body.close()
    [(status, fields)] = started
    assert len({name for name, _ in fields}) == len(fields), f"a header stands twice: {fields}"
    return Answer(int(status.split()[0]), dict(fields), content)


def _is_plain(environ: dict[str, Any]) -> bool:
    """Return whether a request is one that the validator of the standard library understands."""
    length = environ.get("CONTENT_LENGTH", "0")
    return environ["REQUEST_METHOD"] in METHODS and len(length) < 10 and length.isascii() and length.isdigit()
