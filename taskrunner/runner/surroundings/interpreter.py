"""What Python keeps for a process: its streams, its hooks, its settings."""

from __future__ import annotations

import gc
import io
import sys
import threading
import warnings
from typing import Any

from taskrunner.runner.surroundings.thing import Thing

KINDS_OF_HOOKS = ("excepthook", "unraisablehook", "displayhook", "breakpointhook")
SETTINGS_OF_DECIMAL = ("prec", "rounding", "Emin", "Emax", "capitals", "clamp")
NAMES_OF_STREAMS = ("stdin", "stdout", "stderr")


def _closed_streams() -> list[bool]:
    return [getattr(getattr(sys, name), "closed", True) for name in NAMES_OF_STREAMS]


def _open_streams(closed: list[bool]) -> None:
    for number, (name, was_closed) in enumerate(zip(NAMES_OF_STREAMS, closed, strict=True)):
        if not was_closed and getattr(getattr(sys, name), "closed", True):
            raw = io.FileIO(number, "r" if number == 0 else "w", closefd=False)
            setattr(sys, name, io.TextIOWrapper(raw, "utf-8", "backslashreplace", write_through=number > 0))


def _lists() -> tuple[list[str], list[str]]:
    return list(sys.argv), list(sys.path)


def _set_lists(lists: tuple[list[str], list[str]]) -> None:
    sys.argv[:], sys.path[:] = lists


def _hooks() -> list[Any]:
    hooks = [getattr(sys, name, None) for name in KINDS_OF_HOOKS]
    return [*hooks, threading.excepthook, sys.gettrace(), sys.getprofile()]


def _set_hooks(hooks: list[Any]) -> None:
    *of_sys, threading.excepthook, trace, profile = hooks
    for name, hook in zip(KINDS_OF_HOOKS, of_sys, strict=True):
        setattr(sys, name, hook)
    sys.settrace(trace)
    sys.setprofile(profile)


def _interpreter() -> tuple[Any, ...]:
    return sys.getrecursionlimit(), sys.getswitchinterval(), gc.isenabled(), gc.get_threshold()


def _set_interpreter(settings: tuple[Any, ...]) -> None:
    depth, interval, collecting, threshold = settings
    sys.setrecursionlimit(depth)
    sys.setswitchinterval(interval)
    (gc.enable if collecting else gc.disable)()
    gc.set_threshold(*threshold)


def _warnings() -> list[Any]:
    return list(warnings.filters)


def _set_warnings(filters: list[Any]) -> None:
    warnings.resetwarnings()
    warnings.filters.extend(filters)  # type: ignore[attr-defined]


def _socket_timeout() -> float | None:
    socket = sys.modules.get("socket")
    return socket.getdefaulttimeout() if socket else None


def _set_socket_timeout(seconds: float | None) -> None:
    sys.modules["socket"].setdefaulttimeout(seconds)


def _decimal() -> dict[str, Any] | None:
    """Return the settings of the context, None for those it has when it is imported, perhaps by a task."""
    decimal = sys.modules.get("decimal")
    if decimal is None:
        return None
    settings = _settings_of(decimal.getcontext())
    return None if settings == _settings_of(decimal.DefaultContext) else settings


def _settings_of(context: Any) -> dict[str, Any]:
    settings = {name: getattr(context, name) for name in SETTINGS_OF_DECIMAL}
    return settings | {"traps": [signal for signal, is_set in context.traps.items() if is_set]}


def _set_decimal(settings: dict[str, Any] | None) -> None:
    decimal = sys.modules["decimal"]
    decimal.setcontext(decimal.Context(**(settings or {}), flags=[]))


def _broken_handlers() -> list[Any]:
    """Return the handlers of the root logger that would write to a stream that a task has closed."""
    logging = sys.modules.get("logging")
    return [handler for handler in logging.root.handlers if _is_broken(handler)] if logging else []


def _is_broken(handler: object) -> bool:
    return bool(getattr(getattr(handler, "stream", None), "closed", False))


def _remove_broken_handlers(_none: object) -> None:
    for handler in _broken_handlers():
        sys.modules["logging"].root.removeHandler(handler)


STREAMS = Thing("a closed stream", _closed_streams, _open_streams)
LISTS = Thing("sys.argv or sys.path", _lists, _set_lists, imported=True)
HOOKS = Thing("the hooks of sys", _hooks, _set_hooks, imported=True)
INTERPRETER = Thing("the settings of sys and gc", _interpreter, _set_interpreter, imported=True)
WARNINGS = Thing("the filters of warnings", _warnings, _set_warnings, imported=True)
SOCKETS = Thing("the timeout of sockets", _socket_timeout, _set_socket_timeout, imported=True)
DECIMAL = Thing("the context of decimal", _decimal, _set_decimal, imported=True)
LOGGING = Thing("a closed stream of logging", _broken_handlers, _remove_broken_handlers)
