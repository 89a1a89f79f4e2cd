"""Numbers of bytes, as people read them."""

from __future__ import annotations


def size(count: float) -> str:
    """Return a number of bytes for people.

    >>> size(512), size(49.3 * 1024 * 1024), size(3 * 1024**3)
    ('512 bytes', '49.3 MB', '3.0 GB')
    """
    if count < 1024:
        return f"{count:.0f} bytes"
    for unit in ("KB", "MB", "GB"):
        count /= 1024
        if count < 1024:
            return f"{count:.1f} {unit}"
    return f"{count / 1024:.1f} TB"
