"""Texts of anybody as Python source, written as ruff format writes it: none of them can be code."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LINE_LENGTH = 88
"""Characters of a line, as ruff and black have it where nobody tells them."""


def literal(text: str) -> str:
    r"""Return a text as a literal, in the quotes that need fewer backslashes.

    >>> print(literal('say "hi"'), literal("it's"), literal("a\\b\n\x1b"), literal("é\udce9"))
    'say "hi"' "it's" "a\\b\n\x1b" "é\udce9"
    """
    quote = "'" if text.count('"') > text.count("'") else '"'
    return quote + "".join(_in_literal(character, quote) for character in text) + quote


def assignment(name: str, value: str, *, indent: int = 4) -> str:
    """Return `name = value`; in brackets on a line of its own, where it fits only there."""
    blanks = " " * indent
    is_short = indent + len(name) + len(" = ") + len(value) <= LINE_LENGTH
    fits_nowhere = indent + 4 + len(value) > LINE_LENGTH
    if is_short or fits_nowhere:
        return f"{blanks}{name} = {value}"
    return f"{blanks}{name} = (\n{blanks}    {value}\n{blanks})"


def mapping(name: str, values: Mapping[str, str]) -> str:
    """Return `name = {…}` with a line for each pair."""
    lines = [f"        {literal(key)}: {literal(value)},\n" for key, value in values.items()]
    return f"    {name} = {{\n{''.join(lines)}    }}"


def comment(text: str, *, indent: int = 0) -> str:
    r"""Return a text as a comment of one line.

    >>> comment("a\tb\n\x1b "), comment("")
    ('# a b\\n\\x1b', '#')
    """
    shown = visible(text)
    return f"{' ' * indent}# {shown}" if shown else f"{' ' * indent}#"


def docstring(lines: Sequence[str]) -> str | None:
    """Return lines as a docstring of a class, None: they hold what could end it, or what cannot be shown."""
    texts = [line.replace("\t", " ").strip() for line in lines]
    text = "\n    ".join(texts)
    plain = all(map(str.isprintable, texts)) and "\\" not in text and '"""' not in text
    if not plain or not text or text[0] == '"' or text[-1] == '"':
        return None
    if len(texts) == 1:
        return f'    """{text}"""'
    return f'    """{texts[0]}\n\n    {text.partition(chr(10))[2].strip()}\n    """'


def visible(text: str) -> str:
    """Return a text in one line, of which every character can be shown and stored."""
    return "".join(map(_visible, text)).strip()


def _visible(character: str) -> str:
    if character == "\t":
        return " "
    return character if character.isprintable() else repr(character)[1:-1]


def _in_literal(character: str, quote: str) -> str:
    if character in ("\\", quote):
        return f"\\{character}"
    return character if character.isprintable() else repr(character)[1:-1]
