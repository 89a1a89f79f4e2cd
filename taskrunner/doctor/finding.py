"""Something that is wrong with an installation."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """Where (config, files, program, database, plugins, tasks, cron), what, and what mends it.

    `fatal`: nothing that depends on it can be looked at.
    """

    area: str
    told: str
    mend: str
    fatal: bool = False
