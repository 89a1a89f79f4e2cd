"""An installation as it is shown: its plugins, its tables and hosts, and findings about it.

Findings are the gates of a task, the checks, what doctor found. What administrators changed is here as
well.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from taskrunner.formatting import short_moment
from taskrunner.views.columns import BAD, PLAIN, Column, Context, Listing, Record, as_moment, moment

if TYPE_CHECKING:
    from taskrunner.db import SchemaState
    from taskrunner.installation import Site
    from taskrunner.plugins import Plugin
    from taskrunner.records import AuditRow, Finding, HostRow


class PluginState(NamedTuple):
    """A plugin, and whether the configuration lets its tasks run."""

    plugin: Plugin
    enabled: bool

    @property
    def state(self) -> str:
        """Broken, ok or disabled."""
        if self.plugin.findings:
            return "broken"
        return "ok" if self.enabled else "disabled"


def plugins_of(site: Site) -> list[PluginState]:
    """Return the plugins of an installation."""
    settings = site.config.plugins
    return [
        PluginState(plugin, plugin.name not in settings or settings[plugin.name].enabled)
        for plugin in site.registry.plugins
    ]


PLUGINS: Listing[PluginState] = Listing(
    (
        Column("name", "Plugin", lambda one, _: one.plugin.name),
        Column("title", "Title", lambda one, _: one.plugin.title, cut="end", leaves=2),
        Column("version", "Version", lambda one, _: one.plugin.version, leaves=1),
        Column("path", "Path", lambda one, _: one.plugin.path, cut="middle", least=16, leaves=3, place=3),
        Column("enabled"),
        Column(
            "tasks",
            "Tasks",
            lambda one, _: [task.name for task in one.plugin.tasks],
            lambda one, _: str(len(one.plugin.tasks)),
            right=True,
            place=1,
        ),
        Column("", "State", text=lambda one, _: one.state, cut="end", is_state=True, place=2),
        Column("findings", value=lambda one, _: [str(finding) for finding in one.plugin.findings]),
    ),
    lambda one, _: BAD if one.plugin.findings else PLAIN,
)


def _done_at(row: AuditRow, context: Context) -> str:
    return short_moment(row.done_at, now=context.now, zone=context.zone)


CHANGES: Listing[AuditRow] = Listing(
    (
        moment("done_at", "When", _done_at),
        Column("login", "Who", cut="end", least=8, leaves=1),
        Column("uid"),
        Column("hostname"),
        Column("action", "What"),
        Column("target", "Of", cut="middle", least=16),
        Column("before", value=lambda row, _: state_in(row.state_before)),
        Column("after", value=lambda row, _: state_in(row.state_after)),
        Column(
            "",
            "Change",
            text=lambda row, _: _change(changed_values(row)),
            cut="end",
            least=20,
        ),
    )
)
"""What administrators changed."""


def state_in(text: str) -> Record:
    """Return a state, or its text if it was too long to be kept whole."""
    try:
        state: Record = json.loads(text)
    except ValueError:
        return {"text": text}
    return state


def changed_values(row: AuditRow) -> list[tuple[str, object, object]]:
    """Return what a change has changed: each with how it was and how it is."""
    before, after = state_in(row.state_before), state_in(row.state_after)
    keys = [key for key in {**before, **after} if before.get(key) != after.get(key)]
    return [(key, before.get(key), after.get(key)) for key in keys]


def _change(values: list[tuple[str, object, object]]) -> str:
    """Return in one line what was changed.

    >>> _change([("schedule", "@daily", "@hourly"), ("next_run_at", None, 1795986011.27)])
    'schedule: @daily -> @hourly; next_run_at: - -> 2026-11-29T21:00:11+00:00'
    """
    return "; ".join(f"{key}: {_shown(key, before)} -> {_shown(key, after)}" for key, before, after in values)


def _shown(key: str, value: object) -> str:
    if key.endswith(("_at", "_until")) and isinstance(value, int | float):
        return f"{as_moment(value):%Y-%m-%dT%H:%M:%S+00:00}"
    return "-" if value is None else str(value)


class DatabaseState(NamedTuple):
    """The tables, the hosts that work with them, and by how many seconds our clock is ahead, if known."""

    schema: SchemaState
    hosts: list[HostRow]
    clock_ahead: float | None


HOSTS: Listing[HostRow] = Listing(
    (
        Column("hostname"),
        moment("last_cron_at"),
        Column("cron_interval"),
        Column("clock_ahead"),
        Column("crons"),
    )
)

DATABASE: Listing[DatabaseState] = Listing(
    (
        Column("database", value=lambda state, _: state.schema.database),
        Column("server", value=lambda state, _: state.schema.server),
        Column("version", value=lambda state, _: state.schema.version),
        Column("newest", value=lambda state, _: state.schema.newest),
        Column("state", value=lambda state, _: state.schema.word),
        Column("clock_ahead"),
        Column("hosts", value=lambda state, context: HOSTS.records(state.hosts, context)),
    )
)


IS_OPEN = {"ok": True, "warning": False, "info": None}
"""Level of a gate -> whether it is open; None where another one decides."""

IN_WORDS = {True: "ok", False: "blocks", None: "-"}


def _hint_if_closed(gate: Finding, _: Context) -> str:
    return gate.hint if IS_OPEN[gate.level] is False else ""


def gates_of(subject: str) -> Listing[Finding]:
    """Return the columns of the gates of a task, which lists call `subject`."""
    return Listing(
        (
            Column("gate", "Gate", lambda gate, _: gate.area, place=1),
            Column(
                "open",
                "State",
                lambda gate, _: IS_OPEN[gate.level],
                lambda gate, _: IN_WORDS[IS_OPEN[gate.level]],
                is_state=True,
            ),
            Column("message", "Because", cut="end", least=30, place=2),
            Column("hint", "To change it", text=_hint_if_closed, cut="end", leaves=1, place=3),
            Column("task", value=lambda *_: subject),
        ),
        lambda gate, _: BAD if IS_OPEN[gate.level] is False else PLAIN,
    )


CHECKS: Listing[Finding] = Listing(
    (
        Column("check", value=lambda finding, _: finding.area),
        Column("level"),
        Column("exit_code"),
        Column("message"),
        Column("values", value=lambda finding, _: dict(finding.values)),
        Column("hint"),
    )
)

FINDINGS: Listing[Finding] = Listing((Column("area"), Column("message"), Column("hint")))
"""What doctor found."""
