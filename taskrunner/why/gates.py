"""What every task has to pass: the pause, its plugin, a free slot, a cron that starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from taskrunner.health.cron_starts import cron_starts
from taskrunner.schedule.zones import get_zone
from taskrunner.times import length, long_moment, relative

if TYPE_CHECKING:
    from taskrunner.plugins import Plugin
    from taskrunner.records import AdhocRow, RunningRow, ScheduledRow
    from taskrunner.site import Site


@dataclass(frozen=True, slots=True)
class Gate:
    """One thing between a task and its run; `open`: yes, no, or None where another gate decides.

    `told`: why, with the numbers; `mend`: the command that opens it.
    """

    name: str
    open: bool | None
    told: str
    mend: str = ""


def pause_gate(site: Site) -> Gate:
    """Is cron paused?"""
    pause = site.store.settings.pause()
    if pause is None:
        return Gate("paused", True, "cron is not paused")
    since, reason = pause
    told = f"cron is paused since {moment(site, since)}{f': {reason}' if reason else ''}"
    return Gate("paused", False, told, "taskrun resume")


def plugin_gate(site: Site, name: str, plugin_name: str) -> Gate:
    """Is its plugin there, whole as far as this task goes, and enabled?"""
    plugin = _plugin(site, plugin_name)
    if plugin is None:
        folders = ", ".join(map(str, site.config.plugin_dirs))
        return Gate("plugin", False, f"there is no plugin {plugin_name} in {folders}", "taskrun plugins")
    if name not in site.registry.tasks and plugin.findings:
        return Gate("plugin", False, f"{plugin_name} is broken: {plugin.findings[0]}", "taskrun plugins")
    declaration = site.registry.tasks.get(name)
    settings = site.config.plugins.get(plugin_name)
    if settings is not None and not settings.enabled:
        told = f"[plugins.{plugin_name}] enabled = false in {site.config.file}"
        if declaration is None or not declaration.run_if_plugin_disabled:
            return Gate("plugin", False, f"{plugin_name} is disabled: {told}", "change it there")
        return Gate("plugin", True, f"{plugin_name} is disabled, but this task runs all the same")
    return Gate("plugin", True, f"{plugin_name} is there and enabled: {plugin.path}")


def declared_gate(site: Site, name: str, plugin_name: str) -> Gate:
    """Does the plugin declare it?"""
    declaration = site.registry.tasks.get(name)
    if declaration is not None:
        return Gate("declared", True, f"{declaration.path}, line {declaration.line}")
    plugin = _plugin(site, plugin_name)
    if plugin is None or plugin.findings:
        return Gate("declared", None, "not known as long as the plugin cannot be read")
    return Gate("declared", False, f"missing: {plugin.path} does not declare it any more", "taskrun plugins")


def running_gate(site: Site, row: ScheduledRow | AdhocRow, now: float) -> Gate:
    """Does it run already?"""
    if row.run_id is None:
        return Gate("running", True, "it is not running")
    since = row.started_at or now
    told = f"it is running on {row.hostname}, pid {row.pid}, for {length(now - since)}"
    return Gate("running", False, f"{told}, since {moment(site, since)}", f"taskrun log follow {row.run_id}")


def slot_gate(site: Site, kind: str) -> Gate:
    """Is one of the numbered slots free in which crons run this kind of tasks?"""
    cron = site.config.cron
    limit = cron.scheduled_concurrency_limit if kind == "scheduled" else cron.adhoc_concurrency_limit
    key = f"[cron] {kind}_concurrency_limit"
    if not limit:
        return Gate("slots", False, f"{key} = 0: this host starts none", "change it there")
    taken = sum(site.locks.is_held(f"{kind}-{number}") for number in range(limit))
    told = f"{taken} of {limit} {kind} slots are taken"
    if taken < limit:
        return Gate("slots", True, told)
    return Gate("slots", False, f"{told}{_by_whom(site, kind)}; {key}", "taskrun running")


def cron_gate(site: Site, now: float) -> Gate:
    """Do crons start?"""
    starts = cron_starts(site, now)
    if starts.last_at is None:
        return Gate("cron", False, "no cron has ever started here: is there a crontab line?", "crontab -l")
    told = f"the last cron started {relative(starts.last_at, now)} on {starts.hostname}"
    if now - starts.last_at > site.config.check.cron_warning:
        return Gate("cron", False, f"{told}: is the crontab line still there?", "crontab -l")
    return Gate("cron", True, told)


def moment(site: Site, epoch: float) -> str:
    """Return a moment as the config's zone shows it."""
    return long_moment(epoch, get_zone(site.config.timezone))


def _plugin(site: Site, name: str) -> Plugin | None:
    return next((plugin for plugin in site.registry.plugins if plugin.name == name), None)


def _by_whom(site: Site, kind: str) -> str:
    runs: list[RunningRow] = [run for run in site.store.runners.running() if run.type == kind]
    return f" ({', '.join(run.name for run in runs)})" if runs else ""
