"""Parts of the administration's pages, and listings as files to download.

Parts are links, forms, tables, marks; every text in them is escaped. Files are CSV and JSON, as the command
line prints them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

from taskrunner.records import FAILURES
from taskrunner.report.markup import Markup, element, joined, table
from taskrunner.views.columns import as_json, csv_lines
from taskrunner.web.admin.request import Response

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from taskrunner.records import RecentRun
    from taskrunner.views.columns import Context, Listing
    from taskrunner.web.admin.frame import View

__all__ = ["Markup", "element", "joined", "table"]

NOTHING = Markup()


def link(address: str, text: str, **attributes: str) -> Markup:
    """Return a link."""
    return element("a", text, href=address, **attributes)


def soft(*content: str) -> Markup:
    """Return a paragraph that stands back."""
    return element("p", *content, class_="soft")


def small(text: str) -> Markup:
    """Return a text that stands back, in a cell; nothing for an empty one."""
    return element("small", text) if text else NOTHING


def state(text: str, style: str) -> Markup:
    """Return the state of something; `style` is what views say of it: "bad", "late", "aside" or ""."""
    return element("span", text, class_=f"state {style}".rstrip())


def button(text: str, *, class_: str = "", **attributes: str) -> Markup:
    """Return the button of a form."""
    given = {"class_": class_} if class_ else {}
    return element("button", text, **given, **attributes)


def hidden(fields: Mapping[str, str]) -> Markup:
    """Return fields that a form sends and nobody sees."""
    return joined(
        *(element("input", type="hidden", name=name, value=value) for name, value in fields.items())
    )


def form(action: str, *content: str, method: str = "post", class_: str = "", label: str = "") -> Markup:
    """Return a form; by default one that changes something."""
    given = {name: value for name, value in (("class_", class_), ("aria_label", label)) if value}
    return element("form", *content, method=method, action=action, **given)


def one_button(action: str, text: str, about: str = "", *, class_: str = "", **fields: str) -> Markup:
    """Return a form that is one button; `about` tells it from others of its name when it is read out."""
    named = {"aria_label": f"{text}: {about}"} if about else {}
    return form(action, hidden(fields), button(text, class_=class_, **named), class_="inline")


class Field(NamedTuple):
    """A field of a form: what was typed into it comes back, with what is wrong about it."""

    name: str
    label: str
    value: str = ""
    hint: str = ""
    error: str = ""
    size: int = 14
    type: str = "text"
    list: tuple[str, ...] = ()

    def shown(self, prefix: str = "") -> Markup:
        """Return the field with its label; a hint and an error are tied to it."""
        key = f"{prefix}{self.name}"
        described = [f"{key}-{what}" for what in ("error", "hint") if getattr(self, what)]
        attributes: dict[str, str | float] = {
            "type": self.type,
            "id": key,
            "name": self.name,
            "value": self.value,
        }
        attributes |= {"size": self.size, "autocomplete": "off"}
        if described:
            attributes["aria_describedby"] = " ".join(described)
        if self.error:
            attributes |= {"aria_invalid": "true", "autofocus": True}
        if self.list:
            attributes["list"] = f"{key}-list"
        offered = element("datalist", *(element("option", value=one) for one in self.list), id=f"{key}-list")
        return element(
            "div",
            element("label", self.label, for_=key),
            element("p", self.hint, id=f"{key}-hint", class_="hint") if self.hint else NOTHING,
            element("p", self.error, id=f"{key}-error", class_="error") if self.error else NOTHING,
            element("input", **attributes),
            offered if self.list else NOTHING,
            class_="field",
        )


def choice(name: str, label: str, options: Iterable[tuple[str, str]], chosen: str) -> Markup:
    """Return a field in which one of a few texts is chosen; `options` are (value, text)."""
    shown = [element("option", text, value=value, selected=value == chosen) for value, text in options]
    return element(
        "div",
        element("label", label, for_=name),
        element("select", *shown, id=name, name=name),
        class_="field",
    )


def facts(pairs: Iterable[tuple[str, str]]) -> Markup:
    """Return what is known, one fact a line; those without a text are left out."""
    shown = [joined(element("dt", name), element("dd", text)) for name, text in pairs if text]
    return element("dl", *shown) if shown else NOTHING


def section(title: str, *content: str, id: str = "") -> Markup:
    """Return a part of a page with its heading."""
    named = {"id": id} if id else {}
    return element("section", element("h2", title), *content, **named)


def notice(text: str, *more: str, style: str = "good") -> Markup:
    """Return a line that says what has been done, or not; `style`: good, bad or late."""
    role = "alert" if style == "bad" else "status"
    return element("div", element("p", text), *more, class_=f"notice {style}", role=role)


FITS = 24
"""Characters of a name that has room on the narrowest screen."""


def parts(text: str) -> Markup:
    """Return a name; a long one may be broken behind its dots, where it is read out with a pause."""
    if len(text) <= FITS:
        return joined(text)
    pieces = text.replace(".", ".\n").replace("_", "_\n").split("\n")
    return joined(*[one for piece in pieces for one in (piece, element("wbr"))][:-1])


WORDS = {"ok": "ok", "failed": "failed", "crashed": "crashed", "timeout": "timed out"}
SIGNS = {"ok": "●", "failed": "✕", "crashed": "✖", "timeout": "◷"}
OTHER = "·"


def marks(runs: Sequence[RecentRun]) -> Markup:
    """Return how the newest runs of a task ended, the newest last, as signs that are read out as words."""
    if not runs:
        return element("span", "no runs yet", class_="soft")
    shown: list[Markup] = []
    signs, was_bad = "", False
    for run in (*runs, None):
        is_bad = run is not None and run.outcome in FAILURES
        if signs and (run is None or is_bad != was_bad):
            shown.append(element("b" if was_bad else "span", signs))
            signs = ""
        if run is not None:
            signs, was_bad = signs + SIGNS.get(run.outcome, OTHER), is_bad
    return element("span", *shown, class_="marks", role="img", aria_label=_read_out(runs))


def _read_out(runs: Sequence[RecentRun]) -> str:
    counts: dict[str, int] = {}
    for run in reversed(runs):
        word = WORDS.get(run.outcome, run.outcome)
        counts[word] = counts.get(word, 0) + 1
    texts = ", ".join(f"{count} {word}" for word, count in counts.items())
    newest = WORDS.get(runs[-1].outcome, runs[-1].outcome)
    return f"last {len(runs)} runs: {texts}; the newest {newest}"


def bar(done: float, total: float) -> Markup:
    """Return how far something has come, as a bar."""
    share = min(1.0, max(0.0, done / total)) if total > 0 else 0.0
    return element("progress", f"{share:.0%}", value=share, max=1, aria_label="progress")


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
