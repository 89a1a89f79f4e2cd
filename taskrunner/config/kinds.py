"""The kinds of values a setting may have: numbers, truths, choices, texts."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol, TypeVar

from taskrunner.config.nearest import did_you_mean
from taskrunner.config.place import Place

T_co = TypeVar("T_co", covariant=True)
TRUTHS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


class Kind(Protocol[T_co]):
    """A kind of value: which values fit, and how they are written in an environment variable."""

    def read(self, value: object, place: Place) -> T_co:
        """Return the value that TOML gave, checked and complete.

        Raises `ValueError` with what is wrong, to be read after the value: "is too large; at most 900".
        """
        ...

    def parse(self, text: str) -> object:
        """Return what an environment variable's text would be in TOML; at worst the text itself."""
        ...


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number from `least` to `most`."""

    least: int
    most: int

    def read(self, value: object, place: Place) -> int:
        """Return the number; true and false are none."""
        if type(value) is not int:
            raise ValueError("is not a whole number")
        check_bounds(value, self.least, self.most)
        return value

    def parse(self, text: str) -> object:
        """Return the number that the text writes."""
        with suppress(ValueError):
            return int(text)
        return text


@dataclass(frozen=True, slots=True)
class Number:
    """A number, perhaps with a fraction, from `least` to `most`."""

    least: float
    most: float

    def read(self, value: object, place: Place) -> float:
        """Return the number; true, false and nan are none."""
        if not isinstance(value, int | float) or isinstance(value, bool) or value != value:
            raise ValueError("is not a number")
        check_bounds(value, self.least, self.most)
        return value

    def parse(self, text: str) -> object:
        """Return the number that the text writes, whole where it can be."""
        for read in (int, float):
            with suppress(ValueError):
                return read(text)
        return text


@dataclass(frozen=True, slots=True)
class Truth:
    """true or false; in an environment variable also 1, 0, yes and no."""

    def read(self, value: object, place: Place) -> bool:
        """Return the truth; a number is none."""
        if not isinstance(value, bool):
            raise ValueError("is not true or false")
        return value

    def parse(self, text: str) -> object:
        """Return the truth that the text writes, in any case."""
        return TRUTHS.get(text.lower(), text)


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words."""

    words: tuple[str, ...]

    def read(self, value: object, place: Place) -> str:
        """Return the word."""
        if not isinstance(value, str) or value not in self.words:
            right = " | ".join(self.words)
            raise ValueError(f"is not one of {right}{did_you_mean(str(value), self.words)}")
        return value

    def parse(self, text: str) -> object:
        """Return the text."""
        return text


@dataclass(frozen=True, slots=True)
class Text:
    """A text of `least` to `most` characters, on one line."""

    most: int
    least: int = 1

    def read(self, value: object, place: Place) -> str:
        """Return the text."""
        text = one_line(value)
        if len(text) < self.least:
            raise ValueError("is empty")
        if len(text) > self.most:
            raise ValueError(f"is too long; at most {self.most} characters")
        return text

    def parse(self, text: str) -> object:
        """Return the text."""
        return text


def check_bounds(value: float, least: float, most: float) -> None:
    """Raise `ValueError` unless the value lies between the bounds, or on one."""
    if value < least:
        raise ValueError(f"is too small; at least {least}")
    if value > most:
        raise ValueError(f"is too large; at most {most}")


def one_line(value: object) -> str:
    """Return a text without control characters; `ValueError` for anything else."""
    if not isinstance(value, str):
        raise ValueError("is not a text in quotes")
    if any(character < " " and character != "\t" for character in value):
        raise ValueError("holds a control character")
    return value


def texts(value: object) -> Iterator[str]:
    """Yield the texts of a list; `ValueError` if it is no list, or not of texts."""
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise ValueError("is not a list of texts")
    yield from map(one_line, value)
