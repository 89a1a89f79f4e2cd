"""What is wrong, or was looked at and is well, and what to type next."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from taskrunner.named_tuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

EXIT_CODES = {"ok": 0, "info": 0, "warning": 1, "critical": 2, "unknown": 3}
"""Level -> exit code of a monitoring plugin (monitoring-plugins.org, development guidelines)."""

WORDS = ("OK", "WARNING", "CRITICAL", "UNKNOWN")


class Finding(NamedTuple):
    """One problem or state that a check, doctor, why, a plugin or a database reports.

    `level`: ok, info (ok, but worth a look), warning, critical or unknown. `hint`: what to type or to change
    next. `file` and `line` (from 1) where it lies in a file. `values`: its numbers by metric name, in seconds
    where the name says so.
    """

    area: str
    level: str
    message: str
    hint: str = ""
    file: str = ""
    line: int = 0
    values: Mapping[str, float] = MappingProxyType({})

    @property
    def exit_code(self) -> int:
        """The level as a monitoring plugin's exit code."""
        return EXIT_CODES[self.level]

    @property
    def word(self) -> str:
        """The level as a monitoring plugin says it."""
        return WORDS[self.exit_code]

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.message}" if place else self.message
