"""The gates of an adhoc class, and of one queued task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskrunner.schedule.zones import get_zone
from taskrunner.times import length, often, relative, short_moment
from taskrunner.why.gates import (
    Gate,
    cron_gate,
    declared_gate,
    moment,
    pause_gate,
    plugin_gate,
    running_gate,
    slot_gate,
)

if TYPE_CHECKING:
    from taskrunner.records import AdhocRow
    from taskrunner.site import Site


def adhoc_gates(site: Site, name: str, row: AdhocRow | None, *, now: float) -> list[Gate]:
    """Return every gate of a class, and those of one queued task of it, in order."""
    plugin = name.partition(".")[0]
    own = _queue_gates(site, name, now) if row is None else _row_gates(site, row, now)
    return [
        pause_gate(site),
        plugin_gate(site, name, plugin),
        declared_gate(site, name, plugin),
        *own,
        slot_gate(site, "adhoc"),
        _class_limit(site, name),
        _others_first(site, name, now),
        cron_gate(site, now),
    ]


def _queue_gates(site: Site, name: str, now: float) -> list[Gate]:
    queued = next((row for row in site.store.adhoc.summary(now) if row.name == name), None)
    if queued is None:
        return [Gate("queued", False, "no task of this class is queued", f"taskrun adhoc queue {name}")]
    given_up = f", {queued.given_up} given up" if queued.given_up else ""
    counts = f"{queued.due} due, {queued.waiting} waiting, {queued.running} running{given_up}"
    if queued.due:
        return [Gate("due", True, counts)]
    if queued.next_run_at is not None:
        zone = get_zone(site.config.timezone)
        at = f"{short_moment(queued.next_run_at, now=now, zone=zone)}, {relative(queued.next_run_at, now)}"
        return [Gate("due", False, f"{counts}; the next is due {at}", f"taskrun adhoc list {name}")]
    if queued.running:
        return [Gate("running", False, f"{counts}: nothing else of it waits", "taskrun running")]
    return [Gate("attempts", False, counts, f"taskrun adhoc retry --class {name} --yes")]


def _row_gates(site: Site, row: AdhocRow, now: float) -> list[Gate]:
    return [_attempts(row), _due(site, row, now), _fail_delay(site, row, now), running_gate(site, row, now)]


def _attempts(row: AdhocRow) -> Gate:
    if row.attempts_left > 0 or row.run_id is not None:
        return Gate("attempts", True, f"{row.attempts_left} left after {row.tries}")
    told = f"given up after {row.tries} tries: {row.last_message}"
    return Gate("attempts", False, told, f"taskrun adhoc retry {row.id}")


def _due(site: Site, row: AdhocRow, now: float) -> Gate:
    if row.next_run_at <= now:
        return Gate("due", True, f"due since {length(now - row.next_run_at)}")
    if row.fail_delay:
        return Gate("due", None, "the fail delay decides")
    why = f": {row.last_message}" if row.last_message else ""
    told = f"not before {moment(site, row.next_run_at)}, {relative(row.next_run_at, now)}{why}"
    return Gate("due", False, told, f"taskrun adhoc retry {row.id}")


def _fail_delay(site: Site, row: AdhocRow, now: float) -> Gate:
    if not row.fail_delay:
        return Gate("fail delay", True, "its last run did not fail")
    told = f"failed {often(row.failures)} since {moment(site, row.failing_since or now)}: {row.last_message}"
    if row.next_run_at <= now or row.attempts_left <= 0:
        return Gate("fail delay", True, told)
    waits = f"waits {length(row.fail_delay)}, until {moment(site, row.next_run_at)}"
    return Gate("fail delay", False, f"{waits}; {told}", f"taskrun adhoc retry {row.id}")


def _class_limit(site: Site, name: str) -> Gate:
    """Do fewer tasks of the class run than may at once?"""
    declaration = site.registry.tasks.get(name)
    if declaration is None or declaration.kind != "adhoc":
        return Gate("limit", None, "not known without its class")
    limit = site.planner.concurrency_limit(declaration)
    count, _ = site.store.adhoc.running_classes().get(name, (0, 0.0))
    if not limit:
        return Gate("limit", True, f"its class has no limit, {count} running")
    told = f"{count} of at most {limit} tasks of its class are running"
    return Gate("limit", count < limit, told, "" if count < limit else "taskrun running")


def _others_first(site: Site, name: str, now: float) -> Gate:
    """Say how many classes share the slots; a share is never a reason to wait for ever."""
    waiting = site.store.adhoc.waiting_classes(now)
    others = [task.name for task in waiting if task.name != name]
    if not others:
        return Gate("share", True, "no other class waits")
    return Gate("share", True, f"{len(others)} other classes wait as well: {', '.join(others[:5])}")
