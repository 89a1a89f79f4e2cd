"""Which task, class, queued task or run a person means by what was typed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from taskrunner.errors import PluginError, TaskrunnerError, UnknownTaskError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from taskrunner.installation import Site
    from taskrunner.plugins import Declaration
    from taskrunner.records import AdhocRow, Run, RunningRow, ScheduledRow

LONGEST_ID = 18
"""Digits of the largest id that both databases can be asked for."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A task by name, with its row if it is a scheduled one, or the queued task that was asked about."""

    name: str
    scheduled: ScheduledRow | None = None
    queued: AdhocRow | None = None

    @property
    def label(self) -> str:
        """How lists call it."""
        return self.name if self.queued is None else f"{self.name} {self.queued.id}"


def subject(site: Site, name: str) -> Subject:
    """Return what a name, the end of one, or the id of a queued task means. Raises TaskrunnerError."""
    if name.isdecimal():
        row = queued_task(site, int(name) if len(name) <= LONGEST_ID else 0, name=name)
        return Subject(row.name, queued=row)
    rows = {row.name: row for row in site.store.scheduled.list()}
    known = set(rows) | set(site.registry.tasks) | {row.name for row in site.store.adhoc.summary(0.0)}
    matching = [full for full in known if full == name or full.endswith(f".{name}")]
    if name not in known and len(matching) != 1:
        site.registry.find(name)  # says what is near, or which are meant
        raise UnknownTaskError(f"{name} means several tasks: {', '.join(sorted(matching))}")
    full = name if name in known else matching[0]
    return Subject(full, rows.get(full))


def scheduled_task(site: Site, name: str) -> Declaration:
    """Return the scheduled task that is meant. Raises UnknownTaskError, PluginError: it is an adhoc task."""
    declaration = site.registry.find(name)
    if declaration.kind != "scheduled":
        raise PluginError(f"{declaration.name} is an adhoc task: it has no schedule")
    return declaration


def adhoc_class(site: Site, name: str) -> Declaration:
    """Return the adhoc class that is meant. Raises UnknownTaskError, TaskrunnerError: it has a schedule."""
    declaration = site.registry.find(name)
    if declaration.kind != "adhoc":
        raise TaskrunnerError(
            f"{declaration.name} is a scheduled task: it is not queued",
            hint=f"taskrun run-task {declaration.name}",
        )
    return declaration


def logged_name(site: Site, name: str) -> str:
    """Return the name of a task that is declared, or that is known by its kept runs only."""
    return name if name in site.store.log.names() else site.registry.find(name).name


def queued_name(site: Site, name: str) -> str:
    """Return the name of a class that is declared, or that is known by its queued tasks only."""
    queued = {row.name for row in site.store.adhoc.summary(0.0)}
    return name if name in queued else site.registry.find(name).name


def queued_task(site: Site, task_id: int, *, name: str = "") -> AdhocRow:
    """Return a queued task, called `name` where it is not there. Raises TaskrunnerError."""
    row = site.store.adhoc.find(task_id)
    if row is None:
        raise TaskrunnerError(
            f"no task {name or task_id} is queued: it is done, cancelled, or never was", hint="taskrun log"
        )
    return row


def kept_run(site: Site, prefix: str) -> Run:
    """Return the one kept run whose id begins so. Raises TaskrunnerError: none does, or several do."""
    found = site.store.log.find(prefix.upper())
    if len(found) != 1:
        problem = "several kept runs have an id that begins" if found else "no kept run has an id that begins"
        raise TaskrunnerError(f"{problem} with {prefix}", hint="taskrun log")
    return found[0]


def running_run(rows: Sequence[RunningRow], prefix: str) -> RunningRow | None:
    """Return the running run whose id begins so, or None if none does. Raises TaskrunnerError: several do."""
    found = [row for row in rows if row.run_id.startswith(prefix.upper())]
    if len(found) > 1:
        raise TaskrunnerError(f"several runs have an id that begins with {prefix}", hint="taskrun running")
    return found[0] if found else None


def only_run(site: Site) -> RunningRow:
    """Return the run that is meant where none was named: the only one here. Raises TaskrunnerError."""
    rows = site.store.runners.running()
    here = [row for row in rows if row.hostname == site.hostname] or rows
    if len(here) == 1:
        return here[0]
    names = ", ".join(f"{row.name} {row.run_id}" for row in here)
    problem = f"{len(here)} tasks run: name one of {names}" if here else "nothing is running"
    raise TaskrunnerError(problem, hint="taskrun running")
