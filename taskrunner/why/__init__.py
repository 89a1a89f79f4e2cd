"""Why a task runs or does not: each gate in the order of a cron, whether it is open, with the numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from taskrunner.why.adhoc_gates import adhoc_gates
from taskrunner.why.gates import Gate
from taskrunner.why.names import Subject, find_subject
from taskrunner.why.scheduled_gates import scheduled_gates

if TYPE_CHECKING:
    from collections.abc import Callable

    from taskrunner.plugins import Declaration
    from taskrunner.site import Site

__all__ = ["Answer", "Gate", "why"]


@dataclass(frozen=True, slots=True)
class Answer:
    """The gates of a task, in order. `subject`: what was asked about, as lists call it."""

    subject: str
    gates: tuple[Gate, ...]

    @property
    def closed(self) -> list[Gate]:
        """The gates that keep it from being run, the first one first."""
        return [gate for gate in self.gates if gate.open is False]


def why(site: Site, name: str, *, now: float, ask: Callable[[Declaration], bool | str]) -> Answer:
    """Return what stands between a task and its run: a scheduled task, an adhoc class, or a queued task's id.

    `ask` asks a task whether it may run at all: True, or the reason why not.
    Raises UnknownTaskError, TaskrunnerError (no such id is queued).
    """
    subject: Subject = find_subject(site, name)
    if subject.scheduled is not None:
        gates = scheduled_gates(site, subject.scheduled, now=now, ask=ask)
    else:
        gates = adhoc_gates(site, subject.name, subject.queued, now=now)
    return Answer(subject.label, tuple(gates))
