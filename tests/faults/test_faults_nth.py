"""The quick form of the n-th fault suite: a seeded sample of all calls that a cron makes."""

from pathlib import Path

import pytest

from tests.faults.nth import CODE, nth_faults

SEED = 20270115
SAMPLE = 16


def test_no_single_fault_of_the_operating_system_loses_or_repeats_a_task(tmp_path: Path) -> None:
    found, _ = nth_faults(tmp_path, SEED, SAMPLE)

    assert [] == found.broken


@pytest.mark.parametrize("preloads", [True, False])
def test_a_plugin_or_a_query_that_cannot_be_read_once_is_run_by_the_next_cron(
    tmp_path: Path, preloads: bool
) -> None:
    found, _ = nth_faults(tmp_path, SEED, SAMPLE // 2, CODE, preloads=preloads)

    assert [] == found.broken
