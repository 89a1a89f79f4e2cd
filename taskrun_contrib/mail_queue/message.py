"""A message as the spool keeps it and as a server gets it (RFC 5322): not a byte of its body is changed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

ENVELOPE_FROM, ENVELOPE_TO = "X-Envelope-From", "X-Envelope-To"
"""Headers for this queue alone, where sender and recipients are others than those of the message."""

NOT_SENT = (ENVELOPE_FROM, ENVELOPE_TO, "Bcc", "Resent-Bcc")

FIELD = re.compile(rb"[!-9;-~]+[ \t]*:[^\n]*\n?(?:[ \t][^\n]*\n?)*")
"""A header field with the lines it is folded into."""

LINE_END = re.compile(rb"\r\n|\r|\n")

QUOTED = r'"(?:[^"\\]|\\.)*"'
COMMENT = re.compile(rf"({QUOTED})|\([^()]*\)", re.DOTALL)
"""A quoted text, or a comment that has none in it."""

UNCLOSED = re.compile(rf"({QUOTED})|\([^,;]*|\)", re.DOTALL)

PART = re.compile(rf"{QUOTED}|\[[^\]]*\]|<(?:{QUOTED}|[^<>\"])*>|\\.|.", re.DOTALL)
"""What a list of addresses consists of: a quoted text, a [literal], an <address>, else each character."""

WORD = rf'(?:{QUOTED}|[^\s"(),:;<>@\[\\\]]+)'
DOMAIN = r"(?:\[[^\[\]\s<>]+\]|[^\s\"(),:;<>@\[\\\]]+)"
ADDRESS = re.compile(f"{WORD}(?:@{DOMAIN})?")


@dataclass(frozen=True, slots=True)
class Message:
    """Header fields as they stand, each with its line ends, and what follows: an empty line, the body."""

    fields: tuple[bytes, ...]
    rest: bytes

    @classmethod
    def parse(cls, content: bytes) -> Message:
        """Return the message that a file holds; where the header ends too early, an empty line is put."""
        start = content.find(b"\n") + 1 if content.startswith(b"From ") else 0  # a mailbox's own line
        fields = []
        while found := FIELD.match(content, start):
            fields.append(found[0] if found[0].endswith(b"\n") else found[0] + b"\n")
            start = found.end()
        rest = content[start:]
        return cls(tuple(fields), rest if rest.startswith((b"\n", b"\r\n")) else b"\n" + rest)

    def values(self, name: str) -> list[str]:
        """Return what the fields of a name say, unfolded."""
        texts = (field.partition(b":")[2] for field in self.fields if name_of(field) == name.lower())
        return [b" ".join(text.split()).decode("utf-8", "surrogateescape") for text in texts]

    def sender(self) -> str:
        """Return the address that errors go to, "" if they go nowhere. Raises ValueError: none is named."""
        if named := self.values(ENVELOPE_FROM):
            return next(addresses_in(named[0]), "").replace("<>", "")
        named = self.values("Sender") or self.values("From")
        found = next(addresses_in(named[0]), "") if named else ""
        if not found:
            raise ValueError("there is no sender")
        return found

    def recipients(self) -> tuple[str, ...]:
        """Return to whom it goes, each once. Raises ValueError: to nobody."""
        named = self.values(ENVELOPE_TO)[:1] or [*self.values("To"), *self.values("Cc"), *self.values("Bcc")]
        found = tuple(dict.fromkeys(address for text in named for address in addresses_in(text)))
        if not found:
            raise ValueError("there is no recipient")
        return found

    def to_file(self, recipients: Collection[str] | None = None) -> bytes:
        """Return what a file is to hold: all of the message, or the message for some recipients alone."""
        if recipients is None:
            return b"".join(self.fields) + self.rest
        named = f"{ENVELOPE_TO}: {', '.join(recipients)}\n".encode("utf-8", "surrogateescape")
        others = (field for field in self.fields if name_of(field) != ENVELOPE_TO.lower())
        return named + b"".join(others) + self.rest

    def to_server(self) -> bytes:
        """Return what is sent: without the headers that are nobody's business, and with SMTP's line ends."""
        hidden = {name.lower() for name in NOT_SENT}
        sent = b"".join(field for field in self.fields if name_of(field) not in hidden) + self.rest
        lines = LINE_END.sub(b"\r\n", sent)
        return lines if lines.endswith(b"\r\n") else lines + b"\r\n"

    def with_id(self, domain: str) -> Message:
        """Return the message with a Message-ID of its own."""
        field = f"Message-ID: <{uuid4().hex}@{domain or 'localhost'}>\n".encode("ascii", "replace")
        return Message((*self.fields, field), self.rest)


def name_of(field: bytes) -> str:
    """Return the name of a header field in small letters."""
    return field.partition(b":")[0].strip().decode("ascii", "replace").lower()


def is_address(text: str) -> bool:
    """Return whether a server can be asked for it; whether there is such a mailbox, only the server knows.

    >>> [is_address(text) for text in ("ann@example.org", '"a b"@x.org', "root", "a@x b@y", "<>", "a@[::1]")]
    [True, True, True, False, False, True]
    """
    return bool(ADDRESS.fullmatch(text)) and text.isprintable()


def addresses_in(text: str) -> Iterator[str]:
    """Give the addresses in a header; what is none is given as it stands, so that nobody is left out.

    >>> list(addresses_in('Ann <ann@x.org>, "B, C" <b@x.org>; friends: d@x.org (old), a b@x.org;'))
    ['ann@x.org', 'b@x.org', 'd@x.org', 'a b@x.org']
    """
    bare, is_given = "", False
    for part in [*PART.findall(without_comments(text)), ","]:
        if part[0] == "<" and part != "<":
            yield of_angle(part)
            is_given = True
        elif part in ",;":
            if bare.strip() and not is_given:
                yield bare.strip()
            bare, is_given = "", False
        elif part == ":":
            bare = ""  # that was the name of a group
        elif part not in "<>":
            bare += part


def without_comments(text: str) -> str:
    """Return a list of addresses without what is in parentheses; one that is not closed ends at a comma.

    >>> without_comments('a@x (of (two, parts)), "b (c" <b@x>, d@x (open, e@x')
    'a@x , "b (c" <b@x>, d@x , e@x'
    """
    while (shorter := COMMENT.sub(r"\1", text)) != text:
        text = shorter
    return UNCLOSED.sub(r"\1", text)


def of_angle(part: str) -> str:
    """Return the address in angle brackets, without the way it once had to go, or the brackets if none is in.

    >>> of_angle("<@relay,@other:a@x>"), of_angle("< a@x >"), of_angle("<>")
    ('a@x', 'a@x', '<>')
    """
    inner = part[1:-1].strip()
    return (inner.rpartition(":")[2] if inner.startswith("@") else inner) or "<>"
