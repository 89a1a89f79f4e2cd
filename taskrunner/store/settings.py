"""Values remembered by name: the pause, when a stop was asked for, what was declared last."""

from __future__ import annotations

from taskrunner.store import Table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from taskrunner.db import Row
    from taskrunner.records import Reply, Suspension

STOP_REQUESTED_AT = "stop_requested_at"
"""Every runner that started before this moment leaves after its current task."""

CACHES_CLEARED_AT = "caches_cleared_at"
"""Every runner that started before this moment leaves, and starts anew if there is work."""

PAUSED = "paused"
"""JSON of who paused when and why; there while nothing may start. With :NAME it is of some tasks."""

MUTED = "muted"
"""The same with :NAME, for tasks whose failures nobody wants to hear of."""

EVERYTHING = "*"

DECLARED = "declared"
"""Fingerprint of a host's plugins and configuration that the rows of scheduled tasks were made to reflect."""

TASKS = "tasks"
"""JSON list of the scheduled tasks that a host declares, where several hosts share the database."""

PROBLEMS = "problems_of"
"""Fingerprint of a host's plugins and configuration whose problems a cron has shown."""

CRONS = "crons"
"""How many crons a host has started: `list` has it from the table of hosts."""

OLDER = "older"
"""JSON of when a cron of a host found that the database had gone back in time, and to when."""

CRON_FAILURE = "cron_failure"
"""JSON of how a host's last crons ended, while they end badly."""

SITE = "site"
"""JSON of what a configuration of a host loads; behind its name stands a digest of the file's name."""

BROKEN = "broken_plugins"
"""JSON of the plugins of a host that could not be imported, as the last cron saw it, with the reasons."""

NOTIFIED = "notified:"
"""Before the name of a class: JSON of when the [notify] command was called for it, and what came since."""

INSTANCE_ID = "instance_id"
"""Random id of this installation."""

CHECKED_AT = "checked_at"
"""When it was last tried whether the database can be written."""

WEB_STARTED_AT = "web_started_at"
"""When the last cron started that a visit to a web site asked for, on any host."""

LARGEST_SKEW = 60.0
"""Seconds by which the clocks of hosts may differ."""


def of_host(name: str, hostname: str) -> str:
    """Return the name of a setting that each host has for itself: files differ in their times at least."""
    return f"{name}:{hostname}"


class Settings(Table):
    """A handful of named texts."""

    def set(self, name: str, value: str) -> None:
        """Remember a value."""
        self._statements.rows("set", name=name, value=value)

    def delete(self, name: str) -> None:
        """Forget a value; nothing happens where there is none."""
        self._statements.rows("delete", name=name)

    def try_to_write(self, now: float) -> None:
        """Write something that is not needed, and take some room. Raises StoreError."""
        self.set(CHECKED_AT, repr(now))
        self._statements.rows("take_room")  # a file takes it for its journal

    def take_turn(self, name: str, now: float, *, after: float) -> bool:
        """Remember `now` unless a moment later than `after` is there; return whether it was remembered."""
        row = self._statements.row("take", name=name, value=repr(now), after=after, ahead=now + LARGEST_SKEW)
        return row is not None

    def pause(self, now: float) -> Suspension | None:
        """Return since when nothing may start, and why, or None if cron is not paused."""
        found = suspensions(self.list(), PAUSED, now)
        return next((one for one in found if one.pattern == EVERYTHING), None)

    def suspend(self, kind: str, one: Suspension) -> None:
        """Keep what a pattern matches from running (PAUSED), or from being heard of (MUTED)."""
        import json

        content = {"at": one.since, "reason": one.reason, "until": one.until, "by": one.by}
        self.set(_setting_of(kind, one.pattern), json.dumps(content))

    def lift(self, kind: str, pattern: str) -> None:
        """End that for a pattern; nothing happens where there is none."""
        self.delete(_setting_of(kind, pattern))

    def alone(self, what: str) -> None:
        """Let one process at a time do something, until its transaction ends."""
        self._statements.send("alone", what=what)

    def forget_hosts(self, hostnames: Collection[str]) -> None:
        """Forget what some hosts had for themselves."""
        import json

        own = {DECLARED, TASKS, PROBLEMS, OLDER, CRON_FAILURE, BROKEN, SITE}
        names = []
        for name in self.list():
            kind, _, host = name.partition(":")
            if kind in own and (host.rpartition(":")[0] if kind == SITE else host) in hostnames:
                names.append(name)
        self._statements.rows("forget", names=json.dumps(names))

    def clock_ahead(self, now: float) -> float:
        """Return by how many seconds `now` is ahead of the clock of the database."""
        (row,) = self._statements.rows("clock", now=now)
        return now - float(row["now"])

    def list(self) -> dict[str, str]:
        """Return all of them."""
        return _by_name(self._statements.rows("list"))

    def get_three(self, first: str, second: str, third: str) -> Reply[dict[str, str]]:
        """Ask for three of them; the reply has those that are there."""
        return self._statements.send("three", first=first, second=second, third=third).then(_by_name)


def pause_text(now: float, reason: str) -> str:
    """Return what is remembered of a pause."""
    import json

    return json.dumps({"at": now, "reason": reason})


def suspensions(settings: dict[str, str], kind: str, now: float) -> list[Suspension]:
    """Return what is paused, or muted, at a moment: what has ended by itself is left out."""
    import json

    from taskrunner.records import Suspension  # late: an idle minute has no use for it

    found = []
    for name in sorted(settings):
        if name == kind or name.startswith(f"{kind}:"):
            content = json.loads(settings[name])
            pattern = name.partition(":")[2] or EVERYTHING
            until = content.get("until")
            if until is None or until > now:
                found.append(
                    Suspension(pattern, content["at"], content["reason"], until, content.get("by", ""))
                )
    return found


def _setting_of(kind: str, pattern: str) -> str:
    return kind if pattern == EVERYTHING else f"{kind}:{pattern}"


def _by_name(rows: Sequence[Row]) -> dict[str, str]:
    return {row["name"]: row["value"] for row in rows}
