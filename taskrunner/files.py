"""Files: opened safely, trusted or not, and small caches. Only root and the running user decide what runs."""

from __future__ import annotations

import errno
import os
import stat
from codecs import BOM_UTF8
from zlib import crc32

from taskrunner.errors import PluginError


def fault_of(status: os.stat_result) -> str | None:
    """Return why somebody but root and the running user could have written a file, or None if nobody could.

    Root trusts root alone.
    """
    if status.st_uid not in (0, os.geteuid()):
        return f"is owned by uid {status.st_uid}, neither root nor the user running taskrunner"
    by_others, by_group = status.st_mode & stat.S_IWOTH, status.st_mode & stat.S_IWGRP
    if by_others or (by_group and not _is_private_group(status.st_gid, status.st_uid)):
        return "is writable by group or others (chmod go-w)"
    return None


def fault_of_folder(folder: str) -> str | None:
    """Return why somebody else could fill or replace a folder, or None if nobody could.

    Raises OSError if there is no such folder.
    """
    return fault_of(os.stat(folder)) or fault_above(os.path.realpath(folder))


def fault_above(path: str) -> str | None:
    """Return why somebody else could replace what is at a path without links, or None if nobody could.

    Raises OSError.
    """
    while (parent := os.path.dirname(path)) != path:
        status = os.stat(parent)
        fault = fault_of(status)
        is_shared_safely = status.st_uid == 0 and status.st_mode & stat.S_ISVTX  # as /tmp: none can replace
        if fault and not is_shared_safely:
            return f"lies in {parent}, which {fault}"
        path = parent
    return None


def _is_private_group(gid: int, uid: int) -> bool:
    """Return whether a group is a user's own, with nobody else in it: such users often have the umask 002."""
    import grp
    import pwd

    try:
        group, user = grp.getgrgid(gid), pwd.getpwuid(uid)
    except KeyError:
        return False
    return group.gr_name == user.pw_name and set(group.gr_mem) <= {user.pw_name}


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
            raise NotADirectoryError(errno.ENOTDIR, f"{folder} is not a directory") from None


UNTRICKED = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""Flags of a file that is opened: never through a link, never waiting for the other end of a pipe."""


def open_file(
    path: str | os.PathLike[str], flags: int, mode: int = 0o600, *, follows_links: bool = False
) -> int:
    """Return a descriptor of a regular file; `mode` is for one that is made. Raises OSError.

    Nobody can have it lead elsewhere by a link, unless `follows_links`, nor make it wait by a pipe.
    """
    descriptor = os.open(path, flags | UNTRICKED & ~(os.O_NOFOLLOW * follows_links), mode)
    kind = os.fstat(descriptor).st_mode
    if stat.S_ISREG(kind):
        return descriptor
    os.close(descriptor)
    if stat.S_ISDIR(kind):
        raise IsADirectoryError(errno.EISDIR, "it is a directory")
    raise OSError(errno.EINVAL, "it is not a regular file")


WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def read_cache_file(file: str | os.PathLike[str], kind: str) -> str | None:
    """Return what was written as this kind of cache, or None if it is missing, damaged or not our own."""
    try:
        with open(open_file(file, os.O_RDONLY), "rb", buffering=0) as opened:
            status = os.fstat(opened.fileno())
            is_our_own = status.st_uid == os.geteuid() and not status.st_mode & WRITABLE_BY_OTHERS
            content = opened.read() if is_our_own else b""
    except OSError:
        return None
    seal, _, body = content.partition(b"\n")
    return body.decode("utf-8", "surrogateescape") if seal == _seal(kind, body) else None


def write_cache_file(file: str | os.PathLike[str], kind: str, text: str) -> None:
    """Replace a cache file as a whole, readable by its owner only; where that fails, there is no cache."""
    body = text.encode("utf-8", "surrogateescape")
    new = f"{os.fspath(file)}.new"
    try:
        if os.path.lexists(new):
            os.unlink(new)
        with open(open_file(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb") as opened:
            opened.write(_seal(kind, body) + b"\n" + body)
        os.replace(new, file)
    except OSError:
        return


def _seal(kind: str, body: bytes) -> bytes:
    """Return the first line of a cache file: it proves that the rest is whole and of this kind."""
    return b"taskrunner %s %08x" % (kind.encode(), crc32(body))


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """Return what a small file of our own holds. Raises OSError.

    Without a buffer and a decoder of its own: an idle minute reads several.
    """
    with open(path, "rb", buffering=0) as file:
        return file.read()


LARGEST_FILE = 256 * 1024
"""Bytes of a configuration file."""

REASONS = {
    errno.ENOENT: "does not exist",
    errno.EISDIR: "is a directory",
    errno.EINVAL: "is not a regular file",
}


def read_text(path: str | os.PathLike[str], *, largest: int, trusted: bool = False) -> str:
    """Return the text of a regular file of UTF-8, at most `largest` bytes, with "\\n" for line ends.

    Never waits (a pipe is refused). Raises `ValueError` with what is wrong, to be read after the file's name:
    "is a directory".
    """
    if trusted and os.path.islink(path):
        raise ValueError("is a link; name the file it leads to")
    try:
        with open(open_file(path, os.O_RDONLY, follows_links=not trusted), "rb") as file:
            if trusted and (fault := fault_of(os.fstat(file.fileno()))):
                raise ValueError(fault)
            content = file.read(largest + 1)
    except OSError as error:
        raise ValueError(REASONS.get(error.errno or 0, f"cannot be read: {error.strerror}")) from error
    if len(content) > largest:
        raise ValueError(f"is larger than {largest // 1024} KiB")
    try:
        return content.removeprefix(BOM_UTF8).decode().replace("\r\n", "\n")  # utf-8-sig is a module
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(f"is not UTF-8 text, at line {line}") from None  # the error holds the whole content


def read_trusted_text(path: str | os.PathLike[str], *, largest: int) -> str:
    """Return the text of a file that only root and the running user can write, as `read_text` does.

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


MAX_FILE_SIZE = 1 << 20


def fault_of_file(status: os.stat_result) -> str | None:
    """Return why a plugin cannot be read from a file, or None if it can."""
    if not stat.S_ISREG(status.st_mode):
        return "is not a regular file"
    if status.st_size > MAX_FILE_SIZE:
        return "is larger than 1 MiB"
    return None


def fault_of_link(path: str) -> str | None:
    """Return why somebody else could replace what a link leads to, or None if nobody could.

    Raises OSError.
    """
    real = os.path.realpath(path)
    fault = fault_above(real)
    return f"leads to {real}, which {fault}" if fault else None


def read_trusted(path: str) -> bytes:
    """Return the content of a regular file of at most 1 MiB that only root and the running user can write.

    Raises PluginError for any other file, OSError where it cannot be read. A FIFO does not block. A link may
    lead to the file, but nothing may become one meanwhile.
    """
    with open(os.open(os.path.realpath(path), os.O_RDONLY | UNTRICKED), "rb") as file:
        status = os.fstat(file.fileno())
        if fault := fault_of_file(status) or fault_of(status):
            raise PluginError(f"{path} {fault}")
        return file.read(MAX_FILE_SIZE)


def find_program(name: str) -> str:
    """Return the path of a program: on PATH, else beside this Python, as what was installed with us.

    The name itself where it is in neither place.
    """
    import shutil
    import sys

    beside = os.path.join(os.path.dirname(sys.executable), name)
    found = shutil.which(name)
    return found or (beside if os.sep not in name and os.access(beside, os.X_OK) else name)
