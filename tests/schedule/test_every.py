"""Every: an interval."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskrunner.errors import InvalidScheduleError
from taskrunner.schedule import Every, parse_schedule

TEN_YEARS = 10 * 365 * 86400


@pytest.mark.parametrize(
    ("every", "seconds", "text", "words"),
    [
        (Every(hours=2), 7200, "every 2h", "every 2 hours"),
        (Every(minutes=90), 5400, "every 1h30m", "every 1 hour 30 minutes"),
        (Every(hours=24), 86400, "every 1d", "every day"),
        (Every(minutes=1), 60, "every 1m", "every minute"),
        (Every(seconds=45), 45, "every 45s", "every 45 seconds"),
        (Every(days=1, seconds=1), 86401, "every 1d1s", "every 1 day 1 second"),
    ],
)
def test_an_interval_has_a_length_a_text_and_words(every: Every, seconds: int, text: str, words: str) -> None:
    assert (seconds, text, text, words) == (every.seconds, every.text, every.expanded, every.describe())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("every 2h", Every(hours=2)),
        ("EVERY 2 Hours", Every(hours=2)),
        (" every 90 minutes ", Every(minutes=90)),
        ("every 1h30m", Every(minutes=90)),
        ("every 1 hour 30 min", Every(minutes=90)),
        ("every 7200s", Every(hours=2)),
        ("every 3 days", Every(days=3)),
        ("every 010m", Every(minutes=10)),
    ],
)
def test_an_interval_can_be_written_as_text(text: str, expected: Every) -> None:
    assert expected == parse_schedule(text)


@given(st.integers(1, TEN_YEARS))
def test_the_text_of_an_interval_reads_back_as_the_same(seconds: int) -> None:
    every = Every(seconds=seconds)

    assert every == parse_schedule(every.text)


@pytest.mark.parametrize(
    "text",
    ["every", "every hour", "every 2", "every 2 weeks", "every 1h1h", "every 1 0 m", "every h2", "everyone"]
    + [
        "every -5m",
        "every 1.5h",
        "every ٣h",
        "every 0s",
        "every 9999999999s",
        "every 3654d",
        "every " + "1" * 300,
    ],
)
def test_any_other_text_is_an_error(text: str) -> None:
    with pytest.raises(InvalidScheduleError, match="^every: "):
        parse_schedule(text)


@pytest.mark.parametrize(
    "parts",
    [{}, {"hours": 0}, {"hours": -1}, {"hours": 2, "minutes": -1}, {"hours": 1.5}, {"days": True}]
    + [{"days": 3654}, {"seconds": 10**5000}, {"minutes": "5"}],
)
def test_an_interval_is_made_of_whole_numbers_and_at_most_ten_years_long(parts: dict[str, int]) -> None:
    with pytest.raises(InvalidScheduleError, match="^every: "):
        Every(**parts)


@pytest.mark.parametrize(
    ("last_started_at", "now", "expected"),
    [
        (None, 1000.9, 1000),
        (6000.0, 6001.0, 6600),
        (6059.9, 6060.0, 6600),
        (0.0, 1_000_000.0, 600),
        (1060.0, 1000.0, 1620),
        (1060.5, 1000.0, 1000),
    ],
)
def test_it_counts_from_the_minute_of_the_last_start(
    last_started_at: float | None, now: float, expected: int
) -> None:
    assert expected == Every(minutes=10).next_at(last_started_at, now)
