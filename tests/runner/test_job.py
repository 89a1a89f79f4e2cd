"""How long a failed task waits: Moodle's rule, by Moodle's vectors."""

import json
from itertools import accumulate, repeat
from pathlib import Path
from typing import Any

import pytest

from taskrunner.runner.job import FIRST_DELAY, LONGEST_DELAY, next_fail_delay

MOODLE = json.loads((Path(__file__).parents[1] / "data" / "moodle.json").read_text())
# Moodle's column may be null, ours never is: a task that did not fail has waited 0 seconds.
STEPS = [vector for vector in MOODLE["fail_delay_step"] if vector["current"] is not None]


@pytest.mark.parametrize("vector", STEPS, ids=lambda vector: str(vector["current"]))
def test_one_more_failure_waits_as_long_as_in_moodle(vector: dict[str, Any]) -> None:
    assert vector["next"] == next_fail_delay(vector["current"])


def test_failures_in_a_row_wait_as_long_as_in_moodle() -> None:
    expected = [vector["delay"] for vector in MOODLE["fail_delay"]]

    failures = accumulate(repeat(0, len(expected) + 1), lambda delay, _: next_fail_delay(delay))

    assert [0, *expected] == list(failures)


def test_the_longest_delay_is_reached_with_the_failure_of_which_moodle_tells_the_administrator() -> None:
    told = {vector["current"]: vector["notify"] for vector in STEPS}

    assert told == {delay: next_fail_delay(delay) == LONGEST_DELAY for delay in told}


def test_no_delay_is_shorter_than_a_minute_or_longer_than_a_day() -> None:
    delays = [next_fail_delay(delay) for delay in range(0, 200_000, 7)]

    assert (FIRST_DELAY, LONGEST_DELAY) == (min(delays), max(delays)) == (60, 86_400)
