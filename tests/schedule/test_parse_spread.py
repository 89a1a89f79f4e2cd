"""H and R."""

import pytest

from taskrunner.errors import InvalidScheduleError
from taskrunner.schedule import Schedule


def expand(text: str, *, name: str = "backup.nightly", salt: str = "", seed: str = "") -> list[str]:
    return Schedule(text, timezone="UTC", name=name, salt=salt, seed=seed).expanded.split(" ")


def test_h_is_the_same_for_a_name_and_differs_from_name_to_name() -> None:
    minutes = [expand("H * * * *", name=f"forum.Task{number}")[0] for number in range(200)]

    assert minutes == [expand("H * * * *", name=f"forum.Task{number}")[0] for number in range(200)]
    assert len(set(minutes)) > 50


def test_h_chooses_no_day_that_a_month_may_lack_and_sunday_only_once() -> None:
    rows = [expand("H H H H H", name=f"forum.Task{number}") for number in range(2000)]

    minutes, hours, days, months, weekdays = (
        {int(number) for number in column} for column in zip(*rows, strict=True)
    )
    assert set(range(60)) == minutes
    assert set(range(24)) == hours
    assert set(range(1, 29)) == days
    assert set(range(1, 13)) == months
    assert set(range(7)) == weekdays


def test_h_with_bounds_stays_between_them() -> None:
    hours = {expand("0 H(1-5) * * *", name=f"forum.Task{number}")[1] for number in range(200)}

    assert {"1", "2", "3", "4", "5"} == hours


def test_h_with_a_step_starts_anywhere_in_the_first_one() -> None:
    minutes = {expand("H/5 * * * *", name=f"forum.Task{number}")[0] for number in range(200)}
    days = {expand("0 0 H/3 * *", name=f"forum.Task{number}")[2] for number in range(200)}

    assert {"0-59/5", "1-59/5", "2-59/5", "3-59/5", "4-59/5"} == minutes
    assert {"1-28/3", "2-28/3", "3-28/3"} == days


def test_h_may_stand_in_a_list_and_works_without_a_name() -> None:
    (minute,) = expand("H * * * *", name="")[:1]

    assert f"{minute},30 * * * thu" == " ".join(expand("H,30 * * * thu", name=""))


def test_r_with_a_seed_is_drawn_once_per_installation() -> None:
    here = expand("R R * * R", seed="4f1c")
    elsewhere = expand("R R * * R", seed="9a02")

    assert here == expand("R R * * R", seed="4f1c")
    assert here != elsewhere


def test_r_with_a_seed_is_the_hash_of_h_with_the_seed_as_salt() -> None:
    assert expand("H H * * H", salt="4f1c") == expand("R R * * R", salt="other", seed="4f1c")


def test_r_without_a_seed_is_drawn_anew_within_the_bounds() -> None:
    rows = [expand("R R * * R") for _ in range(300)]

    minutes, hours, _, _, weekdays = (
        {int(n) for n in column if n != "*"} for column in zip(*rows, strict=True)
    )
    assert len(minutes) > 30 and max(minutes) <= 59
    assert len(hours) > 12 and max(hours) <= 23
    assert set(range(7)) == weekdays


@pytest.mark.parametrize("text", ["R,5 * * * *", "5,R * * * *", "R/5 * * * *", "* * R * *", "* * * R *"])
def test_r_stands_alone_in_minute_hour_or_weekday(text: str) -> None:
    with pytest.raises(InvalidScheduleError, match="R stands alone, in minute, hour or weekday"):
        expand(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("H(5-1) * * * *", "the range '5-1' is reversed"),
        ("H(1-60) * * * *", "60 is out of range"),
        ("* * H(0-9) * *", "0 is out of range"),
        ("H(5) * * * *", "the range '5' has one end only"),
        ("H(1-9)/2 * * * *", "write H, H(a-b) or H/n"),
        ("H5 * * * *", "write H, H(a-b) or H/n"),
        ("H/0 * * * *", "a step is a number from 1 on"),
        ("H/61 * * * *", "it goes from 1 to 60"),
        ("* * H/29 * *", "it goes from 1 to 28"),
        ("H/ * * * *", "a step is a number from 1 on"),
    ],
)
def test_an_h_that_cannot_be_read_is_an_error_about_the_text_as_given(text: str, message: str) -> None:
    with pytest.raises(InvalidScheduleError) as caught:
        expand(text)

    assert message in str(caught.value)
    assert repr(text) in str(caught.value)
