"""A small file that may be lost at any time, and is believed only if it is whole and nobody else's work."""

from __future__ import annotations

import os
import stat
from zlib import crc32

WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def read_cache_file(file: str | os.PathLike[str], kind: str) -> str | None:
    """Return what was written as this kind of cache; None if it is not there, not whole, or not our own."""
    try:
        with open(os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as opened:
            content = opened.read() if _is_our_own(os.fstat(opened.fileno())) else b""
    except OSError:
        return None
    seal, _, body = content.partition(b"\n")
    return body.decode("utf-8", "surrogateescape") if seal == _seal(kind, body) else None


def write_cache_file(file: str | os.PathLike[str], kind: str, text: str) -> None:
    """Replace the file as a whole, for the owner only. Where that cannot be done, there is no cache."""
    body = text.encode("utf-8", "surrogateescape")
    new = f"{os.fspath(file)}.new"
    try:
        if os.path.lexists(new):
            os.unlink(new)
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as opened:
            opened.write(_seal(kind, body) + b"\n" + body)
        os.replace(new, file)
    except OSError:
        return


def _seal(kind: str, body: bytes) -> bytes:
    """A body under its seal was whole, and written by a program that knows the kind."""
    return b"taskrunner %s %08x" % (kind.encode(), crc32(body))


def _is_our_own(status: os.stat_result) -> bool:
    mode = status.st_mode
    return stat.S_ISREG(mode) and status.st_uid == os.geteuid() and not mode & WRITABLE_BY_OTHERS
