"""A runner, put together: the list of its parts."""

from __future__ import annotations

import faulthandler
import os
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from taskrunner.config.load import import_around
from taskrunner.errors import ConfigError
from taskrunner.formatting import new_id
from taskrunner.runner import Runner, StopRequests, Summary
from taskrunner.runner.batch import BatchExecutor
from taskrunner.runner.call import Caller
from taskrunner.runner.claim import EVERYTHING, AdhocClaims, ScheduledClaims, Selection
from taskrunner.runner.console import Console
from taskrunner.runner.execute import Executor
from taskrunner.runner.journal import RunJournal
from taskrunner.runner.log_file import log_path
from taskrunner.runner.messages import JsonFormat, PlainFormat
from taskrunner.runner.output import Output
from taskrunner.runner.presence import RunnerIdentity
from taskrunner.runner.process_state import ProcessState
from taskrunner.runner.settle import RESERVE, DiskReserve, Settler
from taskrunner.runner.signals import Interruption
from taskrunner.zones import get_zone

if TYPE_CHECKING:
    from collections.abc import Callable

    from taskrunner.installation import Site
    from taskrunner.runner.console import ProgressLine
    from taskrunner.runner.notify import Notifier
    from taskrunner.runner.presence import Renewal


@dataclass(slots=True)
class Troubles:
    """What went wrong beside the tasks: printed on stderr at once, and remembered for the exit code."""

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
    progress_line: ProgressLine | None = None,
    may_renew: bool = False,
    renewed: Renewal | None = None,
    clock: Callable[[], float] = time.time,
    wait: Callable[[float], None] | None = None,
) -> Runner:
    """Return a runner of this process; `shown` says what goes to stdout: all, failures or none.

    `progress_line`: what shows live how far a task has come. `may_renew`: it may start anew in its place;
    `renewed`: what it knows of itself before it did.
    """
    import_around(site.config.run.around)  # before any plugin is imported, which may need what they set up
    faulthandler.enable(2)  # in a run that is its log: a crash in C code leaves its traceback there
    zone, log = get_zone(site.config.timezone), site.config.log
    now = clock()
    identity = RunnerIdentity(
        new_id(now),
        site.hostname,
        os.getpid(),
        started_at=now,
        command=command,
        renewed_from=renewed.started_at if renewed else None,
    )
    choose_path = partial(
        log_path,
        site.config,
        started_at=identity.began_at,
        zone=zone,
        pid=identity.pid,
        complain=troubles.tell,
    )
    output = Output(
        partial(Path, renewed.log_file) if renewed else choose_path,
        troubles.tell,
        Console(1),
        shown=shown,
        live=live,
        always_shown=always_shown,
        log_format=JsonFormat() if log.format == "json" else PlainFormat(zone if log.timestamps else None),
        progress_line=progress_line,
    )
    interruption = Interruption(output.say)
    process_state = ProcessState()
    show_progress = progress_line.note if progress_line else None
    caller = Caller(site, interruption, identity.id, show_progress, process_state)
    journal = RunJournal(site.config.state_dir, identity.id)
    disk_reserve = DiskReserve(site.config.state_dir / RESERVE)
    executor = Executor(
        site=site,
        caller=caller,
        output=output,
        identity=identity,
        process_state=process_state,
        journal=journal,
        clock=clock,
        zone=zone,
    )
    batches = BatchExecutor(site, executor, journal, clock, has_room=lambda: not output.is_lossy)
    runner = Runner(
        site=site,
        identity=identity,
        journal=journal,
        disk_reserve=disk_reserve,
        output=output,
        interruption=interruption,
        stop_requests=StopRequests(site, identity, clock, since=renewed.stop_since if renewed else now),
        scheduled=ScheduledClaims(site, identity, clock),
        adhoc=AdhocClaims(
            site, identity, clock, selection=selection, say=output.say, batch_size=batches.size
        ),
        executor=executor,
        batches=batches,
        settler=Settler(
            site=site,
            identity=identity,
            output=output,
            journal=journal,
            disk_reserve=disk_reserve,
            clock=clock,
            wait=time.sleep,
            zone=zone,
            notifier=_notifier(site, output) if site.config.notify.command else None,
        ),
        zone=zone,
        clock=clock,
        wait=wait or site.store.wait,
        keep_alive=keep_alive,
        may_renew=may_renew,
        renewed=renewed,
        renewed_phase=renewed,
        summary=Summary(renewed.scheduled, renewed.adhoc, renewed.failed) if renewed else Summary(),
    )
    batches.must_leave = runner.must_leave
    return runner


def _notifier(site: Site, output: Output) -> Notifier:
    """Return what tells the command of [notify]."""
    from taskrunner.runner.notify import Notifier  # late: most sites tell nobody

    return Notifier(site, output.say)
