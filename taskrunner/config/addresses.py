"""The kinds of values that name something outside the file: paths, databases, zones."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from taskrunner.config.kinds import one_line, texts
from taskrunner.config.nearest import did_you_mean
from taskrunner.config.place import Place
from taskrunner.config.references import is_reference, look_up

POSTGRES = ("postgresql://", "postgres://")
URL_PATH = re.compile(r"(/[A-Za-z0-9_~.-]{1,100}){1,10}")


@dataclass(frozen=True, slots=True)
class FilePath:
    """A file or directory: absolute, below ~, or relative to the configuration file."""

    def read(self, value: object, place: Place) -> Path:
        """Return the absolute path."""
        return place.path(one_line(str(value) if isinstance(value, Path) else value))

    def parse(self, text: str) -> object:
        """Return the text."""
        return text


@dataclass(frozen=True, slots=True)
class FilePaths:
    """Several of them; in an environment variable with `:` between, as in $PATH."""

    def read(self, value: object, place: Place) -> tuple[Path, ...]:
        """Return the absolute paths."""
        if isinstance(value, tuple):
            value = [str(path) for path in value]
        return tuple(map(place.path, texts(value)))

    def parse(self, text: str) -> object:
        """Return the list of paths, none for an empty text."""
        return text.split(os.pathsep) if text else []


@dataclass(frozen=True, slots=True)
class Database:
    """A database: sqlite:PATH or postgresql://…, or where that stands: env:NAME, file:PATH.

    What is wrong never quotes the value: it may hold a password.
    """

    sqlite: bool = True

    def read(self, value: object, place: Place) -> str:
        """Return the URL with what env: or file: stands for, and an absolute path behind sqlite:."""
        text = one_line(value)
        url = one_line(_looked_up(text, place)) if is_reference(text) else text
        if url.startswith(POSTGRES) and url not in POSTGRES:
            return url
        if self.sqlite and url.startswith("sqlite:"):
            return f"sqlite:{place.path(_sqlite_path(url))}"
        raise ValueError(f"is not {'sqlite:PATH or ' * self.sqlite}postgresql://USER@HOST/NAME")

    def parse(self, text: str) -> object:
        """Return the text."""
        return text


def _looked_up(reference: str, place: Place) -> str:
    return look_up(reference, directory=str(place.directory), environ=place.environ)


def _sqlite_path(url: str) -> str:
    path = url.removeprefix("sqlite:")
    if path == ":memory:":
        raise ValueError("is a database in memory, which ends with the process; right is sqlite:PATH")
    if path.startswith("//") and not path.startswith("///"):
        raise ValueError("has a host behind sqlite://; right are sqlite:PATH and sqlite:///ABSOLUTE/PATH")
    return "/" + path.lstrip("/") if path.startswith("/") else path


@dataclass(frozen=True, slots=True)
class UrlPath:
    """The path of an address on a web site, of characters that need no escaping."""

    def read(self, value: object, place: Place) -> str:
        """Return the path."""
        path = one_line(value)
        if not URL_PATH.fullmatch(path) or any(part in (".", "..") for part in path.split("/")):
            raise ValueError("is no path of letters, digits and _ ~ . - such as /_taskrun/tick.gif")
        return path

    def parse(self, text: str) -> object:
        """Return the text."""
        return text


@dataclass(frozen=True, slots=True)
class HttpUrl:
    """A web address, or where that stands: env:NAME, file:PATH. What is wrong never quotes it."""

    def read(self, value: object, place: Place) -> str:
        """Return the address, with what env: or file: stands for."""
        text = one_line(value)
        url = one_line(_looked_up(text, place)) if is_reference(text) else text
        scheme, _, rest = url.partition("://")
        if scheme not in ("http", "https") or not rest or any(character <= " " for character in url):
            raise ValueError("is not https://HOST/PATH")
        return url

    def parse(self, text: str) -> object:
        """Return the text."""
        return text


@dataclass(frozen=True, slots=True)
class Zone:
    """A time zone of the IANA database; an empty text is the system's."""

    def read(self, value: object, place: Place) -> str:
        """Return the name of a zone that exists."""
        name = one_line(value)
        if not name:
            return _system_zone()
        if not _is_zone(name):
            raise ValueError(f"is not a time zone{did_you_mean(name, _all_zones())}")
        return name

    def parse(self, text: str) -> object:
        """Return the text."""
        return text


def _system_zone() -> str:
    from taskrunner.schedule.zones import system_timezone

    return system_timezone()


def _is_zone(name: str) -> bool:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _all_zones() -> set[str]:
    from zoneinfo import available_timezones

    return available_timezones()
