"""The quick form of the n-th fault suite: a seeded sample of all calls that a cron makes."""

from pathlib import Path

from tests.faults.nth import nth_faults

SEED = 20270115
SAMPLE = 16


def test_no_single_fault_of_the_operating_system_loses_or_repeats_a_task(tmp_path: Path) -> None:
    found, _ = nth_faults(tmp_path, SEED, SAMPLE)

    assert [] == found.broken
