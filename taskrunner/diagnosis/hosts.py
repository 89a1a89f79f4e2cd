"""What check sees of hosts: how their crons ended, slots that nobody uses, two sites in one database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskrunner.errors import StoreBusyError, StoreError
from taskrunner.formatting import length, plural
from taskrunner.hosts import CronFailure, failures_of_hosts, find_failure, strangers
from taskrunner.liveness import ABSENCE, lock_name
from taskrunner.records import Finding

if TYPE_CHECKING:
    from taskrunner.config import Config
    from taskrunner.installation import Site
    from taskrunner.records import RunnerRow

FORGOTTEN = 86_400.0
"""Seconds after which the bad end of another host's last cron is not reported any more."""


def cron_ends(site: Site, now: float) -> Finding:
    """Judge how the last crons of each host ended, not that they started."""
    failures = {
        host: failure
        for host, failure in failures_of_hosts(site).items()
        if host == site.hostname or now - failure.ended_at < FORGOTTEN
    }
    return _judged(site.config, failures, now)


def cron_end_here(config: Config, now: float) -> Finding:
    """Judge how the last crons of this host ended, without the database."""
    failure = find_failure(config.state_dir)
    return _judged(config, {"this host": failure} if failure else {}, now)


def _judged(config: Config, failures: dict[str, CronFailure], now: float) -> Finding:
    values = {"taskrun_cron_failures": float(sum(failure.count for failure in failures.values()))}
    if not failures:
        return Finding("cron ends", "ok", "the last crons ended well", values=values)
    host, worst = max(failures.items(), key=lambda item: item[1].count)
    is_old = now - worst.since > config.check.cron_warning
    is_critical = is_old or (worst.count > 1 and worst.code != StoreBusyError.exit_code)
    times = f"{worst.count} crons in a row" if worst.count > 1 else "the last cron"
    message = f"{times} on {host} ended with {worst.code}: {worst.line}"
    level = "critical" if is_critical else "warning"
    return Finding("cron ends", level, message, hint="taskrun cron --verbose", values=values)


def database(site: Site, now: float) -> Finding:
    """See whether the database can be written, not only read."""
    values = {"taskrun_database_up": 1.0, "taskrun_database_writable": 1.0}
    try:
        site.store.settings.try_to_write(now)
    except StoreError as error:
        level = "warning" if isinstance(error, StoreBusyError) else "critical"
        values["taskrun_database_writable"] = 0.0
        message = f"it cannot be written: {error}"
        return Finding("database", level, message, hint=error.hint or "taskrun doctor", values=values)
    return Finding("database", "ok", "it can be written", values=values)


def database_unwritten() -> Finding:
    """Say that the database can be read, where all other checks have read it and none may write."""
    values = {"taskrun_database_up": 1.0}
    return Finding("database", "ok", "it can be read; `taskrun check` tries to write, too", values=values)


def given_up(site: Site, now: float) -> Finding:
    """Count the adhoc tasks that were given up and wait for somebody to look at them."""
    classes = {row.name: row.given_up for row in site.store.adhoc.summary(now) if row.given_up}
    count = sum(classes.values())
    values = {"taskrun_adhoc_given_up": float(count)}
    if not count:
        return Finding("given up", "ok", "no adhoc task was given up", values=values)
    name = max(classes, key=lambda name: classes[name])
    given_up = plural(count, "adhoc task was given up", "adhoc tasks were given up")
    message = f"{given_up}, {classes[name]} of them {name}"
    return Finding("given up", "warning", message, hint="taskrun adhoc list --failed", values=values)


def journals(site: Site) -> Finding:
    """Count the notes of the ends of runs that the database has refused."""
    from taskrunner.runner.journal import journals_set_aside  # late: `list` asks for no runner

    refused = journals_set_aside(site.config.state_dir)
    values = {"taskrun_journals_set_aside": float(len(refused))}
    if not refused:
        return Finding("run journals", "ok", "the database has accepted them all", values=values)
    message = f"the database has refused the end of {plural(len(refused), 'run')}, noted in {refused[0]}"
    hint = f"read it, and the log file that it names, then rm {refused[0]}"
    return Finding("run journals", "warning", message, hint=hint, values=values)


def slots(site: Site, now: float) -> Finding:
    """See whether slots are held that nobody uses, and whether tasks are due that no slot serves."""
    unserved = [kind for kind in ("scheduled", "adhoc") if _is_unserved(site, kind, now)]
    alive = [row for row in site.store.runners.list() if _is_alive(site, row)]
    silent = _silent(site, alive, now)
    held = {kind: _held(site, kind) for kind in ("scheduled", "adhoc")}
    values = {"taskrun_runners_silent": float(len(silent))}
    if unserved:
        message = f"{unserved[0]} tasks are due, and no host has a slot for them"
        hint = f"raise [cron] {unserved[0]}_concurrency_limit"
        return Finding("slots", "critical", message, hint=hint, values=values)
    full = [kind for kind, (taken, limit) in held.items() if taken and taken == limit]
    if full and len(silent) == len(alive):
        message = f"all {full[0]} slots are held by processes that show no sign of life"
        return Finding("slots", "critical", message, hint="taskrun running", values=values)
    if silent:
        row = silent[0]
        message = f"pid {row.pid} on {row.hostname} holds a lock, but that host has started no cron lately"
        return Finding("slots", "warning", message, hint=f"ssh {row.hostname} taskrun running", values=values)
    used = ", ".join(f"{taken} of {limit} {kind}" for kind, (taken, limit) in held.items())
    return Finding("slots", "ok", f"{used} slots are held", values=values)


def _held(site: Site, kind: str) -> tuple[int, int]:
    """Return how many slots of a kind are held, and how many there are."""
    limit = _limit(site, kind)
    return sum(site.locks.is_held(f"{kind}-{number}") for number in range(limit)), limit


def _limit(site: Site, kind: str) -> int:
    cron = site.config.cron
    return cron.scheduled_concurrency_limit if kind == "scheduled" else cron.adhoc_concurrency_limit


def _is_alive(site: Site, row: RunnerRow) -> bool:
    name = lock_name(row.id)
    return not site.locks.proves_death(name) and site.locks.is_held(name)


def _silent(site: Site, alive: list[RunnerRow], now: float) -> list[RunnerRow]:
    """Return the runners of other hosts whose lock is held, and whose host was not heard of for minutes."""
    if not site.store.is_shared:
        return []
    since = now - site.store.settings.clock_ahead(now) - ABSENCE
    heard = {host.hostname for host in site.store.hosts.list() if host.seen_at > since}
    others = [row for row in alive if row.hostname != site.hostname]
    return [row for row in others if row.hostname not in heard and row.began_at < since]


def _is_unserved(site: Site, kind: str, now: float) -> bool:
    """Return whether tasks wait that this host does not run, and there is no other host."""
    if _limit(site, kind):
        return False
    since = now - site.store.settings.clock_ahead(now) - ABSENCE
    others = {host.hostname for host in site.store.hosts.list() if host.seen_at > since} - {site.hostname}
    if others:
        return False
    if kind == "scheduled":
        return site.store.scheduled.is_due(now)
    return bool(site.store.adhoc.queue_state(now).get().due)


def sites(site: Site, now: float) -> Finding:
    """See whether two sites work with one database: each runs the tasks of the other with its own code."""
    found = strangers(site, now)
    values = {"taskrun_sites": float(max(1, len(found)))}
    if not found:
        return Finding("sites", "ok", "all hosts load the same tasks", values=values)
    since = length(now - max(one.since for one in found))
    message = f"{found[0]} and {found[1]} have loaded or planned different tasks for {since}"
    return Finding(
        "sites",
        "critical",
        message,
        hint="give each site a database of its own in taskrunner.toml",
        values=values,
    )
