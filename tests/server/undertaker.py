"""Run beside a test session: when it ends, kill -9 included, end what runs in its folder, and remove that."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

PATIENCE = 10.0
"""Seconds until what does not end is killed."""


def processes_in(folder: str) -> Iterator[int]:
    """Yield the processes whose current folder is this one, or in it (where there is no /proc: none)."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # ended meanwhile, or somebody else's
            if f"{os.readlink(process / 'cwd')}/".startswith(f"{folder}/"):
                yield int(process.name)


def end_processes_in(folder: str) -> None:
    """End them as PostgreSQL does at once: it removes its shared memory first."""
    patience = time.monotonic() + PATIENCE
    while processes := list(processes_in(folder)):
        end = signal.SIGQUIT if time.monotonic() < patience else signal.SIGKILL
        for process in processes:
            with suppress(ProcessLookupError):
                os.kill(process, end)
        time.sleep(0.1)


def main(session: int, folder: str) -> None:
    while os.getppid() == session:  # a pipe from it would be kept open by those that it forked
        time.sleep(0.1)
    end_processes_in(folder)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), os.path.realpath(sys.argv[2]))
