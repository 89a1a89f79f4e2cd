"""The quick form of the fault suite: a few of each fault, on both databases."""

from collections.abc import Iterator

import pytest

from tests.faults.__main__ import Suite, suite

SEED = 20_270_115


@pytest.fixture(scope="module")
def faults() -> Iterator[Suite]:
    with suite(seed=SEED, quick=True) as faults:
        yield faults


def test_no_fault_breaks_a_promise(faults: Suite, capfd: pytest.CaptureFixture[str]) -> None:
    faults.run()

    assert (0, 13) == (faults.failed, faults.passed), capfd.readouterr().out
