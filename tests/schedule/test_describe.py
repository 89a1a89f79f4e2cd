"""Plain English: the table is the doctest of `words.describe`; here is what must hold for all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskrunner.schedule import Schedule

FIELDS = ((0, 59), (0, 23), (1, 28), (1, 12), (0, 6))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("@daily", "at 00:00 every day"),
        ("0 4 1 * 1", "at 04:00 on the 1st of the month or on Mondays"),
        ("0 4 31 2 1", "at 04:00 on Mondays in February"),
        ("0 4 1-31 2 *", "at 04:00 every day in February"),
        ("*/20 * 1 1 5", "every 20 minutes on the 1st of the month or on Fridays, in January only"),
        ("*/90 * * * *", "every hour, on the hour"),
        ("0 22-23,0-2 * * *", "at 00:00, 01:00, 02:00, 22:00 and 23:00 every day"),
        ("1 * * * *", "at 1 minute past every hour"),
        ("1-59/15 * * * sat", "at 1, 16, 31 and 46 minutes past every hour on Saturdays"),
        ("0 0 * * fri-sun", "at 00:00, Friday to Sunday"),
    ],
)
def test_what_is_described_is_what_is_meant(text: str, expected: str) -> None:
    assert expected == Schedule(text, timezone="UTC").describe()


@given(
    st.tuples(
        *(st.sets(st.integers(low, high), min_size=1, max_size=12) for low, high in FIELDS),
    )
)
def test_any_schedule_can_be_described_on_one_line(sets: tuple[set[int], ...]) -> None:
    text = " ".join(",".join(map(str, numbers)) for numbers in sets)

    words = Schedule(text, timezone="UTC").describe()

    assert words.startswith(("at ", "every "))
    assert words == " ".join(words.split())
