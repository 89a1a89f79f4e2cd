"""What the attributes of a ShellTask may be."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from reprlib import repr as short_repr
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from taskrunner.tasks.shell import ShellTask

LARGEST_EXIT_CODE = 255


def problems_of(task: type[ShellTask]) -> Iterator[str]:
    """Yield in one line each what is wrong with the attributes of a class."""
    for attribute, (fits, wanted) in RULES.items():
        value = getattr(task, attribute)
        if not fits(value):
            yield f"{attribute} must be {wanted}, not {short_repr(value)}"


def _is_text(value: Any) -> bool:
    """Say whether a value is a text that a program can be given."""
    if not isinstance(value, str) or "\0" in value:
        return False
    try:
        value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return True


def _is_command(value: Any) -> bool:
    if isinstance(value, str):
        return _is_text(value) and value.strip() != ""
    return isinstance(value, list | tuple) and [*value][:1] not in ([], [""]) and all(map(_is_text, value))


def _is_program(value: Any) -> bool:
    return _is_text(value) and value != ""


def _is_folder(value: Any) -> bool:
    return value is None or (isinstance(value, str | Path) and _is_text(str(value)) and os.path.isabs(value))


def _is_environment(value: Any) -> bool:
    return isinstance(value, Mapping) and all(
        _is_text(name) and name and "=" not in name and _is_text(text) for name, text in value.items()
    )


def _is_exit_codes(value: Any) -> bool:
    return (
        isinstance(value, Collection)
        and bool(value)
        and all(type(code) is int and 0 <= code <= LARGEST_EXIT_CODE for code in value)
    )


RULES = {
    "command": (_is_command, "a text for the shell, or a list of a program and its arguments"),
    "shell": (_is_program, "the path of a program"),
    "cwd": (_is_folder, "None or the absolute path of a folder"),
    "environment": (_is_environment, "a mapping of names to texts"),
    "stdin": (_is_text, "a text"),
    "accepted_exit_codes": (_is_exit_codes, f"one or more whole numbers from 0 to {LARGEST_EXIT_CODE}"),
}
