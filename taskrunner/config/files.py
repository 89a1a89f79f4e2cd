"""Reading one small text file, with a reason in plain words when that cannot be."""

from __future__ import annotations

import errno
import os
import stat

LARGEST_FILE = 256 * 1024
"""Bytes of a configuration file."""

REASONS = {errno.ENOENT: "does not exist", errno.EISDIR: "is a directory"}


def read_text(path: str | os.PathLike[str], *, largest: int) -> str:
    """Return the text of a regular file of UTF-8, at most `largest` bytes, with "\\n" for line ends.

    Never waits (a pipe is refused). Raises `ValueError` with what is wrong, to be read after the file's name:
    "is a directory".
    """
    content = _read_bytes(path, largest)
    if len(content) > largest:
        raise ValueError(f"is larger than {largest // 1024} KiB")
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(f"is not UTF-8 text, at line {line}") from None  # the error holds the whole content


def _read_bytes(path: str | os.PathLike[str], largest: int) -> bytes:
    try:
        with open(path, "rb", opener=_open_without_waiting) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ValueError("is not a regular file")
            return file.read(largest + 1)
    except OSError as error:
        raise ValueError(REASONS.get(error.errno or 0, f"cannot be read: {error.strerror}")) from error


def _open_without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)
