"""Plugins: found on disk, read for what they declare, and loaded one task class at a time."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from taskrunner.plugins.declaration import Declaration, Plugin
    from taskrunner.plugins.importer import load_task
    from taskrunner.plugins.registry import Registry, load_registry

__all__ = ["Declaration", "Plugin", "Registry", "load_registry", "load_task"]

_HOMES = {
    "Declaration": "declaration",
    "Plugin": "declaration",
    "Registry": "registry",
    "load_registry": "registry",
    "load_task": "importer",
}
"""Imported when asked for: an idle minute looks at the plugins' files only."""


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
