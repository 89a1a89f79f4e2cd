"""The kinds of values that only a setting may have: files, databases, addresses, commands.

And where in the file a table or a key stands, which tomllib does not say.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from taskrunner.config.find import absolute_path, is_reference, look_up
from taskrunner.named_tuple import NamedTuple
from taskrunner.validate import AsText, did_you_mean, one_line, texts

if TYPE_CHECKING:
    from typing import Protocol
else:
    Protocol = object  # a class of Protocol costs as much to declare as ten others

KeyPath = tuple[str, ...]
STRINGS = (
    r'"""(?:\\.|[^\\])*?"{3,5}',
    r"'''.*?'{3,5}",
    r'"(?:\\.|[^"\\])*"',
    r"'[^']*'",
)
PIECE = "|".join((*STRINGS, r"#[^\n]*", r"[\[\]{}]", r"\n"))
DEPTH = {"[": 1, "{": 1, "]": -1, "}": -1}
BARE = r"[A-Za-z0-9_-]+"
"""Patterns are compiled where they are used: most commands read a file that is right."""


def find_lines(text: str) -> dict[KeyPath, int]:
    r"""Return the line on which each table and key of a valid TOML text first appears.

    >>> find_lines('[cron]\nkeep_alive = 0\n\n[tasks."forum.*"]\n')
    {('cron',): 1, ('cron', 'keep_alive'): 2, ('tasks',): 4, ('tasks', 'forum.*'): 4}
    """
    from tomllib import loads

    lines: dict[KeyPath, int] = {}
    table: KeyPath = ()
    for line, statement in _statements(text):
        paths = list(_paths(loads(statement)))
        opens_table = statement.lstrip().startswith("[")
        if opens_table:
            table = ()
        for path in paths:
            lines.setdefault((*table, *path), line)
        if opens_table:
            table = paths[-1]
    return lines


def _statements(text: str) -> Iterator[tuple[int, str]]:
    start, line, depth = 0, 1, 0
    for piece in re.finditer(PIECE, text + "\n", re.DOTALL):
        depth += DEPTH.get(piece[0], 0)
        if piece[0] == "\n" and depth == 0:
            statement = text[start : piece.end()]
            yield line, statement
            start, line = piece.end(), line + statement.count("\n")


def _paths(content: object, prefix: KeyPath = ()) -> Iterator[KeyPath]:
    if isinstance(content, Mapping):
        for key, inner in content.items():
            yield (*prefix, key)
            yield from _paths(inner, (*prefix, key))


def header(keys: KeyPath) -> str:
    """Return the line that opens a table.

    >>> header(("tasks", "forum.*"))
    '[tasks."forum.*"]'
    """
    return f"[{'.'.join(map(_key, keys))}]"


def _key(key: str) -> str:
    return key if re.fullmatch(BARE, key) else json.dumps(key, ensure_ascii=False)


def label(keys: KeyPath) -> str:
    """Return how a key is named in a message.

    >>> label(("timezone",)), label(("cron", "keep_alive"))
    ('timezone', '[cron] keep_alive')
    """
    *table, key = keys
    return f"{header(tuple(table))} {key}" if table else key


T = TypeVar("T")


def secretive(record: type[T]) -> type[T]:
    """Let a record show no value of its fields, of which one may be a secret, where it is printed whole."""
    record.__repr__ = lambda self: f"{record.__name__}(...)"  # type: ignore[method-assign]
    return record


@secretive
class Place(NamedTuple):
    """A directory that relative paths start from, and the environment that says what `~` is."""

    directory: Path
    environ: Mapping[str, str]

    def path(self, text: str) -> Path:
        """Return the absolute path that `text` names here; symbolic links are not followed.

        Raises `ValueError` for no text, for `~other`, and for `~` without an absolute $HOME.
        """
        return Path(absolute_path(text, directory=str(self.directory), environ=self.environ))


class Kind(Protocol):
    """A kind of value: which values fit, and how they are written in an environment variable."""

    def read(self, value: object, place: Place, /) -> object:
        """Return the value that TOML gave, checked and complete.

        Raises `ValueError` with what is wrong, to be read after the value: "is too large; at most 900".
        """
        ...

    def parse(self, text: str) -> object:
        """Return what an environment variable's text would be in TOML; at worst the text itself."""
        ...


POSTGRES = ("postgresql://", "postgres://")
URL_PATH = r"(/[A-Za-z0-9_~.-]{1,100}){1,10}"


class FilePath(AsText):
    """A file or directory: absolute, below ~, or relative to the configuration file."""

    def read(self, value: object, place: Place) -> Path:
        """Return the absolute path."""
        return place.path(one_line(str(value) if isinstance(value, Path) else value))


class FilePaths:
    """Several of them; in an environment variable with `:` between, as in $PATH."""

    def read(self, value: object, place: Place) -> tuple[Path, ...]:
        """Return the absolute paths."""
        if isinstance(value, tuple):
            value = [str(path) for path in value]
        return tuple(map(place.path, texts(value)))

    def parse(self, text: str) -> object:
        """Return the list of paths, an empty one for an empty text."""
        return text.split(os.pathsep) if text else []


class Database(AsText):
    """A database: sqlite:PATH or postgresql://…, or where that stands: env:NAME, file:PATH.

    What is wrong never quotes the value: it may hold a password.
    """

    def __init__(self, *, sqlite: bool = True) -> None:
        self.sqlite = sqlite

    def read(self, value: object, place: Place) -> str:
        """Return the URL with what env: or file: stands for, and an absolute path behind sqlite:."""
        text = one_line(value)
        url = one_line(_looked_up(text, place)) if is_reference(text) else text
        if url.startswith(POSTGRES) and url not in POSTGRES:
            return ReferencedUrl(url, text, place) if is_reference(text) else url
        if self.sqlite and url.startswith("sqlite:"):
            return f"sqlite:{place.path(_sqlite_path(url))}"
        raise ValueError(f"is not {'sqlite:PATH or ' * self.sqlite}postgresql://USER@HOST/NAME")


class ReferencedUrl(str):
    """A URL that stands elsewhere, where its password may be changed while this process runs."""

    _reference: str
    _place: Place

    def __new__(cls, url: str, reference: str, place: Place) -> ReferencedUrl:
        """Return the URL, which remembers where it stands."""
        made = super().__new__(cls, url)
        made._reference, made._place = reference, place
        return made

    def again(self) -> str:
        """Return what stands there now. Raises ValueError."""
        return one_line(_looked_up(self._reference, self._place))


def _looked_up(reference: str, place: Place) -> str:
    return look_up(reference, directory=str(place.directory), environ=place.environ)


def _sqlite_path(url: str) -> str:
    path = url.removeprefix("sqlite:")
    if path == ":memory:":
        raise ValueError("is a database in memory, which ends with the process; write sqlite:PATH")
    if path.startswith("//") and not path.startswith("///"):
        raise ValueError("has a host behind sqlite://; write sqlite:PATH or sqlite:///ABSOLUTE/PATH")
    return "/" + path.lstrip("/") if path.startswith("/") else path


class UrlPath(AsText):
    """The path of an address on a web site, of characters that need no escaping."""

    def read(self, value: object, place: Place) -> str:
        """Return the path."""
        path = one_line(value)
        if not re.fullmatch(URL_PATH, path) or any(part in (".", "..") for part in path.split("/")):
            raise ValueError("is not a path of letters, digits and _ ~ . - such as /_taskrun/tick.gif")
        return path


class HttpUrl(AsText):
    """A web address, or where that stands: env:NAME, file:PATH. What is wrong never quotes it."""

    def read(self, value: object, place: Place) -> str:
        """Return the address, with what env: or file: stands for."""
        text = one_line(value)
        url = one_line(_looked_up(text, place)) if is_reference(text) else text
        scheme, _, rest = url.partition("://")
        if scheme not in ("http", "https") or not rest or any(character <= " " for character in url):
            raise ValueError("is not https://HOST/PATH")
        return url


PING_STYLES = ("plain", "healthchecks", "cronitor", "kuma")


@secretive
class PingTarget(NamedTuple):
    """Where starts and ends are reported to a dead man's switch, and in which dialect."""

    url: str
    style: str = "plain"


class Ping(AsText):
    """A web address, or a table of `url` and `style`. What is wrong never quotes the address."""

    def read(self, value: object, place: Place) -> PingTarget:
        """Return the target, with what env: or file: stands for looked up."""
        table = value if isinstance(value, Mapping) else {"url": value}
        if unknown := sorted(set(table) - {"url", "style"}):
            raise ValueError(f"has no {unknown[0]}: it has url and style")
        if "url" not in table:
            raise ValueError("has no url")
        style = table.get("style", "plain")
        if style not in PING_STYLES:
            raise ValueError(f"has no style like that: style is one of {', '.join(PING_STYLES)}")
        return PingTarget(HttpUrl().read(table["url"], place), str(style))


class Zone(AsText):
    """A time zone of the IANA database; an empty text stands for the zone of the system."""

    def read(self, value: object, place: Place) -> str:
        """Return the name of a zone that exists."""
        name = one_line(value)
        if not name:
            return _system_zone()
        from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"is not a time zone{did_you_mean(name, _all_zones())}") from None
        return name


def _system_zone() -> str:
    from taskrunner.zones import system_timezone

    return system_timezone()


def _all_zones() -> set[str]:
    from zoneinfo import available_timezones

    return available_timezones()


COMPLETED = (FilePath, FilePaths, Database, Zone)
"""The kinds of which a default is not the value itself: where it lies depends on the place."""


class Command:
    """A program and its arguments; in an environment variable a JSON array, or words as in a shell."""

    def read(self, value: object, place: Place) -> tuple[str, ...]:
        """Return the words, none if there is no command."""
        words = tuple(texts(value))
        if words and not words[0]:
            raise ValueError("names no program")
        return words

    def parse(self, text: str) -> object:
        """Return the list of words."""
        import json
        import shlex

        with suppress(ValueError):
            return json.loads(text) if text.lstrip().startswith("[") else shlex.split(text)
        return text


class CallableName(AsText):
    """A callable of an importable module, as "package.module:name"; nothing is imported here."""

    def read(self, value: object, place: Place) -> str:
        """Return the text, which has the right shape."""
        text = one_line(value)
        module, colon, name = text.partition(":")
        if not (colon and all(word.isidentifier() for word in (*module.split("."), *name.split(".")))):
            raise ValueError('is not of the form "package.module:name"')
        return text


class CallableNames:
    """Several of them; in an environment variable with blanks or commas between."""

    def read(self, value: object, place: Place) -> tuple[str, ...]:
        """Return the texts, which have the right shape."""
        return tuple(CallableName().read(name, place) for name in texts(value))

    def parse(self, text: str) -> object:
        """Return the list of names."""
        return text.replace(",", " ").split()


HOST_NAME = r"[a-z0-9]([a-z0-9.-]{0,252}[a-z0-9])?|\[[0-9a-f:.]{2,45}\]"


class HostNames:
    """Names or addresses, without ports; in an environment variable with blanks or commas between."""

    def read(self, value: object, place: Place) -> tuple[str, ...]:
        """Return the names in small letters."""
        names = tuple(name.lower() for name in texts(value))
        if wrong := [name for name in names if not re.fullmatch(HOST_NAME, name)]:
            raise ValueError(f"has {wrong[0]!r}, which is not the name of a host, such as admin.example.org")
        return names

    def parse(self, text: str) -> object:
        """Return the list of names."""
        return text.replace(",", " ").split()


DISTRIBUTION = r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?(:[A-Za-z_][A-Za-z0-9_]*)?"


class Distributions:
    """Names of installed distributions, each with all its plugins or, behind a colon, with one of them.

    In an environment variable they stand with blanks or commas between.
    """

    def read(self, value: object, place: Place) -> tuple[str, ...]:
        """Return the names."""
        for name in texts(value):
            if not re.fullmatch(DISTRIBUTION, name):
                raise ValueError(f'has {name!r}, which is not of the form "dist-name" or "dist-name:plugin"')
        return tuple(texts(value))

    def parse(self, text: str) -> object:
        """Return the list of names."""
        return text.replace(",", " ").split()


VARIABLE = r"[A-Za-z_][A-Za-z0-9_]*"
OWN_PREFIX = "TASKRUN_"


class Variables:
    """Environment variables: a table of names and texts; in an environment variable JSON."""

    def read(self, value: object, place: Place) -> Mapping[str, str]:
        """Return the table. Raises ValueError for another value, and for what is a setting of its own."""
        if not isinstance(value, Mapping):
            raise ValueError('is not a table of texts, such as { LANG = "C.UTF-8" }')
        for name, text in value.items():
            if not isinstance(name, str) or not re.fullmatch(VARIABLE, name):
                raise ValueError(f"has {name!r}, which cannot be the name of a variable")
            if name.startswith(OWN_PREFIX):
                raise ValueError(f"has {name}, which is a setting of taskrun: write the setting itself")
            if not isinstance(text, str):
                raise ValueError(f"has {name}, which is not a text in quotes")
            if "\0" in text:
                raise ValueError(f"has {name}, which holds a NUL character")
        return dict(value)

    def parse(self, text: str) -> object:
        """Return the table that JSON writes, or else the text."""
        import json

        with suppress(ValueError):
            return json.loads(text)
        return text


CODES = "aAbBdGHIjmMpSuUVwWyY%"
LONGEST = 200
NOT_UNDERSTOOD = rf"%(?![{CODES}]).?|\{{(?!(?:pid|host)\}}).*|(?<!\{{pid)(?<!\{{host)\}}"


class LogFilePattern(AsText):
    """The path of a log file below log_dir, with codes of strftime, {pid} and {host}.

    {pid} must be there: two processes that start in one minute would write into one file.
    """

    def read(self, value: object, place: Place) -> str:
        """Return the pattern."""
        pattern = one_line(value)
        _check_path(pattern)
        if unknown := re.search(NOT_UNDERSTOOD, pattern.replace("%%", "_")):
            codes = " ".join(f"%{code}" for code in CODES)
            raise ValueError(f"has '{unknown[0]}', which is not understood; write {{pid}} {{host}} {codes}")
        if "{pid}" not in pattern:
            raise ValueError("has no {pid}; two processes would write into one file")
        return pattern


def _check_path(pattern: str) -> None:
    if len(pattern) > LONGEST:
        raise ValueError(f"is too long; at most {LONGEST} characters")
    if pattern.startswith(("/", "~")):
        raise ValueError("is not relative; it starts in log_dir")
    if any(part in ("", ".", "..") for part in pattern.split("/")):
        raise ValueError("has a part of the path that is empty, '.' or '..'")
