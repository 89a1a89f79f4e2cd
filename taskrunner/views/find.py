"""Which task, class, queued task or run a person means by what was typed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from taskrunner.errors import PluginError, TaskrunnerError, UnknownTaskError
from taskrunner.views.columns import ENOUGH_OF_RUN_ID

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from taskrunner.installation import Site
    from taskrunner.plugins import Declaration
    from taskrunner.records import AdhocRow, Run, RunningRow, ScheduledRow

LONGEST_ID = 18
"""Digits of the largest id that both databases can be asked for."""


class Subject(NamedTuple):
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


def declared_task(site: Site, name: str) -> Declaration:
    """Return the task that is meant. Raises UnknownTaskError, which says why a missing one is missing."""
    try:
        return site.registry.find(name)
    except UnknownTaskError:
        missing = _missing_names(site, name)
        if len(missing) != 1:
            raise
    [full] = missing
    raise UnknownTaskError(
        f"{full} is missing: {site.registry.why_missing(full.partition('.')[0])}", hint=way_out(site, full)
    )


def missing_task(site: Site, name: str) -> str:
    """Return the name of a task of which rows are left, and no class.

    Raises UnknownTaskError: nothing is known of it; TaskrunnerError: a plugin declares it, or is broken.
    """
    missing = _missing_names(site, name)
    if len(missing) > 1:
        raise UnknownTaskError(f"{name} could be {' or '.join(missing)}", hint="write the full name")
    if not missing:
        declared = site.registry.find(name).name
        raise TaskrunnerError(
            f"{declared} is declared by its plugin: it is not missing", hint=f"taskrun disable {declared}"
        )
    if (skipped := site.registry.skipped(missing[0].partition(".")[0])) is not None:
        raise TaskrunnerError(
            f"{missing[0]} is missing because its plugin cannot be used: {skipped}", hint="taskrun doctor"
        )
    return missing[0]


def way_out(site: Site, missing: str) -> str:
    """Return what to type about a missing task: forget it, or rename it where a new class looks like it."""
    if site.registry.skipped(missing.partition(".")[0]) is not None:
        return "taskrun doctor"
    new = _successor(site, missing)
    forget = f"taskrun forget {missing}"
    return f"taskrun rename {missing} {new}, or {forget}" if new else forget


def _successor(site: Site, missing: str) -> str | None:
    """Return the declared task that may be a missing one under another name, or None if there is none."""
    from taskrunner.validate import nearest

    plugin, _, class_name = missing.rpartition(".")
    rows = {row.name: row for row in site.store.scheduled.list()}
    is_new = {
        name for name in site.registry.tasks if (row := rows.get(name)) is None or row.last_run_at is None
    }
    moved = [name for name in is_new if name.rpartition(".")[2] == class_name]
    if len(moved) == 1:
        return moved[0]
    return nearest(missing, [name for name in is_new if name.startswith(f"{plugin}.")], cutoff=0.7)


def _missing_names(site: Site, name: str) -> list[str]:
    rows = [row.name for row in site.store.scheduled.list()]
    known = {*rows, *(row.name for row in site.store.adhoc.summary(0.0))} - set(site.registry.tasks)
    return [name] if name in known else sorted(full for full in known if full.endswith(f".{name}"))


def scheduled_task(site: Site, name: str) -> Declaration:
    """Return the scheduled task that is meant. Raises UnknownTaskError, PluginError: it is an adhoc task."""
    declaration = declared_task(site, name)
    if declaration.kind != "scheduled":
        raise PluginError(f"{declaration.name} is an adhoc task: it has no schedule")
    return declaration


def scheduled_tasks(site: Site, texts: Sequence[str]) -> list[str]:
    """Return the names of the scheduled tasks that are meant by names and by patterns with `*`, each once.

    Raises UnknownTaskError: nothing has such a name. PluginError: it is an adhoc task.
    """
    from taskrunner.config.schema import matches

    found: list[str] = []
    declared = [name for name, task in sorted(site.registry.tasks.items()) if task.kind == "scheduled"]
    for text in texts:
        if "*" not in text:
            found.append(scheduled_task(site, text).name)
            continue
        matching = [name for name in declared if matches(text, name)]
        if not matching:
            raise UnknownTaskError(f"no scheduled task has a name like {text}", hint="taskrun list")
        found += matching
    return list(dict.fromkeys(found))


def pattern(site: Site, text: str) -> str:
    """Return the full name of a task, or a pattern with `*` that matches one. Raises TaskrunnerError."""
    from taskrunner.config.schema import matches

    if "*" not in text:
        return subject(site, text).name if not text.isdecimal() else site.registry.find(text).name
    if not any(matches(text, name) for name in site.registry.tasks):
        raise UnknownTaskError(f"no task has a name like {text}", hint="taskrun list")
    return text


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
            f"no task {name or task_id} is queued: it has been done or cancelled, or was never there",
            hint="taskrun log",
        )
    return row


def kept_run(site: Site, text: str) -> Run:
    """Return the one kept run that is meant: by the start or the end of its id, or a task's last by its name.

    Raises TaskrunnerError: there is none, or there are several.
    """
    if (name := _name_in(text, {*site.store.log.names(), *site.registry.tasks})) is not None:
        return _last_run(site, name)
    wanted = text.upper()
    found = site.store.log.find(wanted)
    if not found and wanted.isascii() and wanted.isalnum():
        found = [
            run for run_id in site.store.log.find_by_suffix(wanted) for run in site.store.log.find(run_id)
        ]
    if len(found) != 1:
        problem = "several kept runs have an id that begins" if found else "no kept run has an id that begins"
        raise TaskrunnerError(f"{problem} or ends with {text}", hint="taskrun log")
    return found[0]


def _last_run(site: Site, name: str) -> Run:
    from taskrunner.store.runs import LogFilter

    for run in site.store.log.list(LogFilter(names=(name,), limit=1)):
        return site.store.log.find(run.run_id)[0]
    raise TaskrunnerError(f"no run of {name} is kept", hint="taskrun log")


def running_run(rows: Sequence[RunningRow], text: str) -> RunningRow | None:
    """Return the run under way that is meant: by the start or the end of its id, or by its task's name.

    None if there is none. Raises TaskrunnerError: several are meant.
    """
    name, wanted = _name_in(text, {row.name for row in rows}), text.upper()
    found = [row for row in rows if row.name == name or row.run_id.startswith(wanted)]
    found = found or [row for row in rows if row.run_id.endswith(wanted)]
    if len(found) > 1:
        ids = ", ".join(row.run_id[-ENOUGH_OF_RUN_ID:] for row in found)
        what = f"{len(found)} runs of {name} are under way" if name else f"{len(found)} runs have such an id"
        raise TaskrunnerError(f"{what}: name one of {ids}", hint="taskrun running")
    return found[0] if found else None


def _name_in(text: str, names: Collection[str]) -> str | None:
    """Return the name of a task that is meant, whole or by its end, or None if it is not one."""
    matching = [name for name in names if name == text or name.endswith(f".{text}")]
    return text if text in names else matching[0] if len(matching) == 1 else None


def only_run(site: Site) -> RunningRow:
    """Return the run that is meant where none was named: the only one here. Raises TaskrunnerError."""
    rows = site.store.runners.running()
    here = [row for row in rows if row.hostname == site.hostname] or rows
    if len(here) == 1:
        return here[0]
    names = ", ".join(f"{row.name} {row.run_id[-ENOUGH_OF_RUN_ID:]}" for row in here)
    problem = f"{len(here)} tasks run: name one of {names}" if here else "nothing is running"
    raise TaskrunnerError(problem, hint="taskrun running")
