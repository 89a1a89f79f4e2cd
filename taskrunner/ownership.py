"""Whose site it is: the owner of its state directory works with it, and nobody else, root included.

Root once by hand would leave files that lock the owner out of every cron that follows.
"""

from __future__ import annotations

import errno
import os

from taskrunner.errors import NotOwnerError

TYPE_CHECKING = False
if TYPE_CHECKING:
    StrPath = str | os.PathLike[str]

DENIED = frozenset({errno.EACCES, errno.EPERM})
"""What is wrong with who asks, not with the file."""


def refuse_others(state_dir: StrPath, *, uid: int | None = None) -> None:
    """Raise NotOwnerError if a user, by default the one of this process, does not own the site."""
    owner = owner_of_site(state_dir, uid=os.geteuid() if uid is None else uid)
    if owner is not None:
        raise NotOwnerError(f"this site belongs to {user_name(owner)}", owner=user_name(owner))


def owner_of_site(state_dir: StrPath, *, uid: int) -> int | None:
    """Return the user who owns a site and is not this one, or None if this user owns it or may make it.

    Root could make a state directory anywhere: the site belongs to the owner of the folder it would lie in.
    """
    path = os.path.join("/", os.fspath(state_dir))
    is_there = True
    while True:
        try:
            owner = os.stat(path).st_uid
            break
        except (FileNotFoundError, NotADirectoryError):
            is_there = False
        except PermissionError:
            owner, is_there = _owner_of_barrier(path), True
            break
        except OSError:
            return None
        path = os.path.dirname(path)
    is_others = owner != uid and (is_there or uid == 0)
    return owner if is_others else None


def owner_behind(path: StrPath, *, uid: int) -> int | None:
    """Return the user who keeps this one from reading a file, or None if nobody but root does."""
    barrier = barrier_of(path, os.R_OK)
    owner = None if barrier is None else os.stat(barrier).st_uid
    return owner if owner not in (None, 0, uid) else None


def barrier_of(path: StrPath, mode: int) -> str | None:
    """Return the file or folder that keeps this process from opening a path, or None if nothing does.

    For writing that is the file, or the folder in which it would be made.
    """
    wanted = os.path.join("/", os.fspath(path))
    folders = [wanted]
    while (above := os.path.dirname(folders[0])) != folders[0]:
        folders.insert(0, above)
    nearest = "/"
    for folder in folders[:-1]:
        if not os.path.isdir(folder):
            break
        nearest = folder
        if not os.access(folder, os.X_OK):
            return folder
    if os.path.lexists(wanted):
        return None if os.access(wanted, mode) else wanted
    return nearest if mode & os.W_OK and not os.access(nearest, os.W_OK) else None


def permission_advice(path: StrPath, error: OSError | None = None) -> tuple[str, str | None]:
    """Return who owns what keeps this process from writing a path, and what to type; ("", None) if nothing.

    The text follows what was wrong: "; /srv/shop/state belongs to root".
    """
    if error is not None and error.errno not in DENIED:
        return "", None
    barrier = barrier_of(path, os.R_OK | os.W_OK)
    if barrier is None:
        return "", None
    status, me = os.stat(barrier), os.geteuid()
    import shlex  # late: who may read everything gets no advice

    name = shlex.quote(barrier)
    if status.st_uid == me:
        return f"; {barrier} is your own, but its mode forbids it", f"chmod u+rwX {name}"
    return (
        f"; {barrier} belongs to {user_name(status.st_uid)}",
        f"sudo chown -R {user_name(me).lstrip('#')} {name}",
    )


def user_name(uid: int) -> str:
    """Return the name of a user, or "#1000" for one without a name, as sudo takes it."""
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"#{uid}"


def _owner_of_barrier(path: str) -> int:
    """Return the owner of the lowest folder above a path that can be looked at."""
    while (path := os.path.dirname(path)) != "/":
        try:
            return os.stat(path).st_uid
        except OSError:
            continue
    return 0
