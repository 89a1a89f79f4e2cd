"""Suggestions: the known word nearest to a mistyped one."""

from __future__ import annotations

TYPE_CHECKING = False
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
