"""Every next run of moodle.json that semantics.md does not overrule."""

import json
from pathlib import Path
from typing import Any

import pytest

from taskrunner.errors import InvalidScheduleError
from taskrunner.schedule import Schedule

VECTORS = json.loads((Path(__file__).parents[1] / "data" / "moodle.json").read_text())["next_run"]
# Vectors that semantics.md overrules, by id, with the reason: at present there are none. Moodle's NEVER
# is our InvalidScheduleError; the tolerant syntax and the clock changes do not occur in this half.
OVERRULED: dict[str, str] = {}


def by_outcome(*, never: bool) -> list[Any]:
    return [
        pytest.param(vector, id=vector["id"])
        for vector in VECTORS
        if vector["id"] not in OVERRULED and (vector["expected"] == "NEVER") == never
    ]


@pytest.mark.parametrize("vector", by_outcome(never=False))
def test_the_next_run_is_moodles(vector: dict[str, Any]) -> None:
    schedule = Schedule(" ".join(vector["schedule"]), timezone=vector["tz"])

    assert vector["expected_epoch"] == schedule.next_at(vector["now_epoch"])


@pytest.mark.parametrize("vector", by_outcome(never=True))
def test_what_never_runs_in_moodle_is_an_error(vector: dict[str, Any]) -> None:
    with pytest.raises(InvalidScheduleError, match="never comes"):
        Schedule(" ".join(vector["schedule"]), timezone=vector["tz"])
