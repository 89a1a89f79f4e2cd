"""HTML and SVG put together so that no text can become markup."""

from __future__ import annotations

import html
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import tzinfo

VOID = frozenset({"meta", "link", "br", "wbr", "line", "rect", "circle", "path"})
"""Elements that have no content here."""

SVG = frozenset({"line", "rect", "circle", "path"})


class Markup(str):
    """Text that is markup already; every other string is escaped where it is put in."""

    __slots__ = ()


def element(tag: str, *content: str, **attributes: str | float) -> Markup:
    """Return an element. A trailing _ of an attribute's name goes, any other _ becomes -.

    >>> element("td", "<script>", class_="name")
    '<td class="name">&lt;script&gt;</td>'
    >>> element("p", element("b", "1 & 2"), " \\x1b[2J")
    '<p><b>1 &amp; 2</b> \\\\x1b[2J</p>'
    """
    given = "".join(f' {_attribute(name)}="{_value(value)}"' for name, value in attributes.items())
    if tag in VOID:
        return Markup(f"<{tag}{given}{'/' if tag in SVG else ''}>")
    return Markup(f"<{tag}{given}>{joined(*content)}</{tag}>")


def joined(*content: str) -> Markup:
    """Return content as markup, what is none escaped."""
    return Markup("".join(part if isinstance(part, Markup) else _text(part) for part in content))


def visible(text: str) -> str:
    r"""Return a text whose control characters, also those that turn its direction, are shown.

    >>> visible("a\x00b\u202ec\td")
    'a\\x00b\\u202ec\td'
    """
    return "".join(_shown(character) for character in text) if not text.isprintable() else text


def _shown(character: str) -> str:
    if character in "\t\n" or character.isprintable() or unicodedata.category(character) == "Zs":
        return character
    return character.encode("unicode_escape").decode()


def _text(text: str) -> str:
    return html.escape(visible(text), quote=False)


def _attribute(name: str) -> str:
    return name.removesuffix("_").replace("_", "-")


def _value(value: str | float) -> str:
    return html.escape(visible(value)) if isinstance(value, str) else f"{value:g}"


SHORT_CELL = 24


@dataclass(frozen=True, slots=True)
class Times:
    """Writes moments in a zone."""

    zone: tzinfo

    def long(self, epoch: float | None) -> str:
        """Return a moment to the second, with its offset."""
        return "–" if epoch is None else f"{datetime.fromtimestamp(epoch, self.zone):%Y-%m-%d %H:%M:%S %z}"


def section(title: str, *content: str) -> Markup:
    """Return a section that the contents lead to."""
    return element("section", element("h2", title), *content, id=title.lower())


def table(caption: str, headings: Sequence[str], rows: Iterable[Sequence[str | int]]) -> Markup:
    """Return a table that a narrow window can scroll; the first cell of a row is its heading."""
    head = element("tr", *(element("th", heading, scope="col") for heading in headings))
    body = [
        element(
            "tr",
            element("th", _breakable(str(row[0])), scope="row"),
            *(_cell(cell if isinstance(cell, str) else str(cell)) for cell in row[1:]),
        )
        for row in rows
    ]
    table = element("table", element("caption", caption), element("thead", head), element("tbody", *body))
    return element("section", table, class_="scroll", aria_label=caption, tabindex=0)


def _cell(text: str) -> Markup:
    return element("td", text, class_="text") if len(text) > SHORT_CELL else element("td", text)


def _breakable(name: str) -> Markup:
    """Return a name that may be broken behind its dots and backslashes."""
    parts = name.replace("\\", "\\\n").replace(".", ".\n").split("\n")
    return joined(*(piece for part in parts for piece in (part, element("wbr"))))


def seconds(length: float | None) -> str:
    """Return seconds as exactly as people want them."""
    if length is None:
        return "–"
    return f"{length:.0f}" if length >= 100 else f"{length:.3g}"


def share(rate: float | None) -> str:
    """Return a rate in percent."""
    return "–" if rate is None else f"{rate:.1%}"


def count(number: int, noun: str) -> str:
    """Return a number of things."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def trimmed(text: str) -> str:
    """Return a text without blanks at the ends of its lines."""
    return "\n".join(line.rstrip() for line in text.splitlines())


def cut(text: str) -> str:
    """Return a text that fits a table."""
    return trimmed(text if len(text) <= 300 else f"{text[:300]}…")


STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; color: #111; background: #fff; margin: 0 auto; padding: 1rem;
  max-width: 72rem; }
h1 { margin: 0; }
h2 { border-bottom: 2px solid #111; margin-top: 2.5rem; }
nav ul { display: flex; flex-wrap: wrap; gap: 0 1.25rem; list-style: none; padding: 0; }
a { color: #111; }
.scroll { overflow-x: auto; margin: 1rem 0; }
.scroll:focus-visible { outline: 3px solid #111; }
table { border-collapse: collapse; width: 100%; font-size: .875rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: bold; padding: .25rem 0; }
th, td { text-align: left; vertical-align: top; padding: .25rem .75rem .25rem 0;
  border-bottom: 1px solid #999; }
tbody th { font-weight: normal; overflow-wrap: break-word; }
.text { overflow-wrap: anywhere; min-width: 13rem; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr));
  gap: 1rem 2rem; }
figure { margin: 1rem 0; max-width: 40rem; break-inside: avoid; }
figcaption { font-size: .875rem; }
svg { display: block; width: 100%; height: auto; }
svg text { font: 10px system-ui, sans-serif; fill: #111; }
svg .mark { font-size: 9px; }
svg .end { text-anchor: end; }
svg .middle { text-anchor: middle; }
svg .ink { fill: #111; }
svg .thin { stroke: #111; stroke-width: 1.5; }
svg .guide { stroke: #bbb; stroke-width: .5; }
svg .cell { fill: #000; stroke: #999; stroke-width: .4; }
svg .line { fill: none; stroke: #111; stroke-width: 1.5; }
svg .dashed { fill: none; stroke: #111; stroke-width: 1; stroke-dasharray: 2 2; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; border-left: 3px solid #999; padding-left: .75rem;
  margin: .25rem 0 1rem; font-size: .8125rem; }
.path { overflow-wrap: anywhere; }
@media print {
  @page { margin: 15mm; }
  body { font-size: 10pt; padding: 0; max-width: none; -webkit-print-color-adjust: exact;
    print-color-adjust: exact; }
  nav { display: none; }
  .scroll { overflow: visible; }
  .text { min-width: 8rem; }
  figure { max-width: 13cm; }
  h2 { break-after: avoid; }
  tr, li { break-inside: avoid; }
  thead { display: table-header-group; }
  table { font-size: 8pt; }
}
"""
