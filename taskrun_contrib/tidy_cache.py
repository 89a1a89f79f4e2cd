"""Deletes old files from a cache folder: only those that match, and nothing a symbolic link leads to."""

from __future__ import annotations

import os
import stat
import time
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from random import shuffle
from typing import TYPE_CHECKING

from taskrunner import MORE, Every, ScheduledTask, mtrace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from taskrunner import More

DEEPEST = 64
"""Folders below one another that are looked into."""

LOOKING = 0.7
"""The part of the time of a run in which the cache may be looked through; the rest is for deleting."""

ENTER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """`[plugin_settings.tidy_cache]`: the folder, the names of files in it that are cache, and the bounds.

    A name that begins with a dot matches only a pattern that does. `max_age` and `seconds` are lengths in
    seconds; `max_bytes` is what the matching files may have in all, 0 for no limit.
    """

    root: Path
    patterns: tuple[str, ...]
    max_age: int = 7200
    max_bytes: int = 0
    seconds: int = 45
    dry_run: bool = False

    def __post_init__(self) -> None:
        if not self.patterns or any(not pattern or "/" in pattern for pattern in self.patterns):
            raise ValueError("patterns are names such as *.tmp, one at least, without a /")
        if os.path.normpath(self.root) in ("/", "//"):
            raise ValueError("root is the whole disk")
        for name, smallest in (("max_age", 0), ("max_bytes", 0), ("seconds", 1)):
            if getattr(self, name) < smallest:
                raise ValueError(f"{name} = {getattr(self, name)} is less than {smallest}")

    def matches(self, name: str) -> bool:
        """Return whether a file of this name is cache."""
        return any(
            fnmatchcase(name, pattern) and name.startswith(".") == pattern.startswith(".")
            for pattern in self.patterns
        )


@dataclass(frozen=True, slots=True, order=True)
class Cached:
    """A file of the cache, as it was seen: its age comes first, so that the oldest do."""

    modified_at: float
    path: tuple[str, ...]
    size: int
    inode: int


class TidyError(Exception):
    """Something could not be tidied: a person has to see it."""


class TidyCache(ScheduledTask):
    """Delete old files of the cache."""

    schedule = Every(hours=2)

    def is_runnable(self) -> bool | str:
        """Return True if a folder is named, else why it cannot run."""
        return True if "root" in self.settings else "[plugin_settings.tidy_cache] root is not set"

    def execute(self) -> More | None:
        """Delete what is too old, then the oldest of what is too much. Raises OSError, TidyError."""
        settings = self.read_settings(Settings)
        now = time.monotonic()
        cache = Cache(settings, os.open(settings.root, ENTER))
        try:
            files = cache.look(until=now + settings.seconds * LOOKING)
            outdated = list(choose(files, settings, now=time.time(), is_whole=cache.is_whole))
            mtrace(f"{len(files)} files of the cache, {sum(file.size for file in files)} bytes")
            if settings.dry_run:
                mtrace(f"{len(outdated)} would be deleted, {sum(file.size for file in outdated)} bytes")
                return None
            is_done = self._delete(cache, outdated, until=now + settings.seconds)
        finally:
            os.close(cache.root)
        if cache.trouble:
            raise TidyError(f"{cache.troubles} could not be tidied, the first: {cache.trouble}")
        return None if is_done and cache.is_whole else MORE

    def _delete(self, cache: Cache, outdated: list[Cached], *, until: float) -> bool:
        """Delete files until the time is up; return whether that were all."""
        deleted = size = done = 0
        for done, file in enumerate(outdated, 1):
            if cache.delete(file):
                deleted, size = deleted + 1, size + file.size
            self.progress(done, len(outdated))
            if time.monotonic() > until:
                break
        mtrace(f"{deleted} deleted, {size} bytes")
        return done == len(outdated)


class Cache:
    """The cache below an open folder, as far as one looks within the time, and what went wrong with it."""

    def __init__(self, settings: Settings, root: int) -> None:
        self.settings, self.root = settings, root
        self.is_whole, self.troubles, self.trouble = True, 0, ""

    def look(self, *, until: float) -> list[Cached]:
        """Return the regular files that match, oldest first; if the time is up, those found by then."""
        found = []
        for file in self._find(self.root, (), os.fstat(self.root).st_dev):
            found.append(file)
            if time.monotonic() > until:
                self.is_whole = False
                mtrace("not all of the cache was looked at: the oldest of too much stay this time")
                break
        return sorted(found)

    def delete(self, file: Cached) -> bool:
        """Delete a file, unless it is gone or another one by now; return whether it was deleted."""
        *folders, name = file.path
        folder = os.dup(self.root)
        try:
            for inner in folders:
                outer, folder = folder, os.open(inner, ENTER, dir_fd=folder)
                os.close(outer)
            found = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if (found.st_ino, found.st_mtime) != (file.inode, file.modified_at):
                return False
            os.unlink(name, dir_fd=folder)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            self._note(file.path, error)
            return False
        finally:
            os.close(folder)
        return True

    def _find(self, folder: int, above: tuple[str, ...], device: int) -> Iterator[Cached]:
        with os.scandir(folder) as found:
            entries = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in found]
        shuffle(entries)  # what one run has no time for is found by another
        for name, is_folder in entries:
            try:
                if is_folder and len(above) < DEEPEST:
                    yield from self._find_below(folder, name, above, device)
                elif self.settings.matches(name):
                    status = os.stat(name, dir_fd=folder, follow_symlinks=False)
                    if stat.S_ISREG(status.st_mode):
                        yield Cached(status.st_mtime, (*above, name), status.st_size, status.st_ino)
            except (FileNotFoundError, NotADirectoryError):
                continue  # it has just gone, or become something else
            except OSError as error:
                self._note((*above, name), error)

    def _find_below(self, folder: int, name: str, above: tuple[str, ...], device: int) -> Iterator[Cached]:
        inner = os.open(name, ENTER, dir_fd=folder)
        try:
            if os.fstat(inner).st_dev == device:
                yield from self._find(inner, (*above, name), device)
        finally:
            os.close(inner)

    def _note(self, path: tuple[str, ...], error: OSError) -> None:
        self.troubles += 1
        shown = "/".join(path).encode("utf-8", "backslashreplace").decode()
        self.trouble = self.trouble or f"{shown}: {error.strerror}"


def choose(files: Iterable[Cached], settings: Settings, *, now: float, is_whole: bool) -> Iterator[Cached]:
    """Give the files to delete, of files in the order of their age; for its size only of the whole cache."""
    kept = []
    for file in files:
        if file.modified_at < now - settings.max_age:
            yield file
        else:
            kept.append(file)
    is_limited = settings.max_bytes and is_whole
    surplus = sum(file.size for file in kept) - settings.max_bytes if is_limited else 0
    for file in kept:
        if surplus <= 0:
            return
        surplus -= file.size
        yield file
