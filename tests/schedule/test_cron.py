"""Schedule and parse_schedule: what callers see."""

import copy
import pickle
import subprocess
import sys
from dataclasses import FrozenInstanceError
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from taskrunner.errors import InvalidScheduleError
from taskrunner.schedule import Every, Schedule, parse_schedule


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("@daily", "0 0 * * *"),
        (" */5  9-17\t* jan MON-fri ", "*/5 9-17 * jan MON-fri"),
        ("00 9 * * 7", "00 9 * * 7"),
    ],
)
def test_expanded_is_as_written_but_for_aliases_and_blanks(text: str, expanded: str) -> None:
    schedule = Schedule(text, timezone="Europe/Paris")

    assert (text, expanded, "Europe/Paris") == (schedule.text, schedule.expanded, schedule.timezone)


def test_next_after_takes_any_zone_and_answers_in_its_own() -> None:
    schedule = Schedule("0 9 * * *", timezone="Asia/Tokyo")
    evening = datetime(2026, 1, 15, 19, 30, tzinfo=timezone(timedelta(hours=-5)))

    actual = schedule.next_after(evening)

    assert datetime(2026, 1, 17, 9, 0, tzinfo=ZoneInfo("Asia/Tokyo")) == actual
    assert ZoneInfo("Asia/Tokyo") is actual.tzinfo


def test_next_after_refuses_a_naive_moment() -> None:
    with pytest.raises(ValueError, match="has no time zone"):
        Schedule("0 9 * * *", timezone="UTC").next_after(datetime(2026, 1, 15))


@pytest.mark.parametrize(
    ("now", "expected"), [(0, 60), (59.9999999, 60), (60, 120), (60.5, 120), (1_800_000_000.0, 1_800_000_060)]
)
def test_next_at_is_strictly_after_now_in_epoch_seconds(now: float, expected: int) -> None:
    actual = Schedule("* * * * *", timezone="UTC").next_at(now)

    assert expected == actual
    assert int is type(actual)


def test_upcoming_gives_as_many_as_asked_for() -> None:
    schedule = Schedule("@hourly", timezone="UTC")
    base = datetime(2026, 1, 15, 12, 30, tzinfo=UTC)

    first = schedule.next_after(base)
    assert [first, first + timedelta(hours=1), first + timedelta(hours=2)] == schedule.upcoming(base, 3)
    assert not schedule.upcoming(base, 0)


def test_schedules_are_values() -> None:
    schedule = Schedule("@daily", timezone="UTC")

    assert schedule == Schedule("@daily", timezone="UTC")
    assert hash(schedule) == hash(Schedule("@daily", timezone="UTC"))
    assert schedule != Schedule("@daily", timezone="Europe/Paris")
    assert schedule == copy.deepcopy(schedule) == pickle.loads(pickle.dumps(schedule))
    with pytest.raises(FrozenInstanceError):
        schedule.text = "@hourly"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("zone", "hint"),
    [
        ("Europe/Pariss", "Europe/Paris"),
        ("europe/paris", "Europe/Paris"),
        ("America/NewYork", "America/New_York"),
    ],
)
def test_an_unknown_zone_is_an_error_with_the_nearest_name(zone: str, hint: str) -> None:
    with pytest.raises(InvalidScheduleError) as caught:
        Schedule("@daily", timezone=zone)

    assert repr(zone) in str(caught.value)
    assert f"did you mean {hint}?" == caught.value.hint


def test_without_a_zone_it_is_the_systems() -> None:
    assert ZoneInfo(Schedule("@daily").timezone)


def test_parse_schedule_tells_intervals_from_fields() -> None:
    assert Every(hours=2) == parse_schedule("every 2h", timezone="Europe/Paris")
    assert Schedule(
        "H 3 * * *", timezone="Europe/Paris", name="forum.SendDigest", salt="s"
    ) == parse_schedule("H 3 * * *", timezone="Europe/Paris", name="forum.SendDigest", salt="s")


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("import taskrunner.schedule", {"croniter", "zoneinfo", "hashlib", "secrets"}),
        ("from taskrunner.schedule import Schedule; Schedule('*/5 * * * *')", {"croniter", "hashlib"}),
    ],
)
def test_slow_modules_are_imported_only_when_a_moment_is_asked_for(code: str, absent: set[str]) -> None:
    command = f"import sys; {code}; print(*sys.modules)"

    loaded = subprocess.run(
        [sys.executable, "-c", command], capture_output=True, text=True, check=True
    ).stdout

    assert set() == absent & set(loaded.split())
