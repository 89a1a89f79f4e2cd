"""The end of a process in which a task left a thread."""

import subprocess
import sys

from tests.patience import DEADLINE

SCRIPT = """\
import threading
from taskrunner.runner import presence as leaving

leaving.PATIENCE = {patience}
gate = threading.Event()


def work():
    gate.wait({seconds})
    print("worked", flush=True)


threading.Thread(target=work, daemon={daemon}).start()
print("left open", end="")
leaving.leave(7)
"""


def leave(*, seconds: float, patience: float, daemon: bool = False) -> tuple[int, str]:
    script = SCRIPT.format(seconds=seconds, patience=patience, daemon=daemon)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=DEADLINE, check=False
    )
    return done.returncode, done.stdout


def test_a_thread_that_ends_soon_is_waited_for() -> None:
    assert (7, "left openworked\n") == leave(seconds=0.1, patience=20)


def test_a_thread_that_does_not_end_is_ended_with_the_process() -> None:
    assert (7, "left open") == leave(seconds=600, patience=0.1)


def test_a_daemon_thread_is_not_waited_for() -> None:
    assert (7, "left open") == leave(seconds=600, patience=600, daemon=True)
