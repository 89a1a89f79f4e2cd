"""What the configuration was read from, and whether it is still the same."""

from __future__ import annotations

import os

from taskrunner.config.environment import FILE_VARIABLE, PREFIX

TYPE_CHECKING = False  # spares an idle minute `typing`
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

COARSEST = 2.0
"""Seconds within which a file can change twice and keep its time, on the coarsest of file systems."""


def stamp_of(path: str) -> str:
    """Return a text without blanks that changes when the file does, or what a link leads to."""
    return f"{_stamp(path, follow=False)},{_stamp(path, follow=True)}"


def changed_since(path: str, moment: float) -> bool:
    """Say whether a file was, or may have been, changed since a moment (epoch seconds)."""
    try:
        latest = max(os.lstat(path).st_mtime, os.stat(path).st_mtime)
    except OSError:
        return False
    return latest > moment - COARSEST


def stamp_of_environment(environ: Mapping[str, str], variables: Iterable[str]) -> str:
    """Return a text that changes with what is not said in files: the host, and what its environment says.

    That are $HOME, TASKRUN_* and the `variables` that secrets come from: these only as a digest.
    """
    place = f"{os.uname().nodename} {environ.get('HOME', '')}"
    settings = [name for name in environ if name.startswith(PREFIX) and name != FILE_VARIABLE]
    given = [(name, environ.get(name)) for name in sorted({*settings, *variables})]
    if not given:
        return place
    from hashlib import sha256

    return sha256(ascii((place, given)).encode()).hexdigest()


def _stamp(path: str, *, follow: bool) -> str:
    try:
        status = os.stat(path, follow_symlinks=follow)
    except OSError:
        return "-"
    return f"{status.st_mtime_ns}.{status.st_ctime_ns}.{status.st_size}.{status.st_ino}"
