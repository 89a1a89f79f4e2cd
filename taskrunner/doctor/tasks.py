"""Plugins, the tasks they declare, and what calls them every minute."""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskrunner.doctor.finding import Finding
from taskrunner.health.cron_starts import cron_starts
from taskrunner.site import overrides_without_task

if TYPE_CHECKING:
    from taskrunner.plugins import Finding as PluginFinding
    from taskrunner.records import ScheduledRow
    from taskrunner.site import Site


def task_findings(site: Site, *, now: float) -> list[Finding]:
    """Return what is wrong with plugins, with tasks whose schedule cannot be used, with the crontab."""
    return [
        *(Finding("plugins", str(finding), _edit(finding)) for finding in site.registry.findings),
        *(Finding("config", told, "change it there") for told in overrides_without_task(site)),
        *(finding for row in site.store.scheduled.list() for finding in _blocked(row)),
        *_cron(site, now),
    ]


def _edit(finding: PluginFinding) -> str:
    if "chmod" in finding.message:
        return f"chmod go-w {finding.path}"
    return f"$EDITOR {'+' + str(finding.line) + ' ' if finding.line else ''}{finding.path}"


def _blocked(row: ScheduledRow) -> list[Finding]:
    """A schedule of the administrator's that never matches, or a task whose plugin has gone."""
    if row.blocked is None or row.blocked == "plugin disabled":
        return []
    mend = f"taskrun schedule {row.name} --reset" if "schedule" in row.blocked else "taskrun plugins"
    return [Finding("tasks", f"{row.name}: {row.blocked}", mend)]


def _cron(site: Site, now: float) -> list[Finding]:
    if cron_starts(site, now).last_at is not None:
        return []
    told = "no cron has ever started: the crontab line is missing, or it fails before taskrun starts"
    return [Finding("cron", told, f"(crontab -l; echo '* * * * * {_cron_command(site)}') | crontab -")]


def _cron_command(site: Site) -> str:
    return f"taskrun --config {site.config.file} cron"
