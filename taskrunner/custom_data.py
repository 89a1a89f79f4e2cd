"""The custom data of an adhoc task: JSON that both databases keep as it is."""

from __future__ import annotations

import json
from typing import Any

from taskrunner.errors import CustomDataError

LARGEST = 1024 * 1024
"""Bytes of the JSON text."""

DEEPEST = 100
"""Levels of lists and objects."""

WRITE = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
WRITE_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode

LISTS = (list, tuple)  # not made anew for each value, as `list | tuple` would be
NUMBERS = (int, float)

HINT = "custom data is plain JSON: objects, lists, text, numbers, true, false, null"


def encode(custom_data: Any) -> str:
    """Return custom data as JSON text, its keys in their order. Raises CustomDataError.

    >>> encode({"course": 7, "users": ["ann"]})
    '{"course":7,"users":["ann"]}'
    """
    _check(custom_data, 1)
    try:
        text = WRITE(custom_data)
    except ValueError as error:  # a number of more digits than Python writes
        raise CustomDataError(f"custom data: {error}", hint=HINT) from error
    if len(text.encode()) > LARGEST:
        raise CustomDataError(f"custom data is {len(text.encode())} bytes long; at most {LARGEST} are kept")
    return text


def read(text: str) -> Any:
    """Return what the JSON text of a queued task means: its row may have been written by hand.

    Raises CustomDataError.
    """
    try:
        custom_data = READ(text)
    except ValueError as error:
        raise CustomDataError(f"custom data is not JSON: {error}", hint=HINT) from error
    except RecursionError:
        raise CustomDataError(f"custom data is deeper than {DEEPEST} levels") from None
    _check(custom_data, 1)
    return custom_data


def decode(text: str) -> Any:
    """Return what JSON text from outside means, checked as `encode` does. Raises CustomDataError."""
    if len(text) > LARGEST:
        raise CustomDataError(f"custom data is {len(text)} characters long; at most {LARGEST} bytes are kept")
    custom_data = read(text)
    encode(custom_data)
    return custom_data


def dedupe_key(name: str, user: str | None, custom_data: Any) -> str:
    """Return the hash of name, user and data, whatever the order of keys: equal for tasks that are the same.

    >>> dedupe_key("a.B", None, {"x": 1, "y": 2}) == dedupe_key("a.B", None, {"y": 2, "x": 1})
    True
    >>> dedupe_key("a.B", None, 1) == dedupe_key("a.B", "1", 1)
    False
    """
    import hashlib  # late: it loads OpenSSL

    canonical = WRITE_CANONICAL([name, user, custom_data])
    return hashlib.sha256(canonical.encode()).hexdigest()


def _check(value: Any, depth: int) -> None:
    if depth > DEEPEST and isinstance(value, dict | list | tuple):
        raise CustomDataError(f"custom data is deeper than {DEEPEST} levels")
    if isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise CustomDataError(f"custom data has the key {key!r}, which is not a text", hint=HINT)
            check_text(key)
            _check(inner, depth + 1)
    elif isinstance(value, LISTS):
        for inner in value:
            _check(inner, depth + 1)
    else:
        _check_plain(value)


def _check_plain(value: Any) -> None:
    if isinstance(value, str):
        check_text(value)
    elif isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        raise CustomDataError(f"custom data has {value!r}, which JSON does not know", hint=HINT)
    elif value is not None and not isinstance(value, NUMBERS):
        raise CustomDataError(
            f"custom data has a {type(value).__name__}, which JSON does not know", hint=HINT
        )


def check_text(text: str, *, what: str = "custom data") -> None:
    """Raise CustomDataError for text that a database would not keep as it is."""
    if "\0" in text:
        raise CustomDataError(f"{what} has a NUL character, which a database cannot keep")
    if text.isascii():
        return
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise CustomDataError(f"{what} has half a character: {text[error.start]!r}") from None


def _refuse_constant(name: str) -> None:
    raise CustomDataError(f"custom data has {name}, which JSON does not know", hint=HINT)


READ = json.JSONDecoder(parse_constant=_refuse_constant).decode
