"""The strict parser, and what it says about everything else."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskrunner.errors import InvalidScheduleError
from taskrunner.schedule.parse import FIELDS, Field, Fields, parse_fields, split_fields


def parse(text: str) -> Fields:
    return parse_fields(split_fields(text), text)


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("*", set(range(60))),
        ("*/20", {0, 20, 40}),
        ("*/90", {0}),
        ("7", {7}),
        ("007", {7}),
        ("50/4", {50, 54, 58}),
        ("10-20/5", {10, 15, 20}),
        ("5-5", {5}),
        ("3,1,1,2", {1, 2, 3}),
        ("58-59,*/30,4", {58, 59, 0, 30, 4}),
    ],
)
def test_an_item_is_a_star_a_number_or_a_range_with_or_without_a_step(field: str, expected: set[int]) -> None:
    actual = parse(f"{field} * * * *").minutes

    assert expected == actual


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("0", {0}),
        ("7", {0}),
        ("SUN", {0}),
        ("mon-Fri", {1, 2, 3, 4, 5}),
        ("5-7", {5, 6, 0}),
        ("fri-sun", {5, 6, 0}),
        ("sun-tue", {0, 1, 2}),
        ("sun-sun", {0}),
        ("sat,sun", {6, 0}),
        ("0-7", {0, 1, 2, 3, 4, 5, 6}),
        ("*/2", {0, 2, 4, 6}),
        ("1/2", {1, 3, 5, 0}),
        ("1-6/2", {1, 3, 5}),
    ],
)
def test_weekdays_go_from_0_to_7_and_have_names(field: str, expected: set[int]) -> None:
    actual = parse(f"* * * * {field}").weekdays

    assert expected == actual


def test_months_have_names() -> None:
    actual = parse("* * * JAN,mar-May,dec *").months

    assert {1, 3, 4, 5, 12} == actual


def test_blanks_between_fields_may_be_several_and_tabs() -> None:
    expected = split_fields("0 9 * * 1-5")

    assert expected == split_fields(" 0\t9  * *\t \t1-5 ")


@pytest.mark.parametrize(
    ("text", "days", "weekdays"),
    [
        ("* * * * *", set(range(1, 32)), set()),
        ("* * 1,15 * *", {1, 15}, set()),
        ("* * * * 5", set(), {5}),
        ("* * 1,15 * 5", {1, 15}, {5}),
        ("* * */10 * 5", {1, 11, 21, 31}, {5}),
        ("* * 1 * 0-6", {1}, set(range(7))),
        ("* * 30,31 2 5", set(), {5}),
    ],
)
def test_only_a_bare_star_leaves_a_side_of_the_union_open(
    text: str, days: set[int], weekdays: set[int]
) -> None:
    actual = parse(text)

    assert (days, weekdays) == (actual.days, actual.weekdays)


@pytest.mark.parametrize("text", ["0 0 31 2 *", "0 0 30 2 *", "* * 31 4,6,9,11 *", "0 0 30-31 feb *"])
def test_a_schedule_that_never_comes_is_an_error(text: str) -> None:
    with pytest.raises(InvalidScheduleError, match="^day: .* never comes in month .* its days go from 1 to"):
        parse(text)


@pytest.mark.parametrize("text", ["0 0 29 2 *", "0 0 31 2,3 *", "0 0 31 2 1", "0 0 28-31 2 *"])
def test_a_schedule_that_comes_rarely_is_none(text: str) -> None:
    assert parse(text).months


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("60 * * * *", "minute: 60 is out of range in '60 * * * *'; minutes go from 0 to 59"),
        ("* 24 * * *", "hour: 24 is out of range in '* 24 * * *'; hours go from 0 to 23"),
        ("* * 32 * *", "day: 32 is out of range in '* * 32 * *'; days go from 1 to 31"),
        ("* * * 0 *", "month: 0 is out of range in '* * * 0 *'; months go from 1 to 12"),
        ("* * * * 8", "weekday: 8 is out of range in '* * * * 8'; weekdays go from 0 to 7"),
        ("*/0 * * * *", "minute: the step '0' cannot be used in '*/0 * * * *'; a step is a number from 1 on"),
        ("1,,2 * * * *", "minute: a list has an empty item in '1,,2 * * * *'; minutes go from 0 to 59"),
        ("5- * * * *", "minute: the range '5-' has one end only in '5- * * * *'; a range is A-B"),
        ("9-5 * * * *", "minute: the range '9-5' is reversed in '9-5 * * * *'; A-B needs A <= B"),
        ("* * * * foo", "weekday: 'foo' is not a number or name in '* * * * foo'; weekdays go from 0 to 7"),
        ("* * *", "schedule: 3 fields in '* * *'; five are needed: minute hour day month weekday"),
    ],
)
def test_an_error_names_the_field_the_text_and_what_would_be_right(text: str, message: str) -> None:
    with pytest.raises(InvalidScheduleError) as caught:
        parse(text)

    assert message == str(caught.value)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("* 22-2 * * *", "write two ranges: 22-23,0-2"),
        ("* * * * sat-mon", "write two ranges: sat-sat,sun-mon"),
        ("* * L * *", "the last day (L) is not supported"),
        ("* * 15W * *", "the nearest working day (W) is not supported"),
        ("* * * * 1#2", "the nth weekday of a month (#) is not supported"),
        ("* * ? * *", "write * instead of ?"),
        ("0~30 * * * *", "write H for a time that differs from task to task, R for a random one"),
        ("*5 * * * *", "after * only a step may follow, as in */5"),
        ("* * * * Monday", "names have three letters: mon"),
        ("0 0 * * * *", "seconds, years and commands have no field"),
        ("@Daily", "write @daily"),
        ("@every 2h", "an alias stands alone; an interval is written 'every 2h'"),
        ("@every2h", "write 'every 2h'"),
        (
            "@reboot",
            "taskrunner cannot tell a restart; write an interval such as 'every 1h', due at once when new",
        ),
        ("@fortnightly", None),
    ],
)
def test_what_other_crons_understand_gets_a_hint(text: str, hint: str | None) -> None:
    with pytest.raises(InvalidScheduleError) as caught:
        parse(text)

    assert hint == caught.value.hint


@pytest.mark.parametrize(
    "field",
    [
        "",
        "-1",
        "+1",
        "1.5",
        "0x5",
        "1_0",
        "٣",
        "²",
        "*-5",
        "1-2-3",
        "*/5/5",
        "/5",
        "1,",
        ",1",
        "*/",
        "1 ",
        "\n1",
    ]
    + ["1-99999999999", "99999-1", "*/100000", "1-*", "**", "jan", "H(1-2", "r", "\0", "5\u00a0", "\ud800"],
)
def test_everything_else_is_an_error(field: str) -> None:
    with pytest.raises(InvalidScheduleError, match="^minute: "):
        parse_fields([field, "*", "*", "*", "*"], "text")


def test_the_length_is_checked_before_anything_else() -> None:
    with pytest.raises(InvalidScheduleError, match="1000009 characters are too many; the most is 256"):
        parse("0," * 500_000 + "0 * * * *")


@given(st.text(alphabet="0123456789*/-,HRLW#?~@ \tmonjasufri\n٣", max_size=30))
def test_any_text_is_read_or_refused_with_one_error(text: str) -> None:
    try:
        fields = parse(text)
    except InvalidScheduleError as error:
        assert str(error)
    else:
        assert fields.minutes and fields.hours and fields.months and (fields.days or fields.weekdays)


@st.composite
def items(draw: st.DrawFn, field: Field) -> tuple[str, set[int]]:
    """Draw an item of `field` as text, with the numbers it means."""
    first = draw(st.integers(field.low, field.high))
    last = draw(st.integers(first, field.high))
    step = draw(st.integers(1, 70))
    whole = range(field.low, field.high + 1)
    return draw(
        st.sampled_from(
            [
                ("*", set(whole)),
                (f"*/{step}", {n for n in whole if (n - field.low) % step == 0}),
                (f"{first:02}", {first}),
                (f"{first}-{last}", {n for n in whole if first <= n <= last}),
                (
                    f"{first}-{last}/{step}",
                    {n for n in whole if first <= n <= last and (n - first) % step == 0},
                ),
                (f"{first}/{step}", {n for n in whole if first <= n and (n - first) % step == 0}),
            ]
        )
    )


@given(st.data())
def test_a_list_means_all_that_its_items_mean(data: st.DataObject) -> None:
    drawn = [data.draw(st.lists(items(field), min_size=1, max_size=4)) for field in FIELDS]
    columns = [",".join(text for text, _ in column) for column in drawn]
    minutes, hours, _, months, weekdays = (
        set().union(*(numbers for _, numbers in column)) for column in drawn
    )
    columns[2] = "1"

    actual = parse_fields(columns, "text")

    assert (minutes, hours, months) == (actual.minutes, actual.hours, actual.months)
    assert ({n % 7 for n in weekdays} if columns[4] != "*" else set()) == actual.weekdays


def test_a_schedule_never_comes_exactly_if_no_month_has_its_day() -> None:
    lengths = {month: 31 for month in range(1, 13)} | {2: 29} | dict.fromkeys((4, 6, 9, 11), 30)

    for day, month in product(range(1, 32), range(1, 13)):
        try:
            parse(f"0 0 {day} {month} *")
        except InvalidScheduleError:
            assert day > lengths[month]
        else:
            assert day <= lengths[month]
