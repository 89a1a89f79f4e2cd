"""Who could have written a file: only root and the running user may decide what is run."""

from __future__ import annotations

import errno
import os
import stat
from zlib import crc32

from taskrunner.errors import PluginError


def fault_of(status: os.stat_result) -> str | None:
    """Say why somebody but root and the running user could have written it; None: nobody could.

    Root trusts root alone.
    """
    if status.st_uid not in (0, os.geteuid()):
        return f"is owned by uid {status.st_uid}, neither root nor the user running taskrunner"
    if _is_writable_by_others(status):
        return "is writable by group or others (chmod go-w)"
    return None


def fault_of_folder(folder: str) -> str | None:
    """Say why somebody else could fill a folder, or put another in its place; None: nobody could.

    Raises OSError if there is no such folder.
    """
    return fault_of(os.stat(folder)) or fault_above(os.path.realpath(folder))


def fault_above(path: str) -> str | None:
    """Say why somebody else could replace what is at a path without links. Raises OSError."""
    while (parent := os.path.dirname(path)) != path:
        status = os.stat(parent)
        fault = fault_of(status)
        if fault and not _is_shared_safely(status):
            return f"lies in {parent}, which {fault}"
        path = parent
    return None


def _is_writable_by_others(status: os.stat_result) -> bool:
    by_group = status.st_mode & stat.S_IWGRP and not _is_private_group(status.st_gid, status.st_uid)
    return bool(by_group or status.st_mode & stat.S_IWOTH)


def _is_private_group(gid: int, uid: int) -> bool:
    """Say whether a group is a user's own, with nobody else in it: such users often have the umask 002."""
    import grp
    import pwd

    try:
        group, user = grp.getgrgid(gid), pwd.getpwuid(uid)
    except KeyError:
        return False
    return group.gr_name == user.pw_name and set(group.gr_mem) <= {user.pw_name}


def _is_shared_safely(status: os.stat_result) -> bool:
    """In a sticky folder of root's, such as /tmp, everybody may add but nobody may replace."""
    return status.st_uid == 0 and bool(status.st_mode & stat.S_ISVTX)


def make_folder(folder: str | os.PathLike[str]) -> None:
    """Make a folder and what is missing above it, all with mode 0750. Raises OSError."""
    if os.path.isdir(folder):
        return
    above = os.path.dirname(os.path.abspath(folder))
    if not os.path.isdir(above):
        make_folder(above)
    try:
        os.mkdir(folder, 0o750)
    except FileExistsError:  # or another process has just made it
        if not os.path.isdir(folder):
            raise NotADirectoryError(errno.ENOTDIR, f"{folder} is no directory") from None


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


MAX_FILE_SIZE = 1 << 20


def fault_of_file(status: os.stat_result) -> str | None:
    """Say why this is no file to read a plugin from; None: it is one."""
    if not stat.S_ISREG(status.st_mode):
        return "is not a regular file"
    if status.st_size > MAX_FILE_SIZE:
        return "is larger than 1 MiB"
    return None


def fault_of_link(path: str) -> str | None:
    """Say why somebody else could replace what a link leads to; None: nobody could. Raises OSError."""
    real = os.path.realpath(path)
    fault = fault_above(real)
    return f"leads to {real}, which {fault}" if fault else None


def read_trusted(path: str) -> bytes:
    """Return the content of a regular file of at most 1 MiB that only root and the running user can write.

    Raises PluginError for any other file, OSError where it cannot be read. A FIFO does not block. A link may
    lead to the file, but nothing may become one meanwhile.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with open(os.open(os.path.realpath(path), flags), "rb") as file:
        status = os.fstat(file.fileno())
        if fault := fault_of_file(status) or fault_of(status):
            raise PluginError(f"{path} {fault}")
        return file.read(MAX_FILE_SIZE)
