"""The quick form of the fault suite: a few of each fault, on both databases."""

import subprocess
import sys

SEED = "20270115"


def test_no_fault_breaks_a_promise() -> None:
    suite = [sys.executable, "-m", "tests.faults", "--quick", "--seed", SEED]

    done = subprocess.run(suite, capture_output=True, text=True, timeout=540, check=False)

    assert "21 passed, 0 failed" == done.stdout.splitlines()[-1], done.stdout + done.stderr
    assert 0 == done.returncode
