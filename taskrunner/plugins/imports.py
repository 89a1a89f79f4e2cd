"""Which modules import which: for what is to be read again when a module has changed.

A module of its own because it is imported late, in the child process that reads plugins.
"""

from __future__ import annotations

import builtins
from collections import defaultdict
from contextlib import contextmanager
from importlib.util import resolve_name
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


class ImportGraph:
    """Notes each import statement that runs inside `noted`."""

    def __init__(self) -> None:
        self._imported: defaultdict[str, set[str]] = defaultdict(set)

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Note what is imported inside the block."""
        plain = builtins.__import__

        def noting(
            name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0
        ) -> Any:
            module = plain(name, globals, locals, fromlist, level)
            self._note(name, globals or {}, fromlist or (), level)
            return module

        builtins.__import__ = noting
        try:
            yield
        finally:
            builtins.__import__ = plain

    def reached_from(self, name: str) -> set[str]:
        """Return the modules, and packages they lie in, that a module and what lies below it has imported."""
        found: set[str] = set()
        waiting = {one for one in self._imported if f"{one}.".startswith(f"{name}.")}
        while waiting:
            found |= waiting
            waiting = {one for known in waiting for one in self._imported.get(known, ())} - found
        return found | {parent for one in found for parent in _parents(one)}

    def _note(self, name: str, scope: dict[str, Any], names: tuple[str, ...], level: int) -> None:
        full = resolve_name("." * level + name, scope.get("__package__") or "") if level else name
        self._imported[str(scope.get("__name__"))] |= {full, *(f"{full}.{one}" for one in names)}


def _parents(name: str) -> Iterator[str]:
    while name := name.rpartition(".")[0]:
        yield name
