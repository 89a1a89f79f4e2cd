"""The file that remembers what the plugins declare, so that an idle minute imports none of them."""

from __future__ import annotations

import json
import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

CACHE_VERSION = 1

_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


class Snapshot(NamedTuple):
    """What was known at one moment; two lines stay JSON until somebody asks.

    `sources` are the plugins on disk with their stamps, `readings` what they declare; `retry_at` says when
    (epoch seconds) a broken plugin is worth another try; `fingerprint` changes with the two lines.
    """

    fingerprint: str
    retry_at: Mapping[str, float]
    sources: str
    readings: str


def read_snapshot(file: Path | str) -> Snapshot | None:
    """Return what `write_snapshot` wrote; None if it is not there, not whole, or not our own."""
    try:
        with open(os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as opened:
            content = opened.read() if _is_our_own(os.fstat(opened.fileno())) else b""
    except OSError:
        return None
    seal, _, body = content.partition(b"\n")
    if seal != _seal(body):
        return None
    head, sources, readings = body.decode("ascii").splitlines()
    fingerprint, retry_at = json.loads(head)
    return Snapshot(fingerprint, retry_at, sources, readings)


def write_snapshot(file: Path | str, snapshot: Snapshot) -> None:
    """Replace the file as a whole, for the owner only. Where that cannot be done, there is no cache."""
    head = json.dumps([snapshot.fingerprint, snapshot.retry_at])
    body = "\n".join((head, snapshot.sources, snapshot.readings)).encode("ascii")
    new = f"{file}.new"
    with suppress(OSError):
        with suppress(FileNotFoundError):
            os.unlink(new)
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as opened:
            opened.write(_seal(body) + b"\n" + body)
        os.replace(new, file)


def _seal(body: bytes) -> bytes:
    """A body under its seal was written by this version and is whole, so it needs no other check."""
    return b"taskrunner registry %d %08x" % (CACHE_VERSION, crc32(body))


def _is_our_own(status: os.stat_result) -> bool:
    mode = status.st_mode
    return stat.S_ISREG(mode) and status.st_uid == os.geteuid() and not mode & _WRITABLE_BY_OTHERS
