"""What a browser asks of the administration, who is let in and from where, and what is answered.

It is read from WSGI and sent through it, with the headers that keep browsers from harm.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from wsgiref.types import StartResponse, WSGIEnvironment

METHODS = ("GET", "HEAD", "POST")
LONGEST_BODY = 64 * 1024
LONGEST_QUERY = 8 * 1024
LONGEST_PATH = 1024
MOST_FIELDS = 1000
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Request:
    """A request of the administration, with everything in it checked for being text.

    `path` is below `prefix`, where the application is mounted, and begins with "/"; `prefix` is "" or the
    beginning of every address of the application, percent-encoded. A name stands once in `query` and in
    `form`. Names of `headers` are in small letters. `who` is for rows of the audit: "web:ann".
    `may_change` says whether this person may do more than look.
    """

    method: str
    path: str
    query: dict[str, str]
    form: dict[str, str]
    headers: Mapping[str, str]
    prefix: str
    environ: dict[str, Any]
    who: str = ""
    may_change: bool = False

    def address(self, path: str, **query: str) -> str:
        """Return the address of another page: `request.address("/log", task="forum.SendDigest")`.

        It is one of this application whatever the path: two slashes would begin the name of another host.
        """
        return f"{self.prefix}/{quote(path.lstrip('/'))}" + (f"?{urlencode(query)}" if query else "")


@dataclass(frozen=True, slots=True)
class Response:
    """What a request is answered with; `body` in parts is sent as it comes."""

    status: int
    body: bytes | Iterable[bytes]
    content_type: str = "text/html; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()


def redirect(address: str, *headers: tuple[str, str]) -> Response:
    """Return the answer to a form that was carried out: the browser asks for `address` next."""
    return Response(HTTPStatus.SEE_OTHER, b"", headers=(("Location", address), *headers))


def refusal(status: HTTPStatus, sentence: str, *headers: tuple[str, str]) -> Response:
    """Return an answer that says in one line of plain text why a request is not answered otherwise."""
    return Response(status, f"{sentence}\n".encode(), "text/plain; charset=utf-8", headers)


def read_request(environ: WSGIEnvironment) -> Request | Response:
    """Return the request without its form, which is read when it is let in; or what refuses it."""
    method = environ.get("REQUEST_METHOD", "")
    if method not in METHODS:
        allowed = ", ".join(METHODS)
        return refusal(
            HTTPStatus.METHOD_NOT_ALLOWED, f"Only {allowed} are answered here.", ("Allow", allowed)
        )
    if len(environ.get("PATH_INFO", "")) + len(environ.get("QUERY_STRING", "")) > LONGEST_QUERY:
        return refusal(HTTPStatus.REQUEST_URI_TOO_LONG, "The address is too long.")
    try:
        path, prefix = _path(environ.get("PATH_INFO", "") or "/"), _path(environ.get("SCRIPT_NAME", ""))
        query = _fields(environ.get("QUERY_STRING", ""))
    except ValueError as error:
        return refusal(HTTPStatus.BAD_REQUEST, f"The address cannot be read: {error}.")
    mounted = prefix.strip("/")
    return Request(
        method=method,
        path="/" + path.removeprefix("/"),
        query=query,
        form={},
        headers=_headers(environ),
        prefix=f"/{quote(mounted)}" if mounted else "",
        environ=environ,
    )


def read_form(request: Request) -> Request | Response:
    """Return the request with the form that a POST brings, or what refuses it."""
    environ = request.environ
    if environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower() != FORM:
        return refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"A form is read only as {FORM}.")
    length = environ.get("CONTENT_LENGTH", "")
    if not length:
        return refusal(HTTPStatus.LENGTH_REQUIRED, "The length of the form is missing.")
    if not (length.isascii() and length.isdigit()):
        return refusal(HTTPStatus.BAD_REQUEST, "The length of the form is not a number.")
    if len(length) > len(str(LONGEST_BODY)) or int(length) > LONGEST_BODY:
        return refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"A form has at most {LONGEST_BODY // 1024} KB.")
    body = environ["wsgi.input"].read(int(length))
    if len(body) < int(length):
        return refusal(HTTPStatus.BAD_REQUEST, "The form is shorter than it says.")
    try:
        return replace(request, form=_fields(body.decode("ascii")))
    except ValueError as error:
        return refusal(HTTPStatus.BAD_REQUEST, f"The form cannot be read: {error}.")


def send(
    response: Response,
    environ: WSGIEnvironment,
    start_response: StartResponse,
    *more: tuple[str, str],
) -> Iterable[bytes]:
    """Start a response with these headers besides its own, and return its body for the server to send.

    Raises ValueError before anything is sent if a header would end its line.
    """
    body: Iterable[bytes] = (response.body,) if isinstance(response.body, bytes) else response.body
    headers = [("Content-Type", response.content_type), *response.headers, *more]
    if isinstance(response.body, bytes):
        headers.append(("Content-Length", str(len(response.body))))
    for name, value in headers:
        if not (name + value).isprintable() or not (name + value).isascii():
            raise ValueError(f"{name} cannot be sent: {value!r}")
    status = HTTPStatus(response.status)
    start_response(f"{status.value} {status.phrase}", headers)
    if environ.get("REQUEST_METHOD") == "HEAD":
        if close := getattr(body, "close", None):
            close()
        return ()
    return body


def _path(raw: str) -> str:
    """Return the text of a path that WSGI passes as bytes in Latin-1; ValueError if it leads elsewhere."""
    path = _text(raw.encode("latin-1"))
    if len(path) > LONGEST_PATH:
        raise ValueError("its path is too long")
    if "\\" in path or "//" in path or {".", ".."} & set(path.split("/")):
        raise ValueError("its path has parts that lead elsewhere")
    if not path.isprintable():
        raise ValueError("its path has control characters")
    return path


def _text(raw: bytes) -> str:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("it is not in UTF-8") from None
    if "\0" in text:
        raise ValueError("a text in it has the character 0")
    return text


def _fields(encoded: str) -> dict[str, str]:
    """Return the fields of a query or a form, lines ended by newlines alone; ValueError if one is twice."""
    try:
        pairs = parse_qsl(encoded, keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict")
    except UnicodeDecodeError:
        raise ValueError("it is not in UTF-8") from None
    fields: dict[str, str] = {}
    for name, value in pairs:
        if "\0" in name + value:
            raise ValueError("a text in it has the character 0")
        if name in fields:
            raise ValueError("a field stands twice in it")
        fields[name] = value.replace("\r\n", "\n").replace("\r", "\n")
    return fields


def _headers(environ: WSGIEnvironment) -> dict[str, str]:
    return {
        name.removeprefix("HTTP_").replace("_", "-").lower(): value
        for name, value in environ.items()
        if name.startswith("HTTP_") and isinstance(value, str)
    }


Rule = Callable[[dict[str, Any]], bool]
"""Says of a WSGI environment whether its person may do something: True or False, nothing else."""

Naming = Callable[[dict[str, Any]], str]
"""Says how the person of a WSGI environment is called."""

LONGEST_NAME = 64
OWN = ("same-origin", "none")
"""What a browser says of a request that a page of this site, or the person, has made: no other site."""

NOT_FROM_HERE = "This request does not come from a page of this administration; nothing was done."


def admit(
    environ: WSGIEnvironment, *, may_view: Rule | None, may_change: Rule | None, who: Naming | None
) -> Request | Response:
    """Return the request, with its form, of somebody who may make it; or what refuses it.

    Nothing of a body is read before that is known. Without `may_view` everything is refused.
    """
    request = read_request(environ)
    if isinstance(request, Response):
        return request
    if (refused := refuse(request, may_view=may_view, may_change=may_change)) is not None:
        return refused
    request = replace(request, who=_name(who, environ), may_change=_allows(may_change, environ))
    return read_form(request) if request.method == "POST" else request


def refuse(request: Request, *, may_view: Rule | None, may_change: Rule | None) -> Response | None:
    """Return what refuses a request, or None if its person may make it and no other site has."""
    if not _allows(may_view, request.environ):
        return refusal(HTTPStatus.FORBIDDEN, "You may not see this administration.")
    if request.method == "POST":
        if not is_own(request):
            return refusal(HTTPStatus.FORBIDDEN, NOT_FROM_HERE)
        if not _allows(may_change, request.environ):
            return refusal(HTTPStatus.FORBIDDEN, "You may look here, but not change anything.")
    elif not _is_own_or_opened(request):
        return refusal(HTTPStatus.FORBIDDEN, "Pages of other sites may link here, but use nothing of it.")
    return None


@cache
def safety_headers(style: str = "") -> tuple[tuple[str, str], ...]:
    """Return the headers of every response; `style` is the text of the pages' one `<style>` element."""
    digest = b64encode(sha256(style.encode()).digest()).decode()
    policy = (
        "default-src 'none'",
        *([f"style-src 'sha256-{digest}'"] if style else ()),
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
    return (
        ("Content-Security-Policy", "; ".join(policy)),
        ("X-Content-Type-Options", "nosniff"),
        ("X-Frame-Options", "DENY"),
        ("Referrer-Policy", "same-origin"),  # with none, forms of old browsers would come from "null"
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
        ("X-Robots-Tag", "noindex"),
        ("Cache-Control", "no-store"),
    )


def _allows(rule: Rule | None, environ: dict[str, Any]) -> bool:
    """Return what a rule says; TypeError for anything but a truth, as a coroutine would be taken for one."""
    if rule is None:
        return False
    said = rule(environ)
    if not isinstance(said, bool):
        raise TypeError(f"{getattr(rule, '__name__', rule)} has to return True or False, not {said!r:.80}")
    return said


def is_own(request: Request) -> bool:
    """Return whether a page of this site has made the request, as far as its browser says so."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in OWN
    origin, host = request.headers.get("origin", ""), request.headers.get("host", "")
    return bool(host) and _host_of(origin) == host.lower()


def _is_own_or_opened(request: Request) -> bool:
    """Return whether the request is of this site's own, or opens a whole page by a link of another."""
    said = request.headers
    opens = said.get("sec-fetch-mode") == "navigate" and said.get("sec-fetch-dest", "document") == "document"
    return said.get("sec-fetch-site", "none") in OWN or opens


def _host_of(origin: str) -> str | None:
    """Return host and port of an origin, None of one that is none or opaque ("null").

    >>> _host_of("https://Example.org:8443"), _host_of("null"), _host_of("https://a@example.org")
    ('example.org:8443', None, None)
    """
    try:
        parts = urlsplit(origin)
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or origin != f"{parts.scheme}://{parts.netloc}":
        return None
    return None if "@" in parts.netloc else parts.netloc.lower() or None


def _name(who: Naming | None, environ: dict[str, Any]) -> str:
    """Return the name for the rows of the audit, of characters that can be shown."""
    name = who(environ) if who is not None else ""
    shown = "".join(character if character.isprintable() else "?" for character in str(name))
    return f"web:{shown[:LONGEST_NAME]}" if shown else "web"
