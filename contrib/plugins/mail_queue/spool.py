"""The spool: a folder of messages, each a file that is there in full or not at all.

`new/` holds what waits, `making/` what is being written, `claimed/ID/` what a process is sending that holds a
lock on that folder, `failed/` what was refused for good. A file's time in `new/` is when it may be tried.
An application may import this file from where it lies, and call `post`: it needs no taskrunner.
"""

from __future__ import annotations

import fcntl
import os
import re
import stat
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

FIRST_DELAY = 60
LONGEST_DELAY = 14_400
DAY = 86_400
NAME = re.compile(r"(?P<stem>[^.,/][^,/]{0,199}?)(?:,tries=(?P<tries>\d{1,4}))?\.eml")
FOLDERS = ("new", "making", "claimed", "failed")


@dataclass(frozen=True, slots=True)
class Entry:
    """A message in the spool: its file's name, which says how often it was tried, and when it may be next."""

    name: str
    stem: str
    tries: int
    due_at: float

    def renamed(self, tries: int) -> str:
        """Return the file's name after another try."""
        return f"{self.stem},tries={tries}.eml"


def post(spool: Path, message: bytes) -> Path:
    """Put an RFC 5322 message into the spool: when this returns it is on the disk, and will be sent.

    It goes to To, Cc and Bcc (which is not sent along), from Sender or From.
    """
    for folder in ("new", "making"):
        (spool / folder).mkdir(parents=True, exist_ok=True)
    path = spool / "new" / f"{time.time_ns():020d}-{uuid4().hex}.eml"
    write_whole(spool, path, message)
    return path


def write_whole(spool: Path, path: Path, content: bytes) -> None:
    """Write a file that is there in full or not at all, whatever happens to machine and process."""
    making = spool / "making" / f"{path.name}.{uuid4().hex}"
    with making.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    making.replace(path)
    sync(path.parent)


def sync(folder: Path) -> None:
    """Let the names in a folder reach the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def delay(tries: int) -> int:
    """Return the seconds to wait after so many tries.

    >>> [delay(tries) for tries in (1, 2, 3, 9, 1000)]
    [60, 120, 240, 14400, 14400]
    """
    return min(FIRST_DELAY << min(tries - 1, 30), LONGEST_DELAY)


@dataclass(frozen=True, slots=True)
class Spool:
    """The spool in a folder, which is made at the first look."""

    root: Path

    def __post_init__(self) -> None:
        for folder in FOLDERS:
            (self.root / folder).mkdir(parents=True, exist_ok=True)

    def has_work(self, now: float) -> bool:
        """Say whether a message may be tried, or lies with a process that died."""
        is_due = any(entry.due_at <= now for entry in self._entries())
        return is_due or any(not is_locked(folder) for folder in self._claims())

    def due(self, now: float) -> list[Entry]:
        """Return the messages that may be tried, oldest first; other files are nobody's business."""
        return sorted(
            (entry for entry in self._entries() if entry.due_at <= now),
            key=lambda entry: (entry.due_at, entry.name),
        )

    def return_abandoned(self, now: float) -> int:
        """Put back what lies with processes that died, and return how many messages that are.

        What they had only begun to write, a day ago or earlier, goes.
        """
        for path in (self.root / "making").iterdir():
            with suppress(FileNotFoundError):
                if path.lstat().st_mtime < now - DAY:
                    path.unlink()
        return sum(self._return_abandoned(folder) for folder in self._claims())

    @contextmanager
    def claimed(self, entries: Iterable[Entry]) -> Iterator[Claim]:
        """Take messages for this process alone; what is not dealt with inside goes back at the end."""
        folder, descriptor = self._new_claim()
        claim = Claim(self, folder, iter(entries))
        try:
            yield claim
        finally:
            self._empty(folder)
            os.close(descriptor)

    def _entries(self) -> Iterator[Entry]:
        with os.scandir(self.root / "new") as found:
            for file in found:
                if named := NAME.fullmatch(file.name):
                    with suppress(FileNotFoundError):  # another process was quicker
                        due_at = file.stat(follow_symlinks=False).st_mtime
                        yield Entry(file.name, named["stem"], int(named["tries"] or 0), due_at)

    def _claims(self) -> list[Path]:
        return [Path(entry.path) for entry in os.scandir(self.root / "claimed") if entry.is_dir()]

    def _new_claim(self) -> tuple[Path, int]:
        """Make a folder and lock it; one that was taken for abandoned in between is made again."""
        while True:
            folder = self.root / "claimed" / uuid4().hex
            folder.mkdir()
            with suppress(FileNotFoundError):
                descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                if try_lock(descriptor) and folder.exists():
                    return folder, descriptor
                os.close(descriptor)

    def _return_abandoned(self, folder: Path) -> int:
        try:
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            return 0
        try:
            return self._empty(folder) if try_lock(descriptor) else 0
        finally:
            os.close(descriptor)

    def _empty(self, folder: Path) -> int:
        """Put everything in a folder back, remove it, and return how many files there were."""
        names = os.listdir(folder)
        for name in names:
            (folder / name).rename(self.root / "new" / name)
        folder.rmdir()
        return len(names)


@dataclass(slots=True)
class Claim:
    """Messages a process is sending; each is taken when its turn comes."""

    spool: Spool
    folder: Path
    entries: Iterator[Entry]
    _waiting: Path = field(init=False)

    def __post_init__(self) -> None:
        self._waiting = self.spool.root / "new"

    def next_entry(self) -> Entry | None:
        """Take the next message; None: there is none left. What others took meanwhile is passed over."""
        for entry in self.entries:
            with suppress(FileNotFoundError):
                (self._waiting / entry.name).rename(self.folder / entry.name)
                return entry
        return None

    def read(self, entry: Entry, largest: int) -> bytes:
        """Return a message. Raises ValueError: it is none that can be sent."""
        path = self.folder / entry.name
        if not stat.S_ISREG(path.lstat().st_mode):
            raise ValueError("is no regular file")
        try:
            with path.open("rb") as file:
                message = file.read(largest + 1)
        except PermissionError as error:
            raise ValueError("may not be read by the user that runs taskrun") from error
        if len(message) > largest:
            raise ValueError(f"is larger than {largest} bytes")
        return message

    def remove(self, entry: Entry) -> None:
        """Let go of a message that is sent."""
        (self.folder / entry.name).unlink()

    def postpone(self, entry: Entry, *, now: float, rest: bytes | None = None) -> None:
        """Let a message wait for another try; `rest` is what of it is left to be sent, None all of it."""
        waiting = self._waiting / entry.renamed(entry.tries + 1)
        next_try = now + delay(entry.tries + 1)
        if rest is None:
            with suppress(PermissionError):  # another user's file: it is tried again sooner
                os.utime(self.folder / entry.name, (next_try, next_try))
            (self.folder / entry.name).rename(waiting)
        else:
            write_whole(self.spool.root, waiting, rest)
            os.utime(waiting, (next_try, next_try))

    def refuse(self, entry: Entry, reason: str, *, rest: bytes | None = None) -> None:
        """Keep a message, or the part `rest` of it, as failed, with the reason beside it."""
        failed = self.spool.root / "failed"
        write_whole(self.spool.root, failed / f"{entry.stem}.txt", f"{reason}\n".encode())
        if rest is None:
            (self.folder / entry.name).rename(failed / f"{entry.stem}.eml")
            sync(failed)
        else:
            write_whole(self.spool.root, failed / f"{entry.stem}.eml", rest)


def try_lock(descriptor: int) -> bool:
    """Lock a folder for as long as this process lives; False: another one has it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_locked(folder: Path) -> bool:
    """Say whether a living process sends what is in a folder."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        return not try_lock(descriptor)
    finally:
        os.close(descriptor)
