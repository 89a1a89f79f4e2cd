""" "Did you mean": the known word nearest to a mistyped one."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return "; did you mean 'X'?" for the known word nearest to `word`, "" if none is near.

    >>> did_you_mean("keepalive", ["stdout", "keep_alive"])
    "; did you mean 'keep_alive'?"
    >>> did_you_mean("europe/paris", ["Europe/Paris", "Europe/Rome"])
    "; did you mean 'Europe/Paris'?"
    >>> did_you_mean("colour", ["stdout", "keep_alive"])
    ''
    """
    from difflib import get_close_matches

    folded = {name.casefold(): name for name in sorted(known)}
    near = get_close_matches(word.casefold(), folded, n=1)
    return f"; did you mean '{folded[near[0]]}'?" if near else ""
