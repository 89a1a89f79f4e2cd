"""Who is let in to the administration and from where, and the headers that keep browsers from harm."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from hashlib import sha256
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from taskrunner.web.admin.request import Request, Response, read_form, read_request, refusal

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

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
