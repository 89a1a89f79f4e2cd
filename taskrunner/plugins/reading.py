"""What came of reading one plugin, as an object and as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from taskrunner.plugins.declaration import Declaration, Finding, Plugin


@dataclass(frozen=True, slots=True)
class Reading:
    """A plugin as it was read.

    `broken`: not all of it could be imported. `retry_after`: seconds after which reading it again may go
    better though its files are the same (a missing library was installed); None: it will not.
    """

    plugin: Plugin
    broken: bool = False
    retry_after: int | None = None


def to_json(reading: Reading) -> str:
    """Return a reading as one line of ASCII."""
    return json.dumps(asdict(reading))


def from_data(data: dict[str, Any]) -> Reading:
    """Return the reading whose JSON was parsed to `data`."""
    return Reading(**{**data, "plugin": _plugin(**data["plugin"])})


def _plugin(
    *, requires: list[str], tasks: list[dict[str, Any]], findings: list[dict[str, Any]], **texts: str
) -> Plugin:
    return Plugin(
        requires=tuple(requires),
        tasks=tuple(Declaration(**task) for task in tasks),
        findings=tuple(Finding(**finding) for finding in findings),
        **texts,
    )
