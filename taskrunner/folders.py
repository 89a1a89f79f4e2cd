"""Folders of taskrunner's own, closed to others."""

from __future__ import annotations

import errno
import os


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
