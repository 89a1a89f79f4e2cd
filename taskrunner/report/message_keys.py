"""What messages have in common when numbers, names and paths are left out: the key to group them by."""

from __future__ import annotations

import re

LONGEST = 200
LOOKED_AT = 1000
REPLACEMENTS = (
    (re.compile(r"'[^'\n]{1,200}'|\"[^\"\n]{1,200}\"|`[^`\n]{1,200}`"), "'…'"),
    (re.compile(r"\bhttps?://[^\s,;)]{1,300}"), "URL"),
    (re.compile(r"(?<![\w/])(?:/[\w.+@-]{1,100}){2,40}/?"), "PATH"),
    (re.compile(r"\b(?=[0-9a-fA-F-]{0,80}[0-9])(?:0x)?[0-9a-fA-F]{8,64}(?:-[0-9a-fA-F]{4,12}){0,4}\b"), "ID"),
    (re.compile(r"[0-9]+(?:[.,:][0-9]+){0,8}"), "N"),
    (re.compile(r"\s+"), " "),
)
"""What differs from one message to the next -> what stands for it; every repetition is bounded."""


def message_key(message: str) -> str:
    r"""Return a message without what differs from one failure to the next.

    >>> message_key("cannot open '/tmp/a.db': error 12 at 0x7f3a1b2c4d5e")
    "cannot open '…': error N at ID"
    >>> message_key("disk /srv/data/x is full\n12 kB left")
    'disk PATH is full N kB left'
    """
    if not message:
        return ""
    key = message[:LOOKED_AT]
    for pattern, instead in REPLACEMENTS:
        key = pattern.sub(instead, key)
    return key.strip()[:LONGEST]
