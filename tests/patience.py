"""How long tests wait for what has to come: far longer than it takes, however loaded the machine is."""

import time
from collections.abc import Callable

DEADLINE = 120.0
"""Seconds after which what is waited for counts as hanging."""


def until(condition: Callable[[], object], what: str) -> None:
    """Wait until a condition holds; fail with `what` after the deadline."""
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.01)
