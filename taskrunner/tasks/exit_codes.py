"""What an exit code says, in words."""

from __future__ import annotations

import signal

OF_SHELLS = {126: "the command cannot be executed", 127: "command not found"}
"""What a shell means by them (POSIX, Shell & Utilities 2.8.2)."""


def describe(code: int, *, by_shell: bool) -> str:
    """Return how a command ended; negative: by that signal. A shell hides in its own code how another did.

    >>> [describe(code, by_shell=True) for code in (3, 127, 137, -15)]
    ['exit code 3', 'exit code 127: command not found', 'exit code 137: SIGKILL', 'ended by SIGTERM']
    """
    if code < 0:
        return f"ended by {_name(-code) or f'signal {-code}'}"
    meaning = (OF_SHELLS.get(code) or _name(code - 128)) if by_shell else None
    return f"exit code {code}: {meaning}" if meaning else f"exit code {code}"


def _name(number: int) -> str | None:
    try:
        return signal.Signals(number).name
    except ValueError:
        return None
