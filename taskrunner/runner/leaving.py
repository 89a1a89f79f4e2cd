"""The end of a process that has run tasks, whatever they left running in it."""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import NoReturn

from taskrunner.trace import flush_output

PATIENCE = 10.0
"""Seconds for which threads that tasks left running are waited for."""


def leave(exit_code: int) -> NoReturn:
    """End this process; a thread that does not end is ended with it, else processes would pile up."""
    until = time.monotonic() + PATIENCE
    for thread in threading.enumerate():
        if thread is not threading.main_thread() and not thread.daemon:
            thread.join(max(0.0, until - time.monotonic()))
            if thread.is_alive():
                flush_output()
                os._exit(exit_code)
    sys.exit(exit_code)
