"""The run this process is in: at most one, as there is one stdout; all threads of a task share it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from taskrunner.config import Config
    from taskrunner.store import Store


class RunUnderWay(Protocol):
    """What parts of taskrunner that a task calls need of its run; the runner provides it.

    `clears_caches`: the task wants its process to end with it.
    """

    clears_caches: bool

    @property
    def config(self) -> Config:
        """The configuration the run is under."""

    def open_store(self) -> Store:
        """Return the store for what a task does with taskrunner itself."""


class Current:
    """Holds the run under way."""

    run: RunUnderWay | None = None


CURRENT = Current()


def current_run() -> RunUnderWay:
    """Return the run under way. Raises RuntimeError outside of a run."""
    if CURRENT.run is None:
        raise RuntimeError("no task is running in this process")
    return CURRENT.run
