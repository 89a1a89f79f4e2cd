"""Bringing what is known of the plugins up to date: only what has changed is read again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from taskrunner.plugins.cache import CACHE_VERSION, NEVER, Snapshot, text_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from taskrunner.plugins.discovery import Discovery, PluginSource


def brought_up_to_date(
    known: Snapshot | None, discovery: Discovery, *, now: float, timeout: float
) -> Snapshot:
    """Return what reading all plugins anew would give, `known` itself if it is that already."""
    if known is None:
        return _refreshed({}, {}, discovery, now=now, timeout=timeout)
    if known.holds(discovery, now=now):
        return known
    retries: dict[str, float] = json.loads(known.retries)
    due = {name for name, retry_at in retries.items() if retry_at <= now}
    kept = _unchanged(known.sources, text_of(discovery)) - due
    readings = {name: data for name, data in json.loads(known.readings).items() if name in kept}
    retry_at = {name: moment for name, moment in retries.items() if name in kept}
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
    sources, read = text_of(discovery), json.dumps(ordered)
    return Snapshot(
        fingerprint=_fingerprint(sources, read),
        next_retry=min(retry_at.values(), default=NEVER),
        retries=json.dumps(retry_at),
        sources=sources,
        readings=read,
    )


def _read(stale: Sequence[PluginSource], discovery: Discovery, timeout: float) -> list[dict[str, Any]]:
    from dataclasses import asdict

    from taskrunner.plugins.child import read_plugins

    paths = {source.name: source.path for source in discovery.sources}
    return [asdict(reading) for reading in read_plugins(stale, paths, timeout=timeout)]


def _unchanged(before: str, after: str) -> set[str]:
    """Return the names of the plugins that are the same in the texts of two discoveries."""
    from ast import literal_eval

    old, new = ({source[0]: source for source in literal_eval(text)[0]} for text in (before, after))
    return {name for name, source in new.items() if old.get(name) == source}


def _fingerprint(sources: str, readings: str) -> str:
    from hashlib import sha256

    return sha256("\n".join((str(CACHE_VERSION), sources, readings)).encode()).hexdigest()
