"""Putting the parts of a runner together."""

from __future__ import annotations

import faulthandler
import os
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from taskrunner.errors import ConfigError
from taskrunner.runner import Orders, Runner
from taskrunner.runner.call import Caller
from taskrunner.runner.claim import EVERYTHING, Overdue, Picker, Selection
from taskrunner.runner.console import Console
from taskrunner.runner.disk_reserve import Reserve
from taskrunner.runner.execute import Executor, Preparer
from taskrunner.runner.log_file import log_path
from taskrunner.runner.output import Output
from taskrunner.runner.presence import Notes, new_identity
from taskrunner.runner.process_state import Tidier
from taskrunner.runner.settle import Settler
from taskrunner.runner.signals import Interruption
from taskrunner.runner.turn import Turn
from taskrunner.schedule.zones import get_zone

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from taskrunner.installation import Site
    from taskrunner.runner.console import Gauge


@dataclass(slots=True)
class Troubles:
    """What went wrong beside the tasks: told on stderr at once, and remembered for the exit code."""

    lines: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """What the process ends with: 78, the configuration cannot be used as it is; 0 without troubles."""
        return ConfigError.exit_code if self.lines else 0

    def tell(self, line: str) -> None:
        """Tell one."""
        self.lines.append(line)
        os.write(2, f"taskrun: {line}\n".encode("utf-8", "backslashreplace"))


def assemble(
    site: Site,
    *,
    command: str,
    shown: str,
    troubles: Troubles,
    keep_alive: float = 0.0,
    selection: Selection = EVERYTHING,
    live: bool = False,
    always_shown: bool = False,
    gauge: Gauge | None = None,
    clock: Callable[[], float] = time.time,
    wait: Callable[[float], None] | None = None,
) -> Runner:
    """Return a runner of this process; `shown` says what stdout is told: all, failures or none.

    `gauge`: what shows live how far a task has come.
    """
    faulthandler.enable(2)  # in a run that is its log: a crash in C code leaves its traceback there
    zone = get_zone(site.config.timezone)
    identity = new_identity(command, clock())

    def choose_path() -> Path:
        now = datetime.fromtimestamp(identity.started_at, zone)
        path, trouble = log_path(site.config, now=now, pid=identity.pid)
        if trouble:
            troubles.tell(trouble)
        return path

    output = Output(
        choose_path,
        troubles.tell,
        Console(1),
        shown=shown,
        live=live,
        always_shown=always_shown,
        stamp_zone=zone if site.config.log.timestamps else None,
        gauge=gauge,
    )
    interruption = Interruption(output.say)
    caller = Caller(site, interruption, identity.id, gauge.note if gauge else None)
    notes = Notes(site.config.state_dir, identity.id)
    executor = Executor(caller, output, clock, zone, identity, Tidier(), notes)
    preparer, reserve = Preparer(site.registry, output, site.config), Reserve(site.config.state_dir)
    turn = Turn(site, preparer, executor, Settler(site), reserve, clock, time.sleep)
    return Runner(
        site,
        identity,
        turn,
        Overdue(site, identity, turn, clock),
        Picker(site, selection, output.say),
        output,
        interruption,
        Orders(site, identity, clock),
        zone,
        clock,
        wait or site.store.wait,
        keep_alive,
    )
