"""Plugins of installed distributions: found by the names that the configuration gives, never by themselves.

Imported late: few sites name any. What was found is remembered until something is installed or removed.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from importlib.machinery import ModuleSpec
    from importlib.metadata import EntryPoint

INSTALLED = "[plugins] installed"
FIELDS, PLACES = "\t", "\x1f"
"""What stands between name, path and fault of an installed plugin, and between two of them."""

GROUP = "taskrunner.plugins"
"""The group of entry points. Each names a plugin, and the module or package that is its code."""


def find_installed(named: Sequence[str]) -> str:
    """Return the plugins of distributions, and what is wrong with a name, as `find_sources` takes them.

    A name is that of a distribution, with all its plugins, or "distribution:plugin". No module is imported.
    """
    places = (place for name in named for place in _places(name))
    return PLACES.join(FIELDS.join(place) for place in dict.fromkeys(places))


def places_in(installed: str) -> Iterator[list[str]]:
    """Yield name, path and fault of each plugin that `find_installed` has found; a wrong name has a fault."""
    return (place.split(FIELDS) for place in installed.split(PLACES) if place)


def _places(named: str) -> Iterator[tuple[str, str, str]]:
    """Yield name, path and what is wrong, "" if nothing is, of each plugin that a name stands for."""
    from importlib.metadata import Distribution, PackageNotFoundError  # late: an idle minute does without

    name, _, wanted = named.partition(":")
    try:
        found = [one for one in Distribution.from_name(name).entry_points if one.group == GROUP]
    except (PackageNotFoundError, ValueError):
        yield "", INSTALLED, f"{name} is not installed for {sys.executable}"
        return
    chosen = [one for one in found if wanted in ("", one.name)]
    if not chosen:
        has = ", ".join(sorted(one.name for one in found)) or "none"
        plugin = f" {wanted}" if wanted else ""
        yield "", INSTALLED, f"{name} brings no plugin{plugin} along; it has: {has}"
    for one in chosen:
        yield _place(named, one)


def _place(named: str, entry: EntryPoint) -> tuple[str, str, str]:
    path = "" if entry.attr else path_of_module(entry.module)
    if not entry.name.isidentifier():
        return "", INSTALLED, f"{named}: {entry.name!r} is not a Python identifier, so it cannot be a plugin"
    if not path:
        return "", INSTALLED, f"{named}: {entry.value!r} names no module or package of Python source"
    if any(mark in path for mark in (FIELDS, PLACES, "\n")):
        return "", INSTALLED, f"{named}: its path {path!r} cannot be kept"
    return entry.name, path, ""


class FoundFile:
    """A file whose path is known, with what `os.DirEntry` tells of one that was found in a folder."""

    __slots__ = ("name", "path")

    def __init__(self, path: str) -> None:
        self.path = path
        self.name = os.path.basename(path)

    def stat(self) -> os.stat_result:
        """Return the status of the file, or of what a link leads to. Raises OSError."""
        return os.stat(self.path)

    def is_symlink(self) -> bool:
        """Return whether it is a link."""
        return os.path.islink(self.path)


def path_of_module(name: str) -> str:
    """Return the file of a module or the folder of a package, "" without source; nothing is imported."""
    folders: Sequence[str] | None = None
    spec: ModuleSpec | None = None
    parts = name.split(".")
    for depth in range(1, len(parts) + 1):
        spec = _find_spec(".".join(parts[:depth]), folders)
        if spec is None:
            return ""
        folders = spec.submodule_search_locations and list(spec.submodule_search_locations)
    origin = os.path.abspath(spec.origin) if spec and spec.origin and spec.has_location else ""
    if not origin.endswith(".py"):
        return ""
    return os.path.dirname(origin) if folders else origin


def _find_spec(name: str, folders: Sequence[str] | None) -> ModuleSpec | None:
    finders = (finder for finder in sys.meta_path if hasattr(finder, "find_spec"))
    specs = (finder.find_spec(name, folders, None) for finder in finders)
    return next((spec for spec in specs if spec is not None), None)
