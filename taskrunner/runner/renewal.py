"""Renewal: a process that must leave while work is due starts anew in its place, in a fresh interpreter.

Imported late: only by a cron that renews itself, or was renewed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple

from taskrunner.trace import flush_output

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class Renewal(NamedTuple):
    """What a cron that starts anew knows of the one before it.

    `started_at`: when the first one of the process started. `phase`: scheduled or adhoc, with its own start.
    `stop_since`: a stop that was asked for after this moment is still to be obeyed. The rest is counted.
    """

    started_at: float
    phase: str
    phase_started_at: float
    stop_since: float
    scheduled: int
    adhoc: int
    failed: int
    in_phase: int
    log_file: str

    def text(self) -> str:
        """Return it as `renewal_of` takes it."""
        return json.dumps(self._asdict(), separators=(",", ":"))


def renewal_of(text: str) -> Renewal:
    """Return what `Renewal.text` has made a text of. Raises ValueError."""
    try:
        return Renewal(**json.loads(text))
    except TypeError as error:
        raise ValueError(f"{text!r} is not of this version") from error


def start_anew(renewal: Renewal, config: Path, options: Sequence[str]) -> None:
    """Become a new `taskrun cron` of the same process id; return only where that fails. Raises OSError.

    No working directory is needed, and nothing is imported from it.
    """
    flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    command = [sys.executable, *flags, "-P", "-m", "taskrunner", "--config", str(config), "cron"]
    flush_output()
    os.execv(sys.executable, [*command, *options, "--renewed", renewal.text()])  # noqa: S606
