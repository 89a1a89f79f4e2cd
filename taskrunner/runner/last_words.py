"""What the output of a dead run says of its death: Python itself writes there as it goes."""

from __future__ import annotations

FATAL = "Fatal Python error: "
TIMEOUT = "Timeout ("
TRACEBACK = "(most recent call first):\n"
"""What faulthandler writes of a signal that no program survives, of the time that is up, and below both."""

LINES = 6
"""Lines above the traceback in which they stand."""


def cause_of_death(output: str) -> tuple[str, str]:
    r"""Return the outcome, and what is known of why, "" for nothing.

    >>> below = "\nCurrent thread 0x7f (most recent call first):\n  File ..."
    >>> cause_of_death("so farFatal Python error: Segmentation fault\n" + below)
    ('crashed', 'Segmentation fault')
    >>> cause_of_death("so far\nTimeout (0:00:11)!\nThread 0x7f (most recent call first):\n  File ...")
    ('timeout', 'it did not end in time')
    >>> cause_of_death("Fatal Python error: so it says"), cause_of_death("")
    (('crashed', ''), ('crashed', ''))
    """
    last_lines = output.rpartition(TRACEBACK)[0].splitlines()[-LINES:]
    for line in reversed(last_lines):  # which may begin with what the task had written of its last one
        if TIMEOUT in line and line.endswith(")!"):
            return "timeout", "it did not end in time"
        if FATAL in line:
            return "crashed", line.rpartition(FATAL)[2]
    return "crashed", ""
