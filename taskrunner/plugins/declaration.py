"""What a plugin declares, as plain data: what the registry cache holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Declaration:
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


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong with a plugin: where, and in one line what."""

    path: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}" if self.line else f"{self.path}: {self.message}"


@dataclass(frozen=True, slots=True)
class Plugin:
    """One directory or file in a plugin directory: what it declares and what is wrong with it."""

    name: str
    path: str
    title: str
    version: str
    requires: tuple[str, ...]
    tasks: tuple[Declaration, ...]
    findings: tuple[Finding, ...]
