"""Who could have written a file: only root and the running user may decide what is run."""

from __future__ import annotations

import os
import stat


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
