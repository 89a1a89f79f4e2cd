"""Which line of a plugin made it fail."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from taskrunner.errors import PluginError
from taskrunner.plugins.declaration import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST_TEXT = 500


def blame(error: BaseException, plugin_path: str, default_path: str) -> Finding:
    """Return what was raised and the deepest line of the plugin's own files that led there.

    Without such a line it is `default_path`, without a number.
    """
    *_, (path, line) = (default_path, 0), *_own_lines(error, plugin_path)
    return Finding(path, line, describe(error))


def describe(error: BaseException) -> str:
    """Return an exception in one line; one that cannot be turned into text is named only.

    >>> [describe(error) for error in (ValueError("no\\nyes"), KeyError(), SystemExit(3))]
    ['ValueError: no', 'KeyError', 'SystemExit: 3']
    """
    if isinstance(error, PluginError):
        return f"{error}; {error.hint}" if error.hint else str(error)
    first_line = (_text_of(error).strip().splitlines() or [""])[0][:LONGEST_TEXT]
    name = type(error).__name__
    return f"{name}: {first_line}" if first_line else name


def _own_lines(error: BaseException, plugin_path: str) -> Iterator[tuple[str, int]]:
    step = error.__traceback__
    while step:
        path = step.tb_frame.f_code.co_filename
        if _is_within(path, plugin_path):
            yield path, step.tb_lineno
        step = step.tb_next
    if isinstance(error, SyntaxError) and _is_within(error.filename or "", plugin_path):
        yield str(error.filename), error.lineno or 1


def _is_within(path: str, plugin_path: str) -> bool:
    return path == plugin_path or path.startswith(plugin_path + os.sep)


def _text_of(error: BaseException) -> str:
    if isinstance(error, SyntaxError):
        return str(error.msg)
    try:
        return str(error)
    except Exception:
        return ""
