"""Isolated or systematic? Sites of which the truth is known."""

import random
from datetime import UTC

import pytest

from taskrunner.report.failures import failures
from taskrunner.report.load import LocalTime
from tests.report.task_runs import DAY, HOUR, MONDAY, hourly, run_of


def judged(runs):
    [row] = failures(runs, LocalTime(UTC))
    return row


@pytest.mark.parametrize(
    ("outcomes", "verdict"),
    [
        ("....", "too few runs"),
        ("FFFF", "too few runs"),
        ("." * 5, "never failed"),
        ("." * 50 + "F" + "." * 50, "isolated"),
        ("." * 20 + "F" + "." * 20 + "C" + ".", "isolated"),
        ("." * 20 + "FF" + "." * 20, "intermittent"),
        ("." * 20 + "F", "intermittent"),
        ("." * 50 + "FFF", "systematic"),
        ("." * 50 + "CCC", "systematic"),
        ("F" * 12 + ".", "systematic"),
        ("." * 50 + "FFFF" + "....", "systematic"),
        ("." * 50 + "FFFF" + ".....", "recovered"),
        ("FFFFF" + "." * 40, "recovered"),
        ("F...." * 24, "intermittent"),
        ("F." * 30, "recurring"),  # always at an even hour
    ],
)
def test_verdicts(outcomes, verdict):
    assert judged(hourly(outcomes)).verdict == verdict


def test_a_task_that_fails_one_time_in_five_by_chance_is_intermittent():
    chance = random.Random(7)
    verdicts = {judged(hourly("".join(chance.choices(".F", (8, 2), k=400)))).verdict for _ in range(20)}

    assert "intermittent" in verdicts
    assert verdicts <= {"intermittent", "systematic"}  # a streak at the very end is a streak


def test_failures_at_one_hour_are_recurring_and_the_hour_is_named():
    runs = hourly("".join("F" if hour % 24 == 3 and hour % 48 < 24 else "." for hour in range(24 * 30)))

    row = judged(runs)

    assert (row.verdict, row.reason) == (
        "recurring",
        "15 of 15 failures between 03:00 and 04:00 (p < 0.0001)",
    )


def test_failures_on_one_weekday_are_recurring():
    chance = random.Random(5)
    days = range(7 * 20)
    runs = [
        run_of(
            outcome="failed" if day % 7 == 6 and day % 14 > 6 else "ok",
            started_at=MONDAY + day * DAY + chance.randrange(24) * HOUR,
        )
        for day in days
    ]

    row = judged(runs)

    assert row.verdict == "recurring"
    assert "failures on Sun (p " in row.reason


def test_failures_on_one_host_are_recurring():
    chance = random.Random(5)
    runs = [
        run_of(
            outcome="failed" if number % 8 == 0 else "ok",
            hostname=f"web{number % 4}",
            started_at=MONDAY + number * DAY + chance.randrange(24) * HOUR,
        )
        for number in range(200)
    ]

    row = judged(runs)

    assert (row.verdict, row.reason) == ("recurring", "25 of 25 failures on host web0 (p < 0.0001)")


def test_an_adhoc_task_that_always_fails_among_others_that_do_not_is_systematic():
    runs = []
    for number in range(40):
        started_at = MONDAY + number * HOUR
        runs.append(run_of(type="adhoc", adhoc_id=number, started_at=started_at))
        if number % 8 == 0:
            runs.append(run_of(outcome="failed", type="adhoc", adhoc_id=812, started_at=started_at + 60))

    row = judged(runs)

    assert (row.verdict, row.reason) == (
        "systematic",
        "5 of 5 failures are those of adhoc task 812, 5 in a row",
    )


def test_the_reason_names_the_message_that_failures_share():
    row = judged(hourly("." * 9 + "FFF", message="cannot open '/tmp/a': error 5"))

    assert row.reason == "the last 3 runs failed, 3 of 3 with “cannot open '…': error N”"


def test_crashed_runs_count_beside_failed_ones_and_others_not_at_all():
    runs = [*hourly("..FC."), run_of(outcome="skipped"), run_of(outcome="delayed"), run_of(outcome="running")]

    row = judged(runs)

    assert (row.runs, row.ok, row.failed, row.crashed) == (5, 3, 1, 1)
    assert (round(row.rate, 2), round(row.rate_low, 2), round(row.rate_high, 2)) == (0.4, 0.12, 0.77)


def test_the_last_week_is_compared_with_the_four_before():
    runs = [run_of(outcome="ok", started_at=MONDAY + day * DAY) for day in range(28)]
    runs += [run_of(outcome="failed", started_at=MONDAY + day * DAY) for day in range(28, 35)]

    row = judged(runs)

    assert (row.recent_rate, row.former_rate) == (pytest.approx(7 / 8), 0.0)


def test_the_worst_task_comes_first():
    rows = failures(
        [*hourly(".....", "a.A"), *hourly("F....", "a.B"), *hourly("FF...", "a.C")], LocalTime(UTC)
    )

    assert [row.name for row in rows] == ["a.C", "a.B", "a.A"]


def test_failures_by_chance_in_an_hour_that_has_most_runs_are_not_recurring():
    runs = [run_of(started_at=MONDAY + day * DAY + 3 * HOUR + n) for day in range(30) for n in range(10)]
    runs += [run_of(started_at=MONDAY + n * 2 * DAY + 11 * HOUR) for n in range(12)]
    failed = {40, 150, 260}
    runs = [
        run_of(outcome="failed", started_at=run.started_at) if n in failed else run
        for n, run in enumerate(runs)
    ]

    [row] = failures(sorted(runs, key=lambda run: run.started_at), LocalTime(UTC))

    assert row.verdict == "intermittent"


def test_one_bad_night_is_nothing_that_recurs():
    outcomes = "." * 240 + "F.F.F." + "." * 400

    [row] = failures(hourly(outcomes), LocalTime(UTC))

    assert row.verdict == "intermittent"
