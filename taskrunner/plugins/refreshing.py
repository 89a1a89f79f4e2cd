"""Bringing what is known of the plugins up to date: only what has changed is read again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from taskrunner.plugins.cache import CACHE_VERSION, Snapshot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from taskrunner.plugins.discovery import Discovery, PluginSource


def brought_up_to_date(
    known: Snapshot | None, discovery: Discovery, *, now: float, timeout: float
) -> Snapshot:
    """Return what reading all plugins anew would give, `known` itself if it is that already."""
    sources = _sources_line(discovery)
    if known is None:
        return _refreshed({}, {}, discovery, now=now, timeout=timeout)
    due = {name for name, retry_at in known.retry_at.items() if retry_at <= now}
    if known.sources == sources and not due:
        return known
    kept = _unchanged(known.sources, sources) - due
    readings = {name: data for name, data in json.loads(known.readings).items() if name in kept}
    retry_at = {name: moment for name, moment in known.retry_at.items() if name in kept}
    return _refreshed(readings, retry_at, discovery, now=now, timeout=timeout)


def _refreshed(
    readings: dict[str, Any], retry_at: dict[str, float], discovery: Discovery, *, now: float, timeout: float
) -> Snapshot:
    """Return a snapshot made of these readings and those of all other plugins, which are read now."""
    stale = [source for source in discovery.sources if source.name not in readings]
    for source, data in zip(stale, _read(stale, discovery, timeout), strict=True):
        readings[source.name] = data
        if data["retry_after"] is not None:
            retry_at[source.name] = now + data["retry_after"]
    ordered = {source.name: readings[source.name] for source in discovery.sources}
    lines = _sources_line(discovery), json.dumps(ordered)
    return Snapshot(_fingerprint(*lines), retry_at, *lines)


def _read(stale: Sequence[PluginSource], discovery: Discovery, timeout: float) -> list[dict[str, Any]]:
    from dataclasses import asdict

    from taskrunner.plugins.child import read_plugins

    paths = {source.name: source.path for source in discovery.sources}
    return [asdict(reading) for reading in read_plugins(stale, paths, timeout=timeout)]


def _sources_line(discovery: Discovery) -> str:
    findings = [[finding.path, finding.line, finding.message] for finding in discovery.findings]
    return json.dumps([discovery.sources, findings])


def _unchanged(before: str, after: str) -> set[str]:
    """Return the names of the plugins that are the same in two lines of sources."""
    old, new = ({source[0]: source for source in json.loads(line)[0]} for line in (before, after))
    return {name for name, source in new.items() if old.get(name) == source}


def _fingerprint(*lines: str) -> str:
    from hashlib import sha256

    return sha256("\n".join((str(CACHE_VERSION), *lines)).encode()).hexdigest()
