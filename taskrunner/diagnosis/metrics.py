"""How each task stands: the metrics for Prometheus, and what the configuration expects of a task.

That is how long it runs, how often it succeeds, how late it starts: the settings `warn_after`, `expect_every`
and `max_start_delay` of `[tasks."NAME"]`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from taskrunner.formatting import length, plural
from taskrunner.records import Finding
from taskrunner.store.runs import LogFilter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from taskrunner.config.schema import TaskOverride
    from taskrunner.installation import Site
    from taskrunner.records import RecentRun, Run, ScheduledRow

AREA = "limits"
SETTINGS = ("warn_after", "expect_every", "max_start_delay")


class Kept(NamedTuple):
    """A task with limits: what the file says, its row if it is scheduled, since when it runs and is due."""

    name: str
    limits: TaskOverride
    row: ScheduledRow | None
    running_since: float | None
    due_since: float | None


def limits(site: Site, now: float) -> Finding:
    """Judge whether tasks keep the limits that the configuration sets them."""
    found = list(limit_findings(site, now))
    values = {"taskrun_tasks_over_limit": float(len(found))}
    if not found:
        return Finding(AREA, "ok", "no task exceeds its limits", values=values)
    worst = max(found, key=lambda finding: finding.exit_code)
    others = len(found) - 1
    more = f" (and {plural(others, 'more task', 'more tasks')})" if others else ""
    return Finding(AREA, worst.level, f"{worst.area} {worst.message}{more}", hint=worst.hint, values=values)


def limit_findings(site: Site, now: float, *, name: str = "") -> Iterator[Finding]:
    """Yield what exceeds its limits, of one task or of all, the worst of each; `area` is the task's name.

    Tasks that are disabled, paused or muted are not judged.
    """
    for task in _with_limits(site, now, name):
        broken = list(_broken(site, task, now))
        if broken:
            yield max(broken, key=lambda finding: finding.exit_code)


def _with_limits(site: Site, now: float, name: str) -> Iterator[Kept]:
    sections = [one for one in site.config.tasks if any(getattr(one, key) is not None for key in SETTINGS)]
    if not sections:
        return
    running = {run.name: run.started_at for run in reversed(site.store.runners.running())}
    rows = {row.name: row for row in site.store.scheduled.list()}
    due = {
        row.name: row.next_run_at for row in rows.values() if row.run_id is None and row.next_run_at <= now
    }
    due |= {task.name: task.next_run_at for task in site.store.adhoc.queue_state(now).get().due}
    for task in [name] if name else sorted({*rows, *site.registry.tasks}):
        row, found = rows.get(task), site.planner.override_for(task)
        is_off = row is not None and (row.disabled or row.blocked is not None)
        if is_off or site.pause_of(task, now) or site.mute_of(task, now):
            continue
        if any(getattr(found, key) is not None for key in SETTINGS):
            yield Kept(task, found, row, running.get(task), due.get(task))


def _broken(site: Site, task: Kept, now: float) -> Iterator[Finding]:
    """Yield which limits a task exceeds: too long and too late are warnings, no success is critical."""
    longest, latest, every = (
        task.limits.warn_after,
        task.limits.max_start_delay,
        task.limits.expect_every,
    )
    last = _last(site, task.name) if longest is not None or latest is not None else None
    if longest is not None:
        if task.running_since is not None and now - task.running_since > longest:
            yield _found(
                task, "has been running for", now - task.running_since, f"warn_after {length(longest)}"
            )
        elif last is not None and last.duration > longest:
            yield _found(task, "ran for", last.duration, f"warn_after {length(longest)}")
    if latest is not None:
        if task.due_since is not None and now - task.due_since > latest:
            yield _found(task, "has been due for", now - task.due_since, f"max_start_delay {length(latest)}")
        elif last is not None and last.due_at is not None and last.started_at - last.due_at > latest:
            late = last.started_at - last.due_at
            yield _found(task, "started late by", late, f"max_start_delay {length(latest)}")
    if every is not None and (since := _without_success(site, task)) is not None and now - since > every:
        yield _found(task, "has not succeeded for", now - since, f"expect_every {length(every)}", "critical")


def _found(task: Kept, what: str, seconds: float, limit: str, level: str = "warning") -> Finding:
    message = f"{what} {length(seconds)}, over {limit}"
    hint = f"taskrun why {task.name}" if what.startswith("has been due") else f"taskrun log {task.name}"
    return Finding(task.name, level, message, hint=hint)


def _last(site: Site, name: str) -> Run | None:
    return next(iter(site.store.log.list(LogFilter(names=(name,), limit=1))), None)


def _without_success(site: Site, task: Kept) -> float | None:
    """Return since when a task has had no success, or None if that is not known: it has never run."""
    if task.row is not None:
        if task.row.last_success_at is not None:
            return task.row.last_success_at
        return task.row.failing_since or task.row.next_run_at
    found = site.store.log.list(LogFilter(names=(task.name,), outcome="ok", limit=1))
    return found[0].ended_at if found else None


LOOKED_AT = 100
"""The newest runs of a task that its p95 is made from."""


class TaskState(NamedTuple):
    """How a task stands, as numbers; None for what does not apply to it, or is not known yet.

    `runs`: how many there ever were, by outcome. `duration`: the p95 of its newest runs that finished, in
    seconds. `status`: 0, or the exit code of the limit that it exceeds. `queue_due`: of adhoc classes only.
    """

    name: str
    last_success_at: float | None
    runs: Mapping[str, int]
    duration: float | None
    failing: bool
    muted: bool
    paused: bool
    status: int
    queue_due: int | None


def task_states(site: Site, now: float) -> list[TaskState]:
    """Return how each task stands that is known now, by name."""
    rows = {row.name: row for row in site.store.scheduled.list()}
    classes = {one.name: one for one in site.store.adhoc.summary(now)}
    adhoc = {name for name, task in site.registry.tasks.items() if task.kind == "adhoc"} | classes.keys()
    names = sorted({*rows, *adhoc})
    recent = site.store.log.recent(names, count=LOOKED_AT)
    counts = site.store.log.counts()
    over = {finding.area: finding.exit_code for finding in limit_findings(site, now)}
    states = []
    for name in names:
        row, queued, ends = rows.get(name), classes.get(name), recent[name]
        states.append(
            TaskState(
                name,
                last_success_at=row.last_success_at if row else _last_success(ends),
                runs=counts.get(name, {}),
                duration=_p95(ends),
                failing=bool(row and row.failing_since)
                or bool(queued and (queued.failing or queued.given_up)),
                muted=site.mute_of(name, now) is not None,
                paused=site.pause_of(name, now) is not None,
                status=over.get(name, 0),
                queue_due=(queued.due if queued else 0) if name in adhoc else None,
            )
        )
    return states


def _last_success(ends: Sequence[RecentRun]) -> float | None:
    return next((end.ended_at for end in reversed(ends) if end.outcome == "ok"), None)


def _p95(ends: Sequence[RecentRun]) -> float | None:
    """Return what 95 of 100 runs do not exceed; of one that crashed nobody knows how long it would take."""
    ordered = sorted(
        end.ended_at - end.started_at for end in ends if end.outcome in ("ok", "failed", "timeout")
    )
    return ordered[(len(ordered) * 95 + 99) // 100 - 1] if ordered else None


HELP = {
    "taskrun_check_status": "What each check says: 0 ok, 1 warning, 2 critical, 3 unknown.",
    "taskrun_check_time_seconds": "When the checks were made, in seconds since 1970.",
    "taskrun_cron_last_start_age_seconds": "Seconds since the last cron started.",
    "taskrun_cron_start_gap_seconds": "Seconds between the last two starts of a cron.",
    "taskrun_paused": "Whether cron is paused.",
    "taskrun_fail_delay_max_seconds": "The longest fail delay of a task.",
    "taskrun_failing_tasks": "How many tasks are failing.",
    "taskrun_scheduled_oldest_due_seconds": "Seconds for which the oldest due scheduled task waits.",
    "taskrun_adhoc_oldest_due_seconds": "Seconds for which the oldest due adhoc task waits.",
    "taskrun_running_tasks": "How many tasks are running.",
    "taskrun_running_longest_seconds": "Seconds for which the longest running task runs.",
    "taskrun_crashes_last_day": "Runs in the last 24 hours whose process died.",
    "taskrun_database_went_back": "Whether the database went back in time within a day.",
    "taskrun_plugin_problems": "How many problems plugins have.",
    "taskrun_tasks_over_limit": "Tasks that exceed one of their limits: warn_after and the like.",
    "taskrun_log_dir_writable": "Whether the log directory can be written.",
    "taskrun_cron_failures": "How many crons in a row ended badly, of all hosts.",
    "taskrun_runners_silent": "Runners that hold a lock while their host starts no crons.",
    "taskrun_sites": "How many different sites work with the database.",
    "taskrun_adhoc_given_up": "Adhoc tasks that were given up.",
    "taskrun_journals_set_aside": "Notes of the ends of runs that the database has refused.",
    "taskrun_database_writable": "Whether the database can be written.",
    "taskrun_database_up": "Whether the database answers.",
}
"""Every metric of the site: all of them are gauges."""

HELP_OF_TASK = {
    "taskrun_task_last_success_timestamp_seconds": "When the task last succeeded, in seconds since 1970.",
    "taskrun_task_runs_total": "Runs of the task that were recorded, by outcome.",
    "taskrun_task_duration_seconds": "The p95 of the task's last 100 runs.",
    "taskrun_task_failing": "Whether the task is failing.",
    "taskrun_task_muted": "Whether its failures are muted.",
    "taskrun_task_paused": "Whether the task is paused.",
    "taskrun_task_status": "Whether it exceeds a limit of its own: 0 no, 1 warning, 2 critical.",
    "taskrun_task_queue_due": "Queued tasks of the class that are due.",
}
"""Every metric of a task; that which ends with _total is a counter."""


def exposition(findings: Sequence[Finding], tasks: Sequence[TaskState] = (), *, now: float) -> str:
    """Return what was found in the text format of Prometheus.

    Source: https://prometheus.io/docs/instrumenting/exposition_formats/
    """
    values = {name: value for check in findings for name, value in check.values.items()}
    status = [(_labels(check=check.area), float(check.exit_code)) for check in findings]
    samples = {"taskrun_check_status": sorted(status), "taskrun_check_time_seconds": [("", now)]}
    samples |= {name: [("", value)] for name, value in sorted(values.items())}
    for task in tasks:
        for name, labels, value in _samples_of(task):
            samples.setdefault(name, []).append((labels, value))
    return "".join(_family(name, of_name) for name, of_name in samples.items())


def _samples_of(task: TaskState) -> Iterator[tuple[str, str, float]]:
    """Yield metric, labels and value of what is known of a task."""
    label = _labels(task=task.name)
    known = {
        "last_success_timestamp_seconds": task.last_success_at,
        "duration_seconds": task.duration,
        "failing": task.failing,
        "muted": task.muted,
        "paused": task.paused,
        "status": task.status,
        "queue_due": task.queue_due,
    }
    for name, value in known.items():
        if value is not None:
            yield f"taskrun_task_{name}", label, float(value)
    for outcome, runs in sorted(task.runs.items()):
        yield "taskrun_task_runs_total", _labels(task=task.name, outcome=outcome), float(runs)


def _labels(**labels: str) -> str:
    r"""Return labels as Prometheus reads them.

    >>> _labels(task='a"b\\c')
    '{task="a\\"b\\\\c"}'
    """
    escapes = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})
    shown = ",".join(f'{name}="{value.translate(escapes)}"' for name, value in labels.items())
    return f"{{{shown}}}"


def write_atomically(file: Path, text: str) -> None:
    """Replace a file as a whole, for all to read: they see the old text or the new. Raises OSError."""
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        draft.write_text(text, "utf-8")
        draft.chmod(0o644)
        os.replace(draft, file)
    finally:
        draft.unlink(missing_ok=True)


def _family(name: str, samples: Sequence[tuple[str, float]]) -> str:
    kind = "counter" if name.endswith("_total") else "gauge"
    lines = [f"# HELP {name} {HELP.get(name) or HELP_OF_TASK[name]}", f"# TYPE {name} {kind}"]
    lines += [f"{name}{labels} {value!r}" for labels, value in samples]
    return "\n".join(lines) + "\n"
