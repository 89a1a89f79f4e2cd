"""Whether a runner is told to leave: by `taskrun stop`, a pause, cleared caches, or changed plugins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from taskrunner.runner.picking import HOLDS
from taskrunner.store.settings import DECLARED, STOP_REQUESTED_AT, of_host

if TYPE_CHECKING:
    from collections.abc import Callable

    from taskrunner.runner.presence import Identity
    from taskrunner.site import Site


@dataclass(slots=True)
class Orders:
    """Asks the database; what `ask` returns gives the answer when it is needed."""

    site: Site
    identity: Identity
    clock: Callable[[], float]
    _asked_at: float = 0.0

    def ask_now_and_then(self) -> Callable[[], bool]:
        """Ask unless that was done a moment ago: no task of a long queue is to wait for the answer."""
        if self._asked_at <= self.clock() < self._asked_at + HOLDS:
            return lambda: False
        return self.ask()

    def ask(self) -> Callable[[], bool]:
        """Ask whether every runner that started before a moment is to leave, or this one has old plugins."""
        self._asked_at = self.clock()
        declared = of_host(DECLARED, self.site.hostname)
        settings = self.site.store.settings.two_later(STOP_REQUESTED_AT, declared)
        return lambda: self._say_leave(settings(), declared)

    def _say_leave(self, settings: dict[str, str], declared: str) -> bool:
        stop_requested_at = float(settings.get(STOP_REQUESTED_AT, 0))
        is_asked = self.identity.started_at < stop_requested_at <= self.clock()
        return is_asked or settings.get(declared) != self.site.fingerprint
