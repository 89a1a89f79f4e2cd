"""HTML and SVG put together so that no text can become markup, and the looks of a page.

The looks are light, dark and print; colour says what a word or a shape says as well.
"""

from __future__ import annotations

import html
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import tzinfo

VOID = frozenset({"meta", "link", "br", "wbr", "input", "line", "rect", "circle", "path"})
"""Elements that have no content here."""

SVG = frozenset({"line", "rect", "circle", "path"})


class Markup(str):
    """Text that is markup already; every other string is escaped where it is put in."""

    __slots__ = ()


def element(tag: str, *content: str, **attributes: str | float) -> Markup:
    """Return an element. A trailing _ of an attribute's name goes, any other _ becomes -.

    An attribute that is True stands by its name alone, one that is False does not stand at all.

    >>> element("td", "<script>", class_="name")
    '<td class="name">&lt;script&gt;</td>'
    >>> element("input", name="q", checked=True, disabled=False)
    '<input name="q" checked>'
    >>> element("p", element("b", "1 & 2"), " \\x1b[2J")
    '<p><b>1 &amp; 2</b> \\\\x1b[2J</p>'
    """
    given = "".join(_given(name, value) for name, value in attributes.items() if value is not False)
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


def _given(name: str, value: str | float) -> str:
    shown = name.removesuffix("_").replace("_", "-")
    return f" {shown}" if value is True else f' {shown}="{_value(value)}"'


def _value(value: str | float) -> str:
    return html.escape(visible(value)) if isinstance(value, str) else f"{value:g}"


@dataclass(frozen=True, slots=True)
class Times:
    """Writes moments in a zone."""

    zone: tzinfo

    def long(self, epoch: float | None) -> str:
        """Return a moment to the second, with its offset."""
        return "–" if epoch is None else f"{datetime.fromtimestamp(epoch, self.zone):%Y-%m-%d %H:%M:%S %z}"

    def short(self, epoch: float | None) -> str:
        """Return a moment to the minute."""
        return "–" if epoch is None else f"{datetime.fromtimestamp(epoch, self.zone):%Y-%m-%d %H:%M}"

    def day(self, epoch: float) -> str:
        """Return the day of a moment, as axes have it."""
        moment = datetime.fromtimestamp(epoch, self.zone)
        return f"{moment:%b} {moment.day}"

    def clock(self, epoch: float) -> str:
        """Return the hour and minute of a moment."""
        return f"{datetime.fromtimestamp(epoch, self.zone):%H:%M}"


def section(title: str, *content: str) -> Markup:
    """Return a section that the contents lead to."""
    return element("section", element("h2", title), *content, id=title.lower().replace(" ", "-"))


Cell = str | int
NUMBER, WIDE, PICTURE = "n", "wide", "pic"


def table(caption: str, columns: Sequence[tuple[str, str]], rows: Iterable[Sequence[Cell]]) -> Markup:
    """Return a table, on a phone a card for each row; the first cell of a row is its heading.

    `columns` are (heading, class of its cells).
    """
    head = [_classed("th", heading, class_, scope="col") for heading, class_ in columns]
    begins = [_start(_classed("th", "", columns[0][1], scope="row"))]
    begins += [_start(_classed("td", "", class_, data_l=heading)) for heading, class_ in columns[1:]]
    ends = ["</th>", *["</td>"] * (len(columns) - 1)]
    body = [
        Markup(f"<tr>{''.join(begin + joined(_shown_cell(cell)) + end for begin, cell, end in of_row)}</tr>")
        for of_row in (zip(begins, row, ends, strict=True) for row in rows)
    ]
    whole = element(
        "table",
        element("caption", caption),
        element("thead", element("tr", *head)),
        element("tbody", *body),
        class_="cards",
    )
    return element("div", whole, class_="scroll", role="region", aria_label=caption, tabindex=0)


def _start(empty: Markup) -> str:
    """Return the start tag of an element without content: made once for all cells of a column."""
    return empty[: empty.rindex("</")]


def folded(summary: str, columns: Sequence[tuple[str, str]], rows: Sequence[Sequence[Cell]]) -> Markup:
    """Return a table that is shown when one asks for it, or nothing for a table without rows."""
    return (
        element("details", element("summary", summary), table(summary, columns, rows)) if rows else Markup()
    )


def _shown_cell(cell: Cell) -> str:
    return f"{cell:,}" if isinstance(cell, int) else cell


def _classed(tag: str, content: str, class_: str, **attributes: str | float) -> Markup:
    return element(tag, content, **({"class_": class_} if class_ else {}), **attributes)


def task(name: str) -> Markup:
    """Return the name of a task: a long class path by its last part, the whole where there is room.

    >>> task("backup.Course")
    '<span class="task">backup.<wbr>Course</span>'
    """
    parts = name.split("\\")
    if len(parts) < 2 or not all(parts):
        return element("span", _breakable(name), class_="task")
    short = element("span", _breakable(parts[-1]), element("small", parts[0]), class_="short")
    whole = element("span", _breakable(name), class_="whole")
    return element("span", short, whole, class_="task", title=name)


def in_text(name: str) -> Markup:
    """Return the name of a task among words."""
    short = short_name(name)
    if short == name:
        return element("span", name)
    words = element("span", short, class_="short"), element("span", name, class_="whole")
    return element("span", *words, title=name)


def short_name(name: str) -> str:
    """Return the last part of a class path.

    >>> short_name(r"core\\task\\cron_task"), short_name("backup.Course")
    ('cron_task', 'backup.Course')
    """
    return name.rpartition("\\")[2] or name


def _breakable(name: str) -> Markup:
    """Return a name that may be broken behind its dots, backslashes and underscores."""
    parts = name.replace("\\", "\\\n").replace(".", ".\n").replace("_", "_\n").split("\n")
    pieces = [piece for part in parts for piece in (part, element("wbr"))]
    return joined(*pieces[:-1])


def count(number: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def trimmed(text: str) -> str:
    """Return a text without blanks at the ends of its lines."""
    return "\n".join(line.rstrip() for line in text.splitlines())


def cut(text: str, most: int = 300) -> str:
    """Return a text that fits a table."""
    return trimmed(text if len(text) <= most else f"{text[:most]}…")


def percent(rate: float | None) -> str:
    """Return a rate as people read it.

    >>> [percent(rate) for rate in (None, 0.0, 0.0004, 0.014, 0.5, 1.0)]
    ['–', '0 %', '0.04 %', '1.4 %', '50 %', '100 %']
    """
    if rate is None:
        return "–"
    digits = 0 if rate == 0 or rate >= 0.0995 else 1 if rate >= 0.00095 else 2
    return f"{100 * rate:.{digits}f} %"


LIGHT = """
  --ink: #1c2530; --soft: #566370; --line: #dfe4e9; --paper: #fff; --panel: #f6f8fa; --link: #0b57a4;
  --bad: #b3261e; --bad-bg: #fdecea; --warn: #7a4f00; --warn-bg: #fff4dc; --ok: #22693f; --ok-bg: #e6f4ec;
  --bar: #5b87b2; --l1: #dcebf7; --l2: #b3d2ec; --l3: #6fa8d6; --l4: #2b6ca8; --l5: #12375e; --on: #fff;
    --on3: #000;
"""
DARK = """
  --ink: #e6ebf0; --soft: #a3b0bc; --line: #2d3741; --paper: #12181e; --panel: #1a222a; --link: #7fb7ff;
  --bad: #ff8a80; --bad-bg: #3a1a18; --warn: #f2c14e; --warn-bg: #3a2d10; --ok: #6fd19a; --ok-bg: #15301f;
  --bar: #5f93c7; --l1: #18293a; --l2: #1f415f; --l3: #2d6693; --l4: #7db4e2; --l5: #d3e8fa;
    --on: #0c141b; --on3: #fff;
"""
THEME = (
    ":root { color-scheme: light dark;"
    + LIGHT
    + "}\n@media screen and (prefers-color-scheme: dark) { :root {"
    + DARK
    + """} }
* { box-sizing: border-box; }
body { margin: 0; font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  font-variant-numeric: tabular-nums; }
"""
)
"""The colours, light and dark, and the text: what every page of taskrunner has."""

STYLE = (
    THEME
    + """
header, main, footer { max-width: 75rem; margin: auto; padding: 0 1.25rem; }
h1 { font-size: 1.6rem; margin: 1.4rem 0 .2rem; line-height: 1.25; }
h2 { font-size: 1.15rem; margin: 2.4rem 0 .4rem; }
h3 { font-size: .95rem; margin: 1.2rem 0 .2rem; color: var(--soft); font-weight: 600; }
a { color: var(--link); } p { margin: .4rem 0; }
.soft, small, figcaption, caption { color: var(--soft); }
nav ul { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; list-style: none; margin: 0; padding: .6rem 0;
  border-bottom: 1px solid var(--line); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .8rem;
  margin: 1rem 0; }
.tile { background: var(--panel); border: 1px solid var(--line); border-radius: .5rem;
  padding: .7rem .9rem; }
.tile b { display: block; font-size: 1.7rem; line-height: 1.2; }
.tile.alert { background: var(--bad-bg); border-color: var(--bad); }
.tile.alert b { color: var(--bad); }
.scroll { overflow-x: auto; margin: .6rem 0; }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
caption { text-align: left; padding: .2rem 0; }
th { text-align: left; font-weight: 600; vertical-align: top; }
thead th { color: var(--soft); font-size: .8rem; padding: .3rem .8rem .3rem 0; white-space: nowrap;
  border-bottom: 1px solid var(--line); }
tbody th, td { padding: .45rem .8rem .45rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td small, th small { display: block; font-weight: 400; }
.n { text-align: right; white-space: nowrap; }
.wide { min-width: 15rem; overflow-wrap: anywhere; } .pic { min-width: 11rem; width: 22%; }
.whole { display: none; } .task { overflow-wrap: break-word; } .lines small { display: inline;
  margin-left: .4rem; }
tbody th { min-width: 11rem; } .map tbody th { min-width: 0; }
details { margin: .6rem 0; } summary { cursor: pointer; color: var(--link); }
.marks { white-space: nowrap; letter-spacing: .04rem; color: var(--ok); font-size: .8rem; }
.marks i { font-style: normal; color: var(--bad); font-weight: 700; }
.badge { display: inline-block; white-space: nowrap; border-radius: .3rem; padding: 0 .45rem;
  font-weight: 600;
  background: var(--panel); color: var(--soft); }
.badge.bad { background: var(--bad-bg); color: var(--bad); }
.badge.warn { background: var(--warn-bg); color: var(--warn); }
.badge.ok { background: var(--ok-bg); color: var(--ok); }
figure { margin: .8rem 0; } figcaption { font-size: .9rem; }
svg { display: block; width: 100%; height: 1.15rem; overflow: visible; }
svg.tall { height: 8rem; }
.track { fill: var(--panel); } .bad-ink { fill: var(--bad); } .warn-ink { fill: var(--warn); }
.dark-ink { fill: var(--ink); } .bar { fill: var(--bar); } .soft-ink { fill: var(--soft); }
.guide { fill: var(--line); }
.lines { display: grid; grid-template-columns: minmax(7rem, 17rem) 1fr auto; gap: .25rem .9rem;
  align-items: center;
  font-size: .9rem; }
.axis { display: flex; justify-content: space-between; font-size: .75rem; color: var(--soft); }
.maps { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 27rem), 1fr));
  gap: 1rem 2rem; }
.map { table-layout: fixed; font-size: .7rem; }
.map th, .map td { padding: 0; text-align: center; height: 1.35rem; vertical-align: middle;
  border: 1px solid var(--paper); }
.map td { background: var(--panel); color: var(--soft); } .map thead th { font-size: .7rem; }
.map.key { margin: .2rem 0 0; } .map .l1 { background: var(--l1); color: var(--ink); }
.map .l2 { background: var(--l2); color: var(--ink); }
.map .l3 { background: var(--l3); color: var(--on3); } .map .l4 { background: var(--l4); color: var(--on); }
.map .l5 { background: var(--l5); color: var(--on); }
.key span { display: inline-block; min-width: 3.4rem; text-align: center; font-size: .75rem;
  padding: 0 .3rem; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; background: var(--panel); border-radius: .4rem;
  margin: .3rem 0;
  padding: .4rem .7rem; font-size: .8rem; }
.path { overflow-wrap: anywhere; } footer { margin-top: 3rem; padding-bottom: 2rem; }
@media (max-width: 600px) {
  .scroll { overflow-x: visible; }
  table.cards, table.cards tbody, table.cards tr, table.cards td, table.cards tbody th { display: block; }
  table.cards caption { display: block; }
  table.cards td small { display: inline; margin-left: .4rem; }
  table.cards td.wide small { display: block; margin: 0; }
  .marks { letter-spacing: 0; font-size: .7rem; }
  table.cards thead { position: absolute; width: 1px; height: 1px; overflow: hidden;
    clip-path: inset(50%); }
  table.cards tr { border: 1px solid var(--line); border-radius: .5rem; padding: .5rem .8rem;
    margin: .7rem 0; }
  table.cards td { position: relative; border: 0; padding: .12rem 0 .12rem 7rem; text-align: left;
    min-height: 1.5rem;
    min-width: 0; white-space: normal; width: auto; }
  table.cards td::before { content: attr(data-l); position: absolute; left: 0; color: var(--soft);
    font-size: .8rem; }
  table.cards tbody th { border: 0; padding: 0 0 .2rem; } table.cards td:empty { display: none; }
  .lines { grid-template-columns: 1fr auto; grid-auto-flow: dense; }
  .lines > :nth-child(3n+2) { grid-column: 1 / -1; }
  .map { font-size: .62rem; }
}
@media print {
  @page { margin: 14mm; }
  :root { color-scheme: light; }
  body { font-size: 10pt; -webkit-print-color-adjust: exact; print-color-adjust: exact; }
  header, main, footer { max-width: none; padding: 0; }
  nav { display: none; } .scroll { overflow: visible; } .short { display: none; }
  .whole { display: inline; }
  h2, h3, caption { break-after: avoid; } .tile, tr, figure, li { break-inside: avoid; }
  table { font-size: 8pt; } .tiles { grid-template-columns: repeat(5, 1fr); gap: .4rem; }
  .tile b { font-size: 1.2rem; }
  .wide { min-width: 8rem; } .pic { min-width: 6rem; }
}
"""
)
