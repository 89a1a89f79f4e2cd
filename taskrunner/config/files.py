"""Reading one small text file, with a reason in plain words when that cannot be."""

from __future__ import annotations

import errno
import os
import stat

from taskrunner.trust import fault_of, fault_of_folder

LARGEST_FILE = 256 * 1024
"""Bytes of a configuration file."""

REASONS = {errno.ENOENT: "does not exist", errno.EISDIR: "is a directory"}


def read_text(path: str | os.PathLike[str], *, largest: int, trusted: bool = False) -> str:
    """Return the text of a regular file of UTF-8, at most `largest` bytes, with "\\n" for line ends.

    Never waits (a pipe is refused). Raises `ValueError` with what is wrong, to be read after the file's name:
    "is a directory".
    """
    content = _read_bytes(path, largest, trusted)
    if len(content) > largest:
        raise ValueError(f"is larger than {largest // 1024} KiB")
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(f"is not UTF-8 text, at line {line}") from None  # the error holds the whole content


def read_trusted_text(path: str | os.PathLike[str], *, largest: int) -> str:
    """Do the same for a file that decides what is run: nobody but root and the running user may write it.

    It may not be a link either, and nobody else may be able to put another one in its place.
    """
    folder = os.path.dirname(os.fspath(path))
    try:
        text = read_text(path, largest=largest, trusted=True)
        fault = fault_of_folder(folder)
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from error
    if fault:
        raise ValueError(f"lies in {folder}, which {fault}")
    return text


def _read_bytes(path: str | os.PathLike[str], largest: int, trusted: bool) -> bytes:
    if trusted and os.path.islink(path):
        raise ValueError("is a link; name the file it leads to")
    try:
        with open(path, "rb", opener=_open_itself if trusted else _open_without_waiting) as file:
            status = os.fstat(file.fileno())
            if fault := _fault(status, trusted):
                raise ValueError(fault)
            return file.read(largest + 1)
    except OSError as error:
        raise ValueError(REASONS.get(error.errno or 0, f"cannot be read: {error.strerror}")) from error


def _fault(status: os.stat_result, trusted: bool) -> str | None:
    if not stat.S_ISREG(status.st_mode):
        return "is not a regular file"
    return fault_of(status) if trusted else None


def _open_without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


def _open_itself(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOFOLLOW)
