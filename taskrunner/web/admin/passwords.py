"""The password file of `taskrun web`: who may log in, what they may do there, and no password as such."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import secrets
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, NamedTuple

from taskrunner.errors import ConfigError
from taskrunner.files import open_file, read_trusted_text

if TYPE_CHECKING:
    from pathlib import Path

LARGEST = 64 * 1024
SHORTEST_PASSWORD = 10
LONGEST_PASSWORD = 1024
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}")
LINE = re.compile(
    rf"(?P<name>{NAME.pattern}) (?P<may>change|view) "
    r"scrypt:(?P<cost>1[0-8]):(?P<salt>[A-Za-z0-9+/]{16,}={0,2}):(?P<digest>[A-Za-z0-9+/]{43}=)"
)
"""`ann change scrypt:15:SALT:DIGEST`; the cost is a power of two."""

COST = 15
"""2 ** 15 rounds take 32 MB and about a tenth of a second."""

LOG = logging.getLogger("taskrunner.web")


class Entry(NamedTuple):
    """A person who may log in, and what their password is known by."""

    name: str
    may_change: bool
    cost: int
    salt: bytes
    digest: bytes


NOBODY = Entry("", False, COST, bytes(16), bytes(32))
"""Compared with where there is no such name: the time it takes is not to tell."""


class PasswordFile:
    """The people of a password file, read anew whenever it has changed. Raises ConfigError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._signature = _signature(path)
        self._entries = read_entries(path)

    def find(self, name: str) -> Entry | None:
        """Return who has that name; nobody has one while the file cannot be read."""
        signature = _signature(self._path)
        if signature != self._signature:
            try:
                self._entries = read_entries(self._path)
            except ConfigError as error:
                LOG.error("nobody can log in: %s", error)
                self._entries = {}
            self._signature = signature
        return self._entries.get(name)

    def check(self, name: str, password: str) -> Entry | None:
        """Return who has that name and password, or None; both take the same time."""
        entry = self.find(name)
        offered = _digest(password, entry or NOBODY)
        is_right = secrets.compare_digest(offered, (entry or NOBODY).digest)
        return entry if is_right else None


def read_entries(path: Path) -> dict[str, Entry]:
    """Return the people of a password file by name. Raises ConfigError."""
    hint = f"taskrun web --password-file {path} --add-user NAME"
    try:
        text = read_trusted_text(path, largest=LARGEST)
        if os.stat(path).st_mode & 0o077:
            raise ConfigError(f"{path} can be read by others", hint=f"chmod 600 {path}")
    except (ValueError, OSError) as error:
        raise ConfigError(f"{path} {error}", hint=hint) from error
    entries = {}
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            if (found := LINE.fullmatch(line.strip())) is None:
                raise ConfigError(f"{path} line {number} is not NAME change|view scrypt:…", hint=hint)
            entries[found["name"]] = _entry(found)
    if not entries:
        raise ConfigError(f"{path} has nobody who may log in", hint=hint)
    return entries


def write_entry(path: Path, name: str, password: str, *, may_change: bool) -> None:
    """Write a person into a password file, which is made if there is none. Raises ConfigError."""
    if not NAME.fullmatch(name):
        raise ConfigError(f"{name!r} is not a name of letters, digits and . _ - @")
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise ConfigError(f"a password has at least {SHORTEST_PASSWORD} characters")
    entries = read_entries(path) if path.exists() else {}
    salted = Entry(name, may_change, COST, secrets.token_bytes(16), b"")
    entries[name] = salted._replace(digest=_digest(password, salted))
    text = "".join(f"{_line(entry)}\n" for entry in entries.values())
    new = path.with_name(f"{path.name}.new")
    try:
        new.unlink(missing_ok=True)
        with open(open_file(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from error


def _line(entry: Entry) -> str:
    salt, digest = (b64encode(value).decode() for value in (entry.salt, entry.digest))
    return f"{entry.name} {'change' if entry.may_change else 'view'} scrypt:{entry.cost}:{salt}:{digest}"


def _entry(found: re.Match[str]) -> Entry:
    may_change = found["may"] == "change"
    salt, digest = b64decode(found["salt"]), b64decode(found["digest"])
    return Entry(found["name"], may_change, int(found["cost"]), salt, digest)


def _digest(password: str, entry: Entry) -> bytes:
    n = 2**entry.cost
    encoded = password.encode("utf-8", "surrogatepass")
    return hashlib.scrypt(encoded, salt=entry.salt, n=n, r=8, p=1, maxmem=2 * 128 * 8 * n, dklen=32)


def _signature(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns
