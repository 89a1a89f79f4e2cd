"""Which task or which run a person means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskrunner.errors import PluginError, TaskrunnerError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from taskrunner.plugins import Declaration
    from taskrunner.records import Run, RunningRow
    from taskrunner.site import Site


def find_task(site: Site, name: str, *, scheduled: bool = False) -> Declaration:
    """Return the task a person means by a name or the end of one. Raises UnknownTaskError, PluginError."""
    declaration = site.registry.find(name)
    if scheduled and declaration.kind != "scheduled":
        raise PluginError(f"{declaration.name} is an adhoc task: it has no schedule")
    return declaration


def logged_name(site: Site, name: str) -> str:
    """Return the task a person means: one that is declared, or one that only its runs tell of any more."""
    return name if name in site.store.log.names() else site.registry.find(name).name


def kept_run(site: Site, prefix: str) -> Run:
    """Return the one kept run whose id begins so. Raises TaskrunnerError: none does, or several do."""
    found = site.store.log.find(prefix.upper())
    if len(found) != 1:
        problem = "several kept runs have an id that begins" if found else "no kept run has an id that begins"
        raise TaskrunnerError(f"{problem} with {prefix}", hint="taskrun log")
    return found[0]


def run_under_way(rows: Sequence[RunningRow], prefix: str) -> RunningRow | None:
    """Return the run under way whose id begins so; None: none does. Raises TaskrunnerError: several do."""
    found = [row for row in rows if row.run_id.startswith(prefix.upper())]
    if len(found) > 1:
        raise TaskrunnerError(f"several runs have an id that begins with {prefix}", hint="taskrun running")
    return found[0] if found else None
