"""Deletes old files from a cache folder: only those that match, and nothing a symbolic link leads to."""

from __future__ import annotations

import os
import stat
import time
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from taskrunner import MORE, Every, ScheduledTask, mtrace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from taskrunner import More

DEEPEST = 64
"""Folders below one another that are looked into."""

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
        if self.root == Path(self.root.anchor):
            raise ValueError("root is the whole disk")
        if self.max_age < 0 or self.max_bytes < 0 or self.seconds < 1:
            raise ValueError("max_age and max_bytes begin at 0, seconds at 1")

    def matches(self, name: str) -> bool:
        """Say whether a file of this name is cache."""
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


class TidyCache(ScheduledTask):
    """Delete old files of the cache."""

    schedule = Every(hours=2)

    def is_runnable(self) -> bool | str:
        """Say whether there is a folder to tidy."""
        return True if "root" in self.settings else "[plugin_settings.tidy_cache] root is not set"

    def execute(self) -> More | None:
        """Delete what is too old, then the oldest of what is too much. Raises OSError: the folder is none."""
        settings = self.read_settings(Settings)
        until = time.monotonic() + settings.seconds
        root = os.open(settings.root, ENTER)
        try:
            files = sorted(find(root, settings))
            outdated = list(choose(files, settings, now=time.time()))
            mtrace(f"{len(files)} files of the cache, {sum(file.size for file in files)} bytes")
            if settings.dry_run:
                mtrace(f"{len(outdated)} would be deleted, {sum(file.size for file in outdated)} bytes")
                return None
            return self._delete(root, outdated, until)
        finally:
            os.close(root)

    def _delete(self, root: int, outdated: list[Cached], until: float) -> More | None:
        deleted = size = done = 0
        for done, file in enumerate(outdated, 1):
            if delete(root, file):
                deleted, size = deleted + 1, size + file.size
            self.progress(done, len(outdated))
            if time.monotonic() > until:
                break
        mtrace(f"{deleted} deleted, {size} bytes")
        return MORE if done < len(outdated) else None


def find(root: int, settings: Settings) -> Iterator[Cached]:
    """Give the regular files below an open folder that match; other file systems are not looked into."""
    yield from _find(root, (), os.fstat(root).st_dev, settings)


def choose(files: Iterable[Cached], settings: Settings, *, now: float) -> Iterator[Cached]:
    """Give the files to delete, of files in the order of their age."""
    kept = []
    for file in files:
        if file.modified_at < now - settings.max_age:
            yield file
        else:
            kept.append(file)
    surplus = sum(file.size for file in kept) - settings.max_bytes if settings.max_bytes else 0
    for file in kept:
        if surplus <= 0:
            return
        surplus -= file.size
        yield file


def delete(root: int, file: Cached) -> bool:
    """Delete a file, unless it is gone or another one by now."""
    *folders, name = file.path
    folder = os.dup(root)
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
    finally:
        os.close(folder)
    return True


def _find(folder: int, above: tuple[str, ...], device: int, settings: Settings) -> Iterator[Cached]:
    with os.scandir(folder) as found:
        entries = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in found]
    for name, is_folder in entries:
        with suppress(FileNotFoundError, NotADirectoryError):
            if is_folder and len(above) < DEEPEST:
                yield from _find_below(folder, name, above, device, settings)
            elif settings.matches(name):
                status = os.stat(name, dir_fd=folder, follow_symlinks=False)
                if stat.S_ISREG(status.st_mode):
                    yield Cached(status.st_mtime, (*above, name), status.st_size, status.st_ino)


def _find_below(
    folder: int, name: str, above: tuple[str, ...], device: int, settings: Settings
) -> Iterator[Cached]:
    inner = os.open(name, ENTER, dir_fd=folder)
    try:
        if os.fstat(inner).st_dev == device:
            yield from _find(inner, (*above, name), device, settings)
    finally:
        os.close(inner)
