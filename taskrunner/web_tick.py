"""The file whose time says until when a visit to a web site has nothing to start."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from taskrunner.files import make_folder, open_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAME = "web_tick"
LONGEST_TEXT = 128
LOCK_TRIES = 100
LOCK_PAUSE = 0.002
"""Seconds between two tries: the lock is held for some microseconds."""


class WebTickFile:
    """The web tick file: its modification time says until when a visit has nothing to start.

    A visit asks for that time by one `stat`. The first line of the file is the moment before which no cron is
    started (one was, or a real cron is at work), the second when the next task is due. The time is the later
    of the two. The first visit makes the file: for a site without visits nothing is written.
    """

    def __init__(self, state_dir: Path) -> None:
        self._folder = state_dir
        self._path = str(state_dir / NAME)

    def is_quiet(self, now: float, *, longest: float) -> bool:
        """Return whether a visit has nothing to start yet.

        A time more than `longest` seconds ahead was written before the clock was set back: it says nothing.
        """
        try:
            return now < os.stat(self._path).st_mtime <= now + longest
        except OSError:  # not there yet; what else is wrong, `claim` says
            return False

    def claim(self, now: float, *, throttle: float, longest: float) -> bool:
        """Return whether this visit may start a cron; then nobody else may for `throttle` seconds.

        False: another process or thread was first. Raises OSError.
        """
        make_folder(self._folder)
        with self._opened(os.O_CREAT) as descriptor:
            if not _flock(descriptor):
                return False
            found = os.fstat(descriptor)
            if found.st_size and now < found.st_mtime <= now + longest:
                return False
            _write(descriptor, now + throttle, _read(descriptor)[1])
        return True

    def put_off(self, until: float) -> None:
        """Let visits start nothing before a moment, whatever is due. Raises OSError."""
        with self._locked() as descriptor:
            if descriptor is not None:
                not_before, due_at = _read(descriptor)
                _write(descriptor, max(not_before, until), due_at)

    def plan(self, due_at: float) -> None:
        """Note when the next task is due. Raises OSError."""
        with self._locked() as descriptor:
            if descriptor is not None:
                _write(descriptor, _read(descriptor)[0], due_at)

    def bring_forward(self, due_at: float) -> None:
        """Note that something is due earlier, perhaps, than was known.

        A file that cannot be written, or is another user's, stays as it is: its time is never more than
        `[web] look_again` ahead.
        """
        with suppress(OSError), self._locked() as descriptor:
            if descriptor is not None and os.fstat(descriptor).st_uid == os.geteuid():
                not_before, planned = _read(descriptor)
                _write(descriptor, not_before, min(planned, due_at))

    @property
    def is_kept(self) -> bool:
        """Whether the file is there, as it is once there was a visit."""
        return os.path.exists(self._path)

    @contextmanager
    def _opened(self, flags: int) -> Iterator[int]:
        descriptor = open_file(self._path, flags | os.O_RDWR)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    @contextmanager
    def _locked(self) -> Iterator[int | None]:
        """Yield the descriptor of the locked file, or None if there is no file."""
        if not self.is_kept:
            yield None
            return
        with self._opened(0) as descriptor:
            for _ in range(LOCK_TRIES):
                if _flock(descriptor):
                    break
                time.sleep(LOCK_PAUSE)
            else:
                raise TimeoutError(f"{self._path} is locked for {LOCK_TRIES * LOCK_PAUSE:g} s")
            yield descriptor


def _flock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(descriptor: int) -> tuple[float, float]:
    """Return (not before, due at), zeros if nothing was written, or not completely."""
    try:
        not_before, due_at = os.pread(descriptor, LONGEST_TEXT, 0).split()
        return float(not_before), float(due_at)
    except ValueError:
        return 0.0, 0.0


def _write(descriptor: int, not_before: float, due_at: float) -> None:
    text = f"{not_before!r}\n{due_at!r}\n".encode()
    os.ftruncate(descriptor, os.pwrite(descriptor, text, 0))
    moment = int(max(not_before, due_at) * 1e9)
    os.utime(descriptor, ns=(moment, moment))
