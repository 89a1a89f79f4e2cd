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
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

FIRST_DELAY = 60
LONGEST_DELAY = 14_400
DAY = 86_400
LONGEST_STEM = 120
NAME = re.compile(
    r"(?P<stem>[^.].*?)(?:,id=(?P<id>[0-9a-f]{16,32}))?(?:,tries=(?P<tries>\d{1,4}))?\.[eE][mM][lL]",
    re.DOTALL,
)
FOLDERS = ("new", "making", "claimed", "failed")


@dataclass(frozen=True, slots=True)
class Entry:
    """A message in the spool: its file's name, which says how often it was tried, and when it may be next.

    `name` is unique, and safe to be shown; the file still has the name `found`, whatever a site called it.
    """

    found: str
    name: str
    tries: int
    due_at: float

    @classmethod
    def of(cls, found: str, due_at: float) -> Entry | None:
        """Return the entry for a file, or None if its name is not that of a message."""
        if not (parts := NAME.fullmatch(found)):
            return None
        tries = int(parts["tries"] or 0)
        return cls(found, named(parts["stem"], parts["id"] or uuid4().hex[:16], tries), tries, due_at)

    def after_another_try(self) -> str:
        """Return the name of the file from then on."""
        parts = NAME.fullmatch(self.name)
        return self.name if parts is None else named(parts["stem"], parts["id"], self.tries + 1)


def named(stem: str, unique: str, tries: int) -> str:
    """Return a file's name that no other has.

    >>> named("hello, world\\t", "0123456789abcdef", 2)
    'hello, world_,id=0123456789abcdef,tries=2.eml'
    """
    shown = "".join(sign if sign.isprintable() else "_" for sign in stem)
    while len(shown.encode()) > LONGEST_STEM:
        shown = shown[:-1]
    return f"{shown},id={unique}{f',tries={tries}' if tries else ''}.eml"


def post(spool: Path, message: bytes) -> Path:
    """Put an RFC 5322 message into the spool: when this returns it is on the disk, and will be sent.

    It goes to To, Cc and Bcc (which is not sent along), from Sender or From.
    """
    for folder in ("new", "making"):
        (spool / folder).mkdir(parents=True, exist_ok=True)
    path = spool / "new" / f"{time.time_ns():020d},id={uuid4().hex}.eml"
    write_whole(spool, path, message)
    return path


def write_new(spool: Path, path: Path, content: bytes) -> None:
    """Write a file that is there in full or not at all. Raises FileExistsError: nothing is written over."""
    making = _made(spool, path, content)
    try:
        os.link(making, path)
    finally:
        making.unlink()
    sync(path.parent)


def write_whole(spool: Path, path: Path, content: bytes) -> None:
    """Write a file that is there in full or not at all, whatever happens to machine and process."""
    _made(spool, path, content).replace(path)
    sync(path.parent)


def _made(spool: Path, path: Path, content: bytes) -> Path:
    making = spool / "making" / f"{path.name[:100]}.{uuid4().hex}"
    with making.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return making


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
        """Return whether a message may be tried, or lies with a process that died."""
        is_due = any(entry.due_at <= now for entry in self._entries())
        return is_due or any(not is_locked(folder) for folder in self._claims())

    def due(self, now: float) -> list[Entry]:
        """Return the messages that may be tried, oldest first."""
        return sorted(
            (entry for entry in self._entries() if entry.due_at <= now),
            key=lambda entry: (entry.due_at, entry.found),
        )

    def foreign(self) -> int:
        """Return how many files in `new/` are no messages by their names: they are left alone."""
        names = (file.name for file in os.scandir(self.root / "new"))
        return sum(not name.startswith(".") and NAME.fullmatch(name) is None for name in names)

    def return_abandoned(self, now: float) -> int:
        """Put back what lies with processes that died, and return how many messages that are.

        What they had only begun to write, a day ago or earlier, goes.
        """
        for path in (self.root / "making").iterdir():
            with suppress(FileNotFoundError):
                status = path.lstat()
                if stat.S_ISREG(status.st_mode) and status.st_mtime < now - DAY:
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
                with suppress(FileNotFoundError):  # another process was quicker
                    if NAME.fullmatch(file.name):
                        entry = Entry.of(file.name, file.stat(follow_symlinks=False).st_mtime)
                        yield from [entry] if entry else []

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
            entry = Entry.of(name, 0.0)
            (folder / name).rename(self.root / "new" / (entry.name if entry else name))
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
        """Take the next message that others have not taken, and return it, or None if there is none left."""
        for entry in self.entries:
            with suppress(FileNotFoundError):
                (self._waiting / entry.found).rename(self.folder / entry.name)
                return replace(entry, found=entry.name)
        return None

    def read(self, entry: Entry, largest: int) -> bytes:
        """Return the content of a file of `largest` bytes at most. Raises ValueError: it is no message."""
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
        """Let go of a message that everybody has got, or that is kept elsewhere."""
        (self.folder / entry.name).unlink()

    def rewrite(self, entry: Entry, content: bytes) -> None:
        """Write what is left of a message to be sent in its place, at once or not at all."""
        write_whole(self.spool.root, self.folder / entry.name, content)

    def postpone(self, entry: Entry, *, now: float) -> None:
        """Let a message wait for another try."""
        next_try = now + delay(entry.tries + 1)
        with suppress(PermissionError):  # another user's file: it is tried again sooner
            os.utime(self.folder / entry.name, (next_try, next_try))
        (self.folder / entry.name).rename(self._waiting / entry.after_another_try())

    def refuse(self, entry: Entry, reason: str) -> None:
        """Keep a message that cannot be read as failed, with the reason beside it."""
        failed = self._failed(entry, reason)
        (self.folder / entry.name).rename(failed)
        sync(failed.parent)

    def set_aside(self, entry: Entry) -> None:
        """Keep a message as failed without a reason beside it: on a full disk too."""
        (self.folder / entry.name).rename(self.spool.root / "failed" / entry.name)

    def keep_failed(self, entry: Entry, reason: str, content: bytes) -> None:
        """Keep `content`, a message for those who were refused, as failed, with the reason beside it."""
        write_new(self.spool.root, self._failed(entry, reason), content)

    def _failed(self, entry: Entry, reason: str) -> Path:
        """Write the reason, and return the path of the message beside it: one that was never used."""
        stem = entry.name.removesuffix(".eml")
        for number in count(1):
            path = self.spool.root / "failed" / f"{stem}{f',{number}' if number > 1 else ''}.eml"
            with suppress(FileExistsError):
                write_new(self.spool.root, path.with_suffix(".txt"), f"{reason}\n".encode("utf-8", "replace"))
                if not path.exists():
                    return path
        raise AssertionError("numbers do not end")


def try_lock(descriptor: int) -> bool:
    """Lock a folder for as long as this process lives; return False if another one has it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_locked(folder: Path) -> bool:
    """Return whether a living process sends what is in a folder."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        return not try_lock(descriptor)
    finally:
        os.close(descriptor)
