"""Ids of runs and runners."""

import pytest

from taskrunner.formatting import ALPHABET, new_id

NOW = 1_800_000_000.0


def test_an_id_is_a_ulid() -> None:
    made = new_id(NOW)

    assert 26 == len(made)
    assert set() == set(made) - set(ALPHABET)


@pytest.mark.parametrize(
    ("now", "start"),
    [(0.0, "0000000000"), (1_469_918_176.385, "01ARYZ6S41"), ((2**48 - 1) / 1000, "7ZZZZZZZZZ")],
    ids=["the epoch", "the example of the specification", "the last moment there is"],
)
def test_the_first_ten_signs_are_the_milliseconds(now: float, start: str) -> None:
    assert start == new_id(now)[:10]


def test_ids_of_one_moment_differ() -> None:
    assert 1000 == len({new_id(NOW) for _ in range(1000)})


def test_ids_sort_by_the_moment_they_were_made() -> None:
    made = [new_id(NOW + milliseconds / 1000) for milliseconds in range(0, 100_000, 999)]

    assert sorted(made) == made


@pytest.mark.parametrize("now", [-1.0, 2**48 / 1000, 1e300])
def test_a_clock_that_is_far_off_still_makes_an_id(now: float) -> None:
    assert 26 == len(new_id(now))
