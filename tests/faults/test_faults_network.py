"""A host that is switched off, with a network of its own: what it held is free within a minute."""

from pathlib import Path

import pytest

from tests.faults.network import switched_off, why_not

WHY_NOT = why_not()


@pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)
def test_a_host_that_is_switched_off_in_a_run_holds_nothing_after_a_minute(tmp_path: Path) -> None:
    freed, outcomes = switched_off(tmp_path)

    assert freed < 60
    assert {"1": ["crashed"]} == outcomes
