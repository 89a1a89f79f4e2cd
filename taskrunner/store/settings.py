"""Values remembered by name: the pause, the stop stamp, what was declared last."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from taskrunner.store.statements import Statements

STOP_REQUESTED_AT = "stop_requested_at"
"""Every runner that started before this moment leaves after its current task."""

PAUSED = "paused"
"""JSON of who paused when and why; there while nothing may start."""

DECLARED = "declared"
"""Fingerprint of the plugins and the configuration that the rows of scheduled tasks reflect."""

TOLD = "told"
"""Fingerprint of the plugins and the configuration whose problems a cron has told."""

INSTANCE_ID = "instance_id"
"""Random id of this installation."""


WEB_STARTED_AT = "web_started_at"
"""When the last cron started that a visit to a web site asked for, on any host."""

LARGEST_SKEW = 60.0
"""Seconds by which the clocks of hosts may differ."""


class Settings:
    """A handful of named texts."""

    def __init__(self, statements: Statements) -> None:
        self._statements = statements

    def set(self, name: str, value: str) -> None:
        """Remember a value."""
        self._statements.rows("set", name=name, value=value)

    def delete(self, name: str) -> None:
        """Forget a value; nothing happens where there is none."""
        self._statements.rows("delete", name=name)

    def take_turn(self, name: str, now: float, *, after: float) -> bool:
        """Remember `now` under a name; False: a moment later than `after` is there already."""
        row = self._statements.row("take", name=name, value=repr(now), after=after, ahead=now + LARGEST_SKEW)
        return row is not None

    def pause(self) -> tuple[float, str] | None:
        """Return since when nothing may start, and why; None: cron is not paused."""
        paused = self.list().get(PAUSED)
        if paused is None:
            return None
        told = json.loads(paused)
        return told["at"], told["reason"]

    def set_pause(self, now: float, reason: str) -> None:
        """Let nothing start from now on."""
        self.set(PAUSED, json.dumps({"at": now, "reason": reason}))

    def list(self) -> dict[str, str]:
        """Return all of them."""
        return {row["name"]: row["value"] for row in self._statements.rows("list")}
