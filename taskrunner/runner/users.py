"""Running an adhoc task as the user it was queued for."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from typing import Any

from taskrunner.errors import ConfigError


def acting_as(resolver: str | None, user: str | None) -> AbstractContextManager[Any]:
    """Return what is to be entered around a run: what the `[users] resolver` makes of the user.

    Nothing for a task without a user, or where no resolver is configured. Raises ConfigError when the
    resolver cannot be found; what it raises itself, UnknownUserError above all, passes through.
    """
    if user is None or resolver is None:
        return nullcontext()
    manager: AbstractContextManager[Any] = _find(resolver)(user)
    return manager


def _find(resolver: str) -> Any:
    module, _, name = resolver.partition(":")
    try:
        return getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"[users] resolver = {resolver!r} cannot be found: {error}") from error
