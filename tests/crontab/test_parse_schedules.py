"""When a line is started: by cron, and by taskrunner."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taskrunner.crontab.parse import follows_clock, translate, translate_alias
from taskrunner.crontab.records import RefusedError
from taskrunner.schedule import Schedule
from tests.crontab.isc_cron import BOUNDS, NICKNAMES, next_times, times

AFTER = datetime(2027, 1, 31, 12, 34, 56, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "schedule"),
    [
        ("* * * * *", "* * * * *"),
        ("*/5 0-23/2 1,15 jan,JUN-aug mon-FRI", "*/5 0-23/2 1,15 jan,JUN-aug mon-FRI"),
        ("0 0 13 * 5", "0 0 13 * 5"),
        ("0 0 */1 * 5", "0 0 * * 5"),
        ("0 0 *,1 * 5", "0 0 * * 5"),
        ("0 0 5 * */1", "0 0 5 * *"),
        ("0 0 */2 * *", "0 0 */2 * *"),
        ("0 0 */2 * 0-7", "0 0 */2 * *"),
        ("0 0 1-31 * */2", "0 0 * * */2"),
        ("0 0 * * 7", "0 0 * * 7"),
        ("0 0 * * 5-7", "0 0 * * 5-7"),
        ("0 0 * * sun-tue", "0 0 * * sun-tue"),
        ("007 * * * *", "007 * * * *"),
        ("*/100 * * * *", "*/100 * * * *"),
        ("0 0 1-31 * 1", "0 0 1-31 * 1"),
    ],
)
def test_five_fields_become_a_schedule(text, schedule):
    assert schedule == translate(text.split(" "))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("0 0 */2 * 1", "must both match"),
        ("0 0 */100,1-7 * 1", "must both match"),
        ("0 0 1-7 * */2", "must both match"),
        ("5/10 * * * *", "minute: cron programs differ in what 5/10 means"),
        ("0 0 * * fri-sun", "weekday: cron programs differ in what fri-sun means"),
        ("0~30 * * * *", "minute: cron draws 0~30 by chance; H(0-30) chooses"),
        ("~ * * * *", "minute: cron draws ~ by chance; H chooses"),
        ("H * * * *", "minute: 'H' is not what cron knows"),
        ("R * * * *", "minute: 'R' is not what cron knows"),
        ("0 0 ? * 1", "day: '?' is not what cron knows"),
        ("0 0 L * *", "day: 'L' is not what cron knows"),
        ("0 0 * * 1#2", "weekday: '1#2' is not what cron knows"),
        ("5x * * * *", "minute: '5x' is not what cron knows"),
        ("*5 * * * *", "minute: '*5' is not what cron knows"),
        ("1,,2 * * * *", "minute: '' is not what cron knows"),
        ("0 0 * * monday", "weekday: 'monday' is not what cron knows"),
        ("60 * * * *", "minute: 60 is out of range"),
        ("0 24 * * *", "hour: 24 is out of range"),
        ("0 0 0 * *", "day: 0 is out of range"),
        ("*/0 * * * *", "minute: the step '0' cannot be used"),
        ("30-10 * * * *", "minute: the range '30-10' is reversed"),
        ("0 0 30 2 *", "day: '30' never comes in month '2'"),
        ("jan * * * *", "minute: 'jan' is not a number"),
        ("1-5/2/3 * * * *", "minute: '1-5/2/3' is not what cron knows"),
        (f"{'0,' * 200}0 * * * *", "schedule: 409 characters are too many"),
        ("0 0 99 * */1", "day: 99 is out of range"),
    ],
)
def test_what_no_schedule_says_is_refused_with_the_reason(text, reason):
    with pytest.raises(RefusedError) as refused:
        translate(text.split(" "))

    assert reason in str(refused.value)


@pytest.mark.parametrize("word", NICKNAMES)
def test_the_nicknames_are_those_of_cron(word):
    schedule = Schedule(translate_alias(word), timezone="UTC")

    assert next_times(times(word), AFTER, 3, days=366 * 4) == schedule.upcoming(AFTER, 3)


def test_the_nickname_of_freebsd_is_every_minute():
    assert "* * * * *" == translate_alias("@every_minute")


@pytest.mark.parametrize("word", ["@reboot", "@Daily", "@every", "@every_second", "@10", "@"])
def test_other_nicknames_are_refused(word):
    with pytest.raises(RefusedError):
        translate_alias(word)


def column(low: int, high: int, names: list[str]) -> st.SearchStrategy[str]:
    """Fields as people write them, and some that only a machine would."""
    number = st.integers(low, high).map(str)
    value = st.one_of(number, st.sampled_from(names)) if names else number
    spans = st.tuples(st.integers(low, high), st.integers(low, high)).map(
        lambda pair: "-".join(map(str, sorted(pair)))
    )
    step = st.integers(1, high + 2).map(lambda width: f"/{width}")
    item = st.one_of(st.just("*"), value, spans, st.tuples(st.one_of(st.just("*"), spans), step).map("".join))
    return st.one_of(st.just("*"), st.lists(item, min_size=1, max_size=3).map(",".join))


FIVE = st.tuples(*(column(*bounds) for bounds in BOUNDS)).map(list)


@settings(max_examples=300)
@given(FIVE)
def test_a_schedule_comes_when_cron_would_start_the_line(columns):
    try:
        schedule = Schedule(translate(columns), timezone="UTC")
    except RefusedError:
        return
    expected = next_times(times(" ".join(columns)), AFTER, 4, days=366 * 2)

    assert expected == [at for at in schedule.upcoming(AFTER, 4)][: len(expected)]


@settings(max_examples=300)
@given(FIVE)
def test_nothing_is_refused_that_a_schedule_could_say(columns):
    """A refusal is for a day and a weekday that must both match, or a line that never comes."""
    try:
        translate(columns)
    except RefusedError as refused:
        told = times(" ".join(columns))
        days, weekdays = told.sets[2], told.sets[4]
        both = (told.dom_star or told.dow_star) and len(days) < 31 and len(weekdays) < 8
        assert both or "never comes" in str(refused)


@pytest.mark.parametrize(
    ("schedule", "follows"),
    [
        ("*/20 2 * * *", True),
        ("0 */2 * * *", True),
        ("0 2 * * *", False),
        ("@hourly", True),
        ("@daily", False),
    ],
)
def test_cron_lets_lines_with_a_star_in_minute_or_hour_follow_the_clock(schedule, follows):
    assert follows == follows_clock(schedule)
