"""Listings as files to download: CSV and JSON, as the command line prints them."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from taskrunner.views.formats import as_json, csv_lines
from taskrunner.web.admin.html import Markup, joined, link, soft
from taskrunner.web.admin.request import Response

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from taskrunner.views.columns import Context, Listing
    from taskrunner.web.admin.frame import View

T = TypeVar("T")


def listing_file(
    rows: Iterable[T], listing: Listing[T], context: Context, *, name: str, kind: str
) -> Response:
    """Return a file of rows, made while it is sent."""
    body = _csv(rows, listing, context) if kind == "csv" else _json(rows, listing, context)
    type_ = "text/csv; charset=utf-8" if kind == "csv" else "application/json; charset=utf-8"
    return Response(200, body, type_, (_attachment(f"{name}.{kind}"),))


def text_file(text: str, *, name: str) -> Response:
    """Return a text as a file."""
    return Response(
        200, text.encode("utf-8", "replace"), "text/plain; charset=utf-8", (_attachment(f"{name}.txt"),)
    )


def downloads(view: View, path: str, about: str = "", **query: str) -> Markup:
    """Return links to the files of a listing."""
    links = [link(view.address(f"{path}.{kind}", **query), kind.upper()) for kind in ("csv", "json")]
    return soft("Download ", links[0], " or ", links[1], joined(about))


def _attachment(name: str) -> tuple[str, str]:
    safe = "".join(sign if sign.isascii() and (sign.isalnum() or sign in "._-") else "_" for sign in name)
    return "Content-Disposition", f'attachment; filename="{safe}"'


def _csv(rows: Iterable[T], listing: Listing[T], context: Context) -> Iterator[bytes]:
    records = (listing.record(row, context) for row in rows)
    for line in csv_lines(listing.keys, records):
        yield line.encode("utf-8", "replace")


def _json(rows: Iterable[T], listing: Listing[T], context: Context) -> Iterator[bytes]:
    before = "[\n"
    for row in rows:
        yield f"{before}{as_json(listing.record(row, context))}".encode("utf-8", "replace")
        before = ",\n"
    yield b"[]\n" if before == "[\n" else b"\n]\n"
