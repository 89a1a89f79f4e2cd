"""Finding plugins, learning what they declare, loading one task class."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from taskrunner.plugins.registry import Registry, load_registry

if TYPE_CHECKING:
    from taskrunner.plugins.declaration import Declaration, Finding, Plugin
    from taskrunner.plugins.loading import load_task

__all__ = ["Declaration", "Finding", "Plugin", "Registry", "load_registry", "load_task"]

# An idle minute needs none of these; dataclasses alone would double its time.
_LAZY = {
    "Declaration": "declaration",
    "Finding": "declaration",
    "Plugin": "declaration",
    "load_task": "loading",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
