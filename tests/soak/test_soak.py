"""The quick form of the soak: the hours around both clock changes, with steps, crashes and an outage."""

import subprocess
import sys


def test_no_slot_is_missed_doubled_or_early_around_clock_changes_steps_crashes_and_outages() -> None:
    soak = [sys.executable, "-m", "tests.soak", "--quick"]

    done = subprocess.run(soak, capture_output=True, text=True, timeout=540, check=False)

    assert "0 missed, 0 doubled, 0 early" in done.stdout, done.stdout + done.stderr
    assert "1 passed, 0 failed" == done.stdout.splitlines()[-1], done.stdout + done.stderr
