"""The kinds of values that name code to run: a program, a callable."""

from contextlib import suppress
from dataclasses import dataclass

from taskrunner.config.kinds import one_line, texts
from taskrunner.config.place import Place


@dataclass(frozen=True, slots=True)
class Command:
    """A program and its arguments; in an environment variable a JSON array, or words as in a shell."""

    def read(self, value: object, place: Place) -> tuple[str, ...]:
        """Return the words; no words: no command."""
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


@dataclass(frozen=True, slots=True)
class CallableName:
    """A callable of an importable module, as "package.module:name"; nothing is imported here."""

    def read(self, value: object, place: Place) -> str:
        """Return the text, which has the right shape."""
        text = one_line(value)
        module, colon, name = text.partition(":")
        if not (colon and all(word.isidentifier() for word in (*module.split("."), *name.split(".")))):
            raise ValueError('is not of the form "package.module:name"')
        return text

    def parse(self, text: str) -> object:
        """Return the text."""
        return text
