"""Sizes and numbers as log lines write them, in whatever language."""

from __future__ import annotations

import math
import re

SIZE = re.compile(r"([0-9]{1,15}(?:[.,][0-9]{1,6})?)\s?([kKmMgGtT]?)(?:i?[bBoO]\b|bytes|octets|$)")
POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
MOST_DIGITS = 18


def parse_size(text: str) -> int | None:
    """Return the bytes that a size means, None for what is no size.

    >>> [parse_size(text) for text in ("49.3Mo", "1,2 Go", "14.8\\xa0MB", "512 bytes", "?")]
    [51694797, 1288490189, 15518925, 512, None]
    """
    found = SIZE.match(text)
    if found is None:
        return None
    power = POWERS[found[2].lower()]
    return round(float(found[1].replace(",", ".")) * 1024.0**power)


def parse_seconds(text: str) -> float | None:
    """Return seconds, None for what is no length of time.

    >>> [parse_seconds(text) for text in ("0.063", "5.9E-5", "1,5", "nan", "1e999", "-1")]
    [0.063, 5.9e-05, 1.5, None, None, None]
    """
    try:
        seconds = float(text.replace(",", "."))
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and 0 <= seconds < 1e9 else None


def parse_count(text: str) -> int | None:
    """Return a whole number that a database can hold, None for anything else.

    >>> [parse_count(text) for text in ("812", "x", "9" * 30, "²")]
    [812, None, None, None]
    """
    return int(text) if text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS else None
