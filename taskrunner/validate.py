"""Checks of declared values: settings of the configuration and of plugins, attributes of task classes.

For a mistyped word the nearest known one is suggested.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from reprlib import repr as short_repr
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_origin, get_type_hints

from taskrunner.errors import ConfigError
from taskrunner.named_tuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable


def nearest(word: str, known: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """Return the known word nearest to `word`, in upper or lower case, or None if none is near.

    `cutoff` is how near it has to be, from 0 to 1, as `difflib` counts it.

    >>> nearest("europe/paris", ["Europe/Paris", "Europe/Rome"])
    'Europe/Paris'
    """
    from difflib import get_close_matches

    folded = {name.casefold(): name for name in sorted(known)}
    near = get_close_matches(word.casefold(), folded, n=1, cutoff=cutoff)
    return folded[near[0]] if near else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return "; did you mean 'X'?" for the known word nearest to `word`, or "" if none is near.

    >>> did_you_mean("keepalive", ["stdout", "keep_alive"])
    "; did you mean 'keep_alive'?"
    >>> did_you_mean("colour", ["stdout", "keep_alive"])
    ''
    """
    near = nearest(word, known)
    return f"; did you mean '{near}'?" if near else ""


T = TypeVar("T")

TRUTHS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


class AsText:
    """What an environment variable holds is the value itself: nothing has to be read from its text."""

    __slots__ = ()

    def parse(self, text: str) -> object:
        """Return the text."""
        return text


class Whole(NamedTuple):
    """A whole number from `least` to `most`, each None for no bound."""

    least: int | None = None
    most: int | None = None

    def read(self, value: object, _place: object = None) -> int:
        """Return the number. Raises ValueError for anything else, also for true and false."""
        if type(value) is not int:
            raise ValueError("is not a whole number")
        check_bounds(value, self.least, self.most)
        return value

    def parse(self, text: str) -> object:
        """Return the number that the text writes, or else the text."""
        with suppress(ValueError):
            return int(text)
        return text


class Number(NamedTuple):
    """A number, perhaps with a fraction, from `least` to `most`."""

    least: float
    most: float

    def read(self, value: object, _place: object = None) -> float:
        """Return the number. Raises ValueError for anything else, also for true, false and nan."""
        if not isinstance(value, int | float) or isinstance(value, bool) or value != value:
            raise ValueError("is not a number")
        check_bounds(value, self.least, self.most)
        return value

    def parse(self, text: str) -> object:
        """Return the number that the text writes, whole where it can be, or else the text."""
        for read in (int, float):
            with suppress(ValueError):
                return read(text)
        return text


class Truth:
    """true or false; in an environment variable also 1, 0, yes and no."""

    def read(self, value: object, _place: object = None) -> bool:
        """Return the value. Raises ValueError for anything else, also for a number."""
        if not isinstance(value, bool):
            raise ValueError("is not true or false")
        return value

    def parse(self, text: str) -> object:
        """Return what the text writes, in upper or lower case, or else the text."""
        return TRUTHS.get(text.lower(), text)


class Choice(AsText):
    """One of a few words."""

    def __init__(self, words: tuple[str, ...]) -> None:
        self.words = words

    def read(self, value: object, _place: object = None) -> str:
        """Return the word. Raises ValueError for anything else."""
        if not isinstance(value, str) or value not in self.words:
            right = " | ".join(self.words)
            raise ValueError(f"is not one of {right}{did_you_mean(str(value), self.words)}")
        return value


class Text(AsText):
    """A text of `least` to `most` characters, on one line."""

    def __init__(self, most: int, least: int = 1) -> None:
        self.most = most
        self.least = least

    def read(self, value: object, _place: object = None) -> str:
        """Return the text. Raises ValueError for anything else."""
        text = one_line(value)
        if len(text) < self.least:
            raise ValueError("is empty")
        if len(text) > self.most:
            raise ValueError(f"is too long; at most {self.most} characters")
        return text


def check_bounds(value: float, least: float | None, most: float | None) -> None:
    """Raise ValueError unless the value lies between the bounds, or on one."""
    if least is not None and value < least:
        raise ValueError(f"is too small; at least {least}")
    if most is not None and value > most:
        raise ValueError(f"is too large; at most {most}")


def any_text(value: object) -> str:
    """Return a text as it is. Raises ValueError for anything else."""
    if not isinstance(value, str):
        raise ValueError("is not a text in quotes")
    return value


def one_line(value: object) -> str:
    """Return a text without control characters. Raises ValueError for anything else."""
    text = any_text(value)
    if any(character < " " and character != "\t" for character in text):
        raise ValueError("holds a control character")
    return text


def all_texts(value: object) -> Sequence[str]:
    """Return a list of texts as it is. Raises ValueError for anything else."""
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise ValueError("is not a list of texts")
    return value


def texts(value: object) -> Iterator[str]:
    """Yield the texts of a list, each on one line. Raises ValueError for anything else."""
    yield from map(one_line, all_texts(value))


Read = Callable[[object], object]
"""A check: it returns the value, or raises ValueError with what is wrong with it."""

Fits = Callable[[Any], bool]
Rules = Mapping[str, tuple[Fits, str]]
"""Attribute -> whether a value fits, and in words what does: "a whole number from 1 on"."""


def passes(read: Read, *, or_none: bool = False) -> Fits:
    """Return a function that tells whether a value passes a check, or is None where that is allowed too."""

    def fits(value: object) -> bool:
        if value is None:
            return or_none
        with suppress(ValueError):
            read(value)
            return True
        return False

    return fits


def misfits(owner: object, rules: Rules) -> Iterator[str]:
    """Yield a line for each attribute that does not fit: "attempts must be a whole number, not None"."""
    for attribute, (fits, wanted) in rules.items():
        value = getattr(owner, attribute)
        if not fits(value):
            yield f"{attribute} must be {wanted}, not {short_repr(value)}"


class Table(NamedTuple):
    """The table of the configuration file that a plugin's settings stand in, and where its paths start."""

    name: str
    folder: Path

    def refuse(self, key: str, problem: object) -> ConfigError:
        """Return the error for a setting."""
        return ConfigError(f"[{self.name}] {key} {problem}")


def read_settings(declared: type[T], given: Mapping[str, object], table: Table) -> T:
    """Return the settings of a plugin as the dataclass `declared`; what is not given has its default.

    A field's type is bool, int, float, str, Path, another dataclass, or tuple[TYPE, ...] of one of them. What
    is wrong with values together, the class says in `__post_init__` by a ValueError. Raises ConfigError.
    """
    from dataclasses import MISSING, fields  # late: few plugins have settings that are declared

    types = get_type_hints(declared)
    for key in given:
        if key not in types:
            raise table.refuse(key, f"is unknown; there are {', '.join(types)}")
    values = {key: _setting(types[key], value, key, table) for key, value in given.items()}
    for item in fields(declared):  # type: ignore[arg-type]
        if item.name not in values and item.default is MISSING and item.default_factory is MISSING:
            raise table.refuse(item.name, "is not set")
    try:
        return declared(**values)
    except ValueError as error:
        raise ConfigError(f"[{table.name}] {error}") from error


def _setting(wanted: Any, value: object, key: str, table: Table) -> object:
    if get_origin(wanted) is tuple:
        if not isinstance(value, list):
            raise table.refuse(key, "is not a list")
        return tuple(_setting(get_args(wanted)[0], item, key, table) for item in value)
    if hasattr(wanted, "__dataclass_fields__"):
        if not isinstance(value, Mapping):
            raise table.refuse(key, "is not a table")
        inner = Table(f"{table.name}.{key}", table.folder)
        return read_settings(wanted, value, inner)
    try:
        return table.folder / _path(value) if wanted is Path else PLAIN[wanted](value)
    except ValueError as error:
        raise table.refuse(key, error) from error


def _path(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("is not a path")
    return value


def _fraction(value: object) -> float:
    if type(value) not in (int, float):
        raise ValueError("is not a number")
    return float(value)  # type: ignore[arg-type]


PLAIN: Mapping[type, Read] = {bool: Truth().read, int: Whole().read, float: _fraction, str: any_text}
"""The types that a plugin's settings may have, besides paths, with how each is checked."""
