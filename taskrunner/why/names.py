"""Which task a person means who wonders about it: it may be one whose plugin is broken or gone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from taskrunner.errors import TaskrunnerError, UnknownTaskError

if TYPE_CHECKING:
    from taskrunner.records import AdhocRow, ScheduledRow
    from taskrunner.site import Site


@dataclass(frozen=True, slots=True)
class Subject:
    """A task by name, with its row if it is a scheduled one, or the queued row that was asked about."""

    name: str
    scheduled: ScheduledRow | None = None
    queued: AdhocRow | None = None

    @property
    def label(self) -> str:
        """How lists call it."""
        return self.name if self.queued is None else f"{self.name} {self.queued.id}"


def find_subject(site: Site, name: str) -> Subject:
    """Return what a name, the end of one, or the id of a queued task means. Raises TaskrunnerError."""
    if name.isdecimal():
        return _queued(site, name)
    rows = {row.name: row for row in site.store.scheduled.list()}
    known = set(rows) | set(site.registry.tasks) | {row.name for row in site.store.adhoc.summary(0.0)}
    ending = [full for full in known if full == name or full.endswith(f".{name}")]
    if name not in known and len(ending) != 1:
        site.registry.find(name)  # says what is near, or which are meant
        raise UnknownTaskError(f"{name} means several tasks: {', '.join(sorted(ending))}")
    full = name if name in known else ending[0]
    return Subject(full, rows.get(full))


def _queued(site: Site, digits: str) -> Subject:
    row = site.store.adhoc.find(int(digits)) if len(digits) < 19 else None
    if row is None:
        raise TaskrunnerError(
            f"no task {digits} is queued: it is done, cancelled, or never was", hint="taskrun log"
        )
    return Subject(row.name, queued=row)
