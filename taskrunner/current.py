"""The run this process is in: at most one, as there is one stdout; all threads of a task share it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from taskrunner.runner.context import Context


class Current:
    """Holds the context of the run under way."""

    run: Context | None = None


CURRENT = Current()


def current_run() -> Context:
    """Return the context of the run under way. Raises RuntimeError outside of a run."""
    if CURRENT.run is None:
        raise RuntimeError("no task is running in this process")
    return CURRENT.run
