"""The JSON schema of taskrunner.toml, for editors: made from the settings themselves.

Imported late: by `taskrun config --schema` and `taskrun init`.
"""

from __future__ import annotations

import json
from typing import Any

from taskrunner.config.schema import (
    INSTALLED,
    Config,
    PluginConfig,
    Setting,
    TaskOverride,
    plain,
    sections_of,
    settings_of,
)
from taskrunner.config.values import (
    PING_STYLES,
    CallableNames,
    Command,
    Distributions,
    FilePaths,
    HostNames,
    Ping,
    Variables,
)
from taskrunner.validate import Choice, Number, Text, Truth, Whole

FILE = "taskrunner.schema.json"
"""How `taskrun init` calls it, beside the configuration."""

TEXT = {"type": "string"}
TEXTS = {"type": "array", "items": TEXT}


def schema_text() -> str:
    """Return the schema as `init` writes it and `config --schema` prints it."""
    return f"{json.dumps(json_schema(), indent=2)}\n"


def json_schema() -> dict[str, Any]:
    """Return the schema of the file (draft 7, which the TOML language servers know)."""
    sections = {name: _section(content) for name, content in sections_of(Config).items()}
    plugin = _section(PluginConfig)
    tables = {
        "tasks": _table("Settings of tasks by name; * stands for any characters.", _section(TaskOverride)),
        "plugins": {
            "type": "object",
            "description": "Which plugins are used.",
            "properties": {"installed": _setting(INSTALLED)},
            "additionalProperties": plugin,
        },
        "plugin_settings": _table("What tasks read as self.settings, by plugin.", {"type": "object"}),
    }
    top = _section(Config)
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "taskrunner.toml",
        **top,
        "description": "The configuration of taskrunner: taskrun help config",
        "properties": {**top["properties"], **sections, **tables},
    }


def _table(description: str, values: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "description": description, "additionalProperties": values}


def _section(content: type[Any]) -> dict[str, Any]:
    """Return the schema of a section class; its docstring is the description."""
    lines = (content.__doc__ or "").split("\n\n")[0].split()
    return {
        "type": "object",
        "description": " ".join(lines),
        "properties": {name: _setting(one) for name, one in settings_of(content).items()},
        "additionalProperties": False,
    }


def _setting(setting: Setting) -> dict[str, Any]:
    """Return the schema of a setting, with its default."""
    schema = _kind(setting.kind)
    return schema if setting.default is None else {**schema, "default": plain(setting.default)}


def _kind(kind: object) -> dict[str, Any]:
    """Return the schema of a kind of value; what it does not know of is a text."""
    match kind:
        case Whole() | Number():
            bounds = {"minimum": kind.least, "maximum": kind.most}
            given = {name: bound for name, bound in bounds.items() if bound is not None}
            return {"type": "integer" if isinstance(kind, Whole) else "number", **given}
        case Truth():
            return {"type": "boolean"}
        case Choice():
            return {"enum": list(kind.words)}
        case Text():
            return {**TEXT, "minLength": kind.least, "maxLength": kind.most}
        case FilePaths() | Command() | CallableNames() | Distributions() | HostNames():
            return TEXTS
        case Variables():
            return {"type": "object", "additionalProperties": TEXT}
        case Ping():
            properties = {"url": TEXT, "style": {"enum": list(PING_STYLES)}}
            table = {"type": "object", "properties": properties, "required": ["url"]}
            return {"anyOf": [TEXT, {**table, "additionalProperties": False}]}
    return TEXT
