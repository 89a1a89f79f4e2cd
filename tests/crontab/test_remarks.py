"""What is said of a crontab that is carried over."""

from datetime import UTC, datetime

import pytest

from taskrunner.crontab.write import ALWAYS, changed_hours, lines_of, mail_of, remarks_on
from tests.crontab.test_parse import read

NOW = datetime(2027, 1, 1, tzinfo=UTC)


def remarks(text: str, *, zone: str = "Europe/Paris") -> list[str]:
    """Return what is said of this crontab and not of each."""
    told = remarks_on(read(text), zone=zone, now=NOW)
    assert [*ALWAYS] == told[-len(ALWAYS) :]
    return told[: -len(ALWAYS)]


def test_of_a_plain_crontab_only_what_is_always_different_is_said():
    assert [] == remarks("PATH=/bin\nMAILTO=ann\n0 3 * * * x\n*/5 * * * * y\n@daily [ a ] || z\n")


def test_of_nothing_nothing_is_said():
    assert [] == remarks_on(read("@reboot x\n"), zone="UTC", now=NOW)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("* * * * * x\r\n", "The lines end as on Windows"),
        ("MAILTO=a\n* * * * * x\n* * * * * y\nMAILTO=b\n* * * * * z\n", "MAILTO differs for line 5:"),
        ("CRON_TZ=Asia/Tokyo\n0 3 * * * x\n", "CRON_TZ is the time zone of line 2,"),
        ("TZ=Asia/Tokyo\n0 3 * * * x\n", "TZ is handed to the commands of line 2;"),
        ("RANDOM_DELAY=45\n0 3 * * * x\n", "RANDOM_DELAY is not followed: line 2 "),
        ("@daily [ a ] && b\n", "Where the question of line 1 is answered with no, that is exit code 1"),
        ("0 3 * * * sleep 60\n0 3 * * * perl -e 'sleep 5'\n", "A command that sleeps keeps others waiting ("),
    ],
)  # fmt: skip
def test_what_differs_for_some_lines_is_said_with_their_numbers(text, told):
    (remark,) = remarks(text)

    assert remark.startswith(told)


@pytest.mark.parametrize(
    ("schedule", "zone", "differs"),
    [
        ("0 */2 * * *", "Europe/Paris", True),
        ("*/10 2 * * *", "Europe/Paris", True),
        ("0 0-23 * * *", "Europe/Paris", True),
        ("0 2 * * *", "Europe/Paris", False),
        ("0 * * * *", "Europe/Paris", False),
        ("@hourly", "Europe/Paris", False),
        ("0 1-23/2 * * *", "Europe/Paris", False),
        ("*/10 3 * * *", "Europe/Paris", False),
        ("*/10 1 * * *", "Europe/London", True),
        ("0 */2 * * *", "UTC", False),
    ],
)
def test_lines_for_which_a_change_of_the_clock_means_something_else_are_named(schedule, zone, differs):
    told = remarks(f"{schedule} x\n", zone=zone)

    assert differs == any(remark.startswith("When the clock is changed, line 1 ") for remark in told)


def test_the_zone_of_a_line_decides_when_its_clock_is_changed():
    (_, told) = remarks("CRON_TZ=Europe/Paris\n0 */2 * * * x\n", zone="UTC")

    assert told.startswith("When the clock is changed, line 2 ")


@pytest.mark.parametrize(
    ("zone", "hours"),
    [
        ("America/New_York", {1, 2}),
        ("Australia/Lord_Howe", {1, 2}),
        ("Asia/Kathmandu", set()),
        ("America/Havana", {0}),
    ],
)
def test_the_hours_of_a_change_are_those_left_out_or_shown_twice(zone, hours):
    assert hours == changed_hours(zone, NOW)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("* * * * * x\n", None),
        ('MAILTO=""\n* * * * * x\n', ""),
        ("MAILTO=a\n* * * * * x\nMAILTO=b\n* * * * * y\n* * * * * z\n", "b"),
        ("@reboot x\n", None),
    ],
)
def test_mail_goes_to_whom_most_lines_name(text, address):
    assert address == mail_of(read(text))


def test_numbers_of_lines_are_told_as_spans():
    assert "lines 1-3, 5" == lines_of(read("* * * * * x\n" * 3 + "\n* * * * * x\n").jobs)


@pytest.mark.parametrize(
    ("schedule", "zone", "named"),
    [
        ("*/15 2 * * *", "Europe/Paris", False),  # cron lets it follow the clock
        ("0,30 2 * * *", "Europe/Paris", True),
        ("30 2 * * *", "Europe/Paris", False),
        ("0,30 3 * * *", "Europe/Paris", False),
        ("0,30 2 * * *", "UTC", False),
        ("0,30 1,2 * * *", "America/New_York", True),
    ],
)
def test_several_times_of_an_hour_that_is_left_out_are_named(schedule, zone, named):
    told = remarks_on(read(f"{schedule} x\n"), zone=zone, now=NOW)

    assert any("run once for all their times in it" in line for line in told) == named
