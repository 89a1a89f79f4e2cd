"""Ids of runs and runners: ULIDs, which sort by the time they were made."""

from __future__ import annotations

import os

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32, as https://github.com/ulid/spec has it."""


def new_id(now: float) -> str:
    """Return a new id of 26 characters: 48 bits of milliseconds, 80 of chance."""
    number = int(now * 1000) % (1 << 48) << 80 | int.from_bytes(os.urandom(10), "big")
    return "".join(ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))
