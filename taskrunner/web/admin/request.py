"""What a browser asks of the administration and what it is answered, read from WSGI and sent through it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlencode

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
