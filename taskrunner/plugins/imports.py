"""Which modules are imported, and by which: for what is to be read again when a module has changed."""

from __future__ import annotations

import builtins
import os
import sys
from collections import defaultdict
from contextlib import contextmanager
from importlib.util import resolve_name
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from taskrunner.plugins.importer import NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import ModuleType


class Modules:
    """The modules of this process by their folders. Each is looked at once, in the parent of all children.

    To look at what a child shares with its parent is to copy it, and large programs have thousands.
    """

    def __init__(self) -> None:
        self._by_folder: defaultdict[str, dict[str, str]] = defaultdict(dict)
        self._last: ModuleType | None = None

    def below(self, roots: Sequence[str]) -> Iterator[tuple[str, str]]:
        """Yield the name and the file of each module below some folders."""
        self.note()
        starts = tuple(os.path.join(root, "") for root in roots)
        for folder, files in self._by_folder.items():
            if os.path.join(folder, "").startswith(starts):
                yield from ((name, file) for name, file in files.items() if name in sys.modules)

    def note(self) -> None:
        """Look at the modules that have come."""
        new = self._new()
        for name, module in new:
            file = str(getattr(module, "__file__", None) or "")
            self._by_folder[os.path.dirname(file)][name] = file
        self._last = next((module for name, module in new if not name.startswith(NAMESPACE)), self._last)

    def _new(self) -> list[tuple[str, ModuleType]]:
        """Return what has come, the newest first: all there is where the last one is gone, or made anew."""
        while True:
            try:
                return list(takewhile(lambda item: item[1] is not self._last, reversed(sys.modules.items())))
            except RuntimeError:  # another thread has imported something meanwhile
                continue


MODULES = Modules()


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
