"""What a plugin declares, as plain data: what the registry cache holds."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

from taskrunner.errors import PluginError
from taskrunner.named_tuple import NamedTuple

if TYPE_CHECKING:
    from taskrunner.records import Finding


class Declaration(NamedTuple):
    """One task class of a plugin. Every field is text, number or truth, so that it can be kept as JSON."""

    name: str
    kind: Literal["scheduled", "adhoc"]
    plugin: str
    module: str
    class_name: str
    path: str
    line: int
    title: str
    schedule: str | None = None
    timezone: str | None = None
    disabled: bool = False
    misfire: str = "run"
    misfire_grace: int = 300
    run_if_plugin_disabled: bool = False
    timeout: float | None = None
    isolation: str | None = None
    concurrency_limit: int | None = None
    retry: bool = True
    attempts: int = 12
    former_names: str = ""
    """Full names, with blanks between them."""


class Plugin(NamedTuple):
    """One directory or file in a plugin directory: what it declares and what is wrong with it."""

    name: str
    path: str
    title: str
    version: str
    requires: tuple[str, ...]
    tasks: tuple[Declaration, ...]
    findings: tuple[Finding, ...]


LONGEST_TEXT = 500


def plugin_finding(message: str, *, file: str, line: int = 0) -> Finding:
    """Return what is wrong with a plugin in one of its files; `line` 0: not in a line of its own."""
    return _finding("plugins", "warning", message, file=file, line=line)


def _finding(*fields: Any, **more: Any) -> Finding:
    """Return a finding; few plugins have one, and completion of names does without the records."""
    from taskrunner.records import Finding

    return Finding(*fields, **more)


def finding_of(error: BaseException, plugin_path: str, default_path: str) -> Finding:
    """Return what was raised, at the deepest line of the plugin's own files that led there.

    Without such a line it is `default_path`, without a number.
    """
    *_, (path, line) = (default_path, 0), *_own_lines(error, plugin_path)
    return plugin_finding(describe(error), file=path, line=line)


def describe(error: BaseException) -> str:
    """Return an exception in one line; one that cannot be turned into text is named only.

    >>> [describe(error) for error in (ValueError("no\\nyes"), KeyError(), SystemExit(3))]
    ['ValueError: no', 'KeyError', 'SystemExit: 3']
    """
    if isinstance(error, PluginError):
        return f"{error}; {error.hint}" if error.hint else str(error)
    first_line = (_text_of(error).strip().splitlines() or [""])[0][:LONGEST_TEXT]
    name = type(error).__name__
    return f"{name}: {first_line}" if first_line else name


def _own_lines(error: BaseException, plugin_path: str) -> Iterator[tuple[str, int]]:
    step = error.__traceback__
    while step:
        path = step.tb_frame.f_code.co_filename
        if _is_within(path, plugin_path):
            yield path, step.tb_lineno
        step = step.tb_next
    if isinstance(error, SyntaxError) and _is_within(error.filename or "", plugin_path):
        yield str(error.filename), error.lineno or 1


def _is_within(path: str, plugin_path: str) -> bool:
    return path == plugin_path or path.startswith(plugin_path + os.sep)


def _text_of(error: BaseException) -> str:
    if isinstance(error, SyntaxError):
        return str(error.msg)
    try:
        return str(error)
    except Exception:
        return ""


class Reading(NamedTuple):
    """A plugin as it was read.

    `broken`: not all of it could be imported. `retry_after`: seconds after which it is read again though its
    files are the same, 0 for always; None: only when they change. `imported` has the signatures of the
    modules that it imported besides its own. `is_passing`: an error of input and output, not remembered:
    what was read before counts, and `unread` is what was wrong now.
    """

    plugin: Plugin
    broken: bool = False
    retry_after: int | None = None
    imported: tuple[tuple[str, int, int, int], ...] = ()
    is_passing: bool = False
    unread: Finding | None = None


def to_json(reading: Reading) -> str:
    """Return a reading as one line of ASCII."""
    return json.dumps(as_data(reading))


def as_data(reading: Reading) -> dict[str, Any]:
    """Return a reading as JSON holds it."""
    plugin = reading.plugin
    tasks = [task._asdict() for task in plugin.tasks]
    findings = [finding._asdict() | {"values": dict(finding.values)} for finding in plugin.findings]
    return {**reading._asdict(), "plugin": {**plugin._asdict(), "tasks": tasks, "findings": findings}}


def from_data(data: dict[str, Any]) -> Reading:
    """Return the reading whose JSON was parsed to `data`."""
    plugin, unread = data["plugin"], data["unread"] and _finding(**data["unread"])
    findings = tuple(_finding(**finding) for finding in plugin["findings"])
    parts = {
        "requires": tuple(plugin["requires"]),
        "tasks": tuple(Declaration(**task) for task in plugin["tasks"]),
        "findings": (*findings, unread) if unread else findings,
    }
    return Reading(**{**data, "plugin": Plugin(**{**plugin, **parts}), "unread": unread})
