"""How the task's own code ended, and what it used."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ending:
    """The outcome, why, and where; the rest is what the task asked for."""

    outcome: str
    message: str | None = None
    backtrace: str = ""
    retry_in: float = 0.0
    gives_up: bool = False
    has_more: bool = False
    clears_caches: bool = False


@dataclass(frozen=True, slots=True)
class Usage:
    """Statements read and written, CPU seconds, and the largest resident memory in bytes."""

    reads: int
    writes: int
    cpu_seconds: float
    max_rss: int
