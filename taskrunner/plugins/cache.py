"""The file that remembers what the plugins declare, so that an idle minute imports none of them."""

from __future__ import annotations

from taskrunner.cache_file import read_cache_file, write_cache_file

TYPE_CHECKING = False  # spares an idle minute `typing`
if TYPE_CHECKING:
    import os

    from taskrunner.plugins.discovery import Discovery

CACHE_FILE = "registry.json"
"""Its name in the state directory."""

CACHE_VERSION = 2
KIND = f"registry {CACHE_VERSION}"
NEVER = float("inf")


class Snapshot:
    """What was known at one moment; most of it stays text until somebody asks.

    `sources` are the plugins on disk with their stamps, as `text_of` a discovery; `readings` is JSON of what
    they declare; `retries` is JSON of the moments (epoch seconds) at which broken plugins are worth another
    try, `next_retry` the first of these; `fingerprint` changes with sources and readings.
    """

    __slots__ = ("fingerprint", "next_retry", "readings", "retries", "sources")

    def __init__(
        self, *, fingerprint: str, next_retry: float, retries: str, sources: str, readings: str
    ) -> None:
        self.fingerprint = fingerprint
        self.next_retry = next_retry
        self.retries = retries
        self.sources = sources
        self.readings = readings

    def holds(self, discovery: Discovery, *, now: float) -> bool:
        """Say whether reading all plugins anew would bring nothing new."""
        return self.next_retry > now and self.sources == text_of(discovery)


def text_of(discovery: Discovery) -> str:
    """Return plugins and findings as a Python literal on one line, which is quickly made and compared."""
    sources = [
        (source.name, source.path, source.kind, [file.stamp for file in source.files])
        for source in discovery.sources
    ]
    return ascii((sources, [(finding.path, finding.line, finding.message) for finding in discovery.findings]))


def read_snapshot(file: str | os.PathLike[str]) -> Snapshot | None:
    """Return what `write_snapshot` wrote; None if it is not there, not whole, or not our own."""
    text = read_cache_file(file, KIND)
    if text is None:
        return None
    fingerprint, next_retry, retries, sources, readings = text.split("\n")
    return Snapshot(
        fingerprint=fingerprint,
        next_retry=float(next_retry),
        retries=retries,
        sources=sources,
        readings=readings,
    )


def write_snapshot(file: str | os.PathLike[str], snapshot: Snapshot) -> None:
    """Replace the file as a whole, for the owner only. Where that cannot be done, there is no cache."""
    lines = (
        snapshot.fingerprint,
        repr(snapshot.next_retry),
        snapshot.retries,
        snapshot.sources,
        snapshot.readings,
    )
    write_cache_file(file, KIND, "\n".join(lines))
