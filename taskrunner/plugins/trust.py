"""Trusting a file with the right to be run: who owns it, who may write to it."""

from __future__ import annotations

import os
import stat

from taskrunner.errors import PluginError

MAX_FILE_SIZE = 1 << 20


def fault_of(status: os.stat_result) -> str | None:
    """Say why somebody but root and the running user could have written it; None: nobody could."""
    if status.st_uid not in (0, os.geteuid()):
        return f"is owned by uid {status.st_uid}, neither root nor the user running taskrunner"
    if _is_writable_by_others(status):
        return "is writable by group or others (chmod go-w)"
    return None


def fault_of_file(status: os.stat_result) -> str | None:
    """Say why this is no file to read a plugin from; None: it is one."""
    if not stat.S_ISREG(status.st_mode):
        return "is not a regular file"
    if status.st_size > MAX_FILE_SIZE:
        return "is larger than 1 MiB"
    return None


def fault_of_folder(folder: str) -> str | None:
    """Say why somebody else could fill a folder, or put another in its place; None: nobody could.

    Raises OSError if there is no such folder.
    """
    fault = fault_of(os.stat(folder))
    return fault or _fault_above(os.path.realpath(folder))


def read_trusted(path: str) -> bytes:
    """Return the content of a regular file of at most 1 MiB that only root and the running user can write.

    Raises PluginError for any other file, OSError where it cannot be read. A FIFO does not block.
    """
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        status = os.fstat(file.fileno())
        if fault := fault_of_file(status) or fault_of(status):
            raise PluginError(f"{path} {fault}")
        return file.read(MAX_FILE_SIZE)


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


def _fault_above(path: str) -> str | None:
    while (parent := os.path.dirname(path)) != path:
        status = os.stat(parent)
        fault = fault_of(status)
        if fault and not _is_shared_safely(status):
            return f"lies in {parent}, which {fault}"
        path = parent
    return None


def _is_shared_safely(status: os.stat_result) -> bool:
    """In a sticky folder of root's, such as /tmp, everybody may add but nobody may replace."""
    return status.st_uid == 0 and bool(status.st_mode & stat.S_ISVTX)
