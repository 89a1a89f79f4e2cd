"""What is unhealthy about a database that works."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ailment:
    """What is wrong, in one line, and the command or the change that mends it."""

    told: str
    mend: str
