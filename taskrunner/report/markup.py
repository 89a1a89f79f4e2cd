"""HTML and SVG put together so that no text can become markup."""

from __future__ import annotations

import html
import unicodedata

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
