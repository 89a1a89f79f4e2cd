"""Spreading tasks: the peak falls, the period stays, and `taskrun schedule` takes every line."""

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskrunner.report.stagger import Slot, slots, stagger
from taskrunner.schedule import Schedule

EVERY_HOUR = tuple(range(24))


def daily(name: str, seconds: float, *, hour: int = 3, minute: int = 0, may_move: bool = True) -> Slot:
    return Slot(name, (minute,), (hour,), "* * *", seconds, may_move)


def test_a_pile_at_the_full_hour_is_spread_and_the_peak_falls():
    pile = [daily(f"a.T{number}", 60.0) for number in range(30)]

    plan = stagger(pile)

    assert (plan.peak_before, plan.peak_after) == (30.0, 1.0)
    assert len(plan.moves) == 29
    assert {move.after.hours for move in plan.moves} == {(3,)}


def test_the_largest_task_stays_and_the_others_make_room():
    plan = stagger([daily("a.Small", 60.0), daily("a.Large", 1200.0), daily("a.Medium", 300.0)])

    assert [(move.after.name, move.after.expression) for move in plan.moves] == [
        ("a.Medium", "20 3 * * *"),
        ("a.Small", "25 3 * * *"),
    ]


def test_within_a_window_the_hour_may_change_too():
    pile = [daily(f"a.T{number}", 3600.0) for number in range(4)]

    plan = stagger(pile, window=(1, 2, 3, 4))

    assert plan.peak_after == 1.0
    assert sorted(hour for move in plan.moves for hour in move.after.hours) == [1, 2, 4]


def test_the_period_never_changes():
    pile = [Slot(f"a.T{number}", (0, 15, 30, 45), EVERY_HOUR, "* * *", 60.0, True) for number in range(5)]

    plan = stagger(pile)

    assert plan.peak_after == 1.0
    assert {move.after.expression for move in plan.moves} == {
        f"{minute}-59/15 * * * *" for minute in (1, 2, 3, 4)
    }


def test_what_may_not_move_stays_and_is_reckoned_with():
    plan = stagger([daily("a.Fixed", 600.0, may_move=False), daily("a.Free", 60.0)])

    assert [(move.after.name, move.after.minutes) for move in plan.moves] == [("a.Free", (10,))]


def test_tasks_that_are_apart_are_left_alone():
    plan = stagger([daily(f"a.T{number}", 30.0, minute=number) for number in range(60)])

    assert (plan.moves, plan.peak_before) == ([], 0.5)


def test_nothing_at_all_is_no_error():
    assert stagger([]).moves == []


def test_a_task_over_midnight_goes_on_in_the_morning():
    plan = stagger([daily("a.Late", 7200.0, hour=23, minute=30), daily("a.Early", 60.0, hour=0, minute=10)])

    assert plan.peak_before == 2.0


@given(
    st.lists(
        st.tuples(
            st.sets(st.integers(0, 59), min_size=1, max_size=8),
            st.sets(st.integers(0, 23), min_size=1, max_size=24),
            st.floats(0.01, 5000),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_every_line_is_a_schedule_with_the_same_steps_and_the_peak_never_rises(tasks):
    made = [
        Slot(f"a.T{number}", tuple(sorted(minutes)), tuple(sorted(hours)), "* * 1", seconds, True)
        for number, (minutes, hours, seconds) in enumerate(tasks)
    ]

    plan = stagger(made)

    assert plan.peak_after <= plan.peak_before
    for move in plan.moves:
        schedule = Schedule(move.after.expression, timezone="UTC")
        fields = schedule._fields
        assert tuple(sorted(fields.minutes)) == move.after.minutes
        assert tuple(sorted(fields.hours)) == move.before.hours
        steps = [
            [b - a for a, b in zip(slot.minutes, slot.minutes[1:], strict=False)]
            for slot in (move.before, move.after)
        ]
        assert steps[0] == steps[1]


@pytest.mark.parametrize("seed", range(5))
def test_a_real_looking_site_gets_a_lower_peak(seed):
    chance = random.Random(seed)
    made = [
        daily(f"a.D{n}", chance.lognormvariate(3, 1.5), hour=chance.choice((0, 1, 2, 3))) for n in range(40)
    ]
    made += [Slot(f"a.H{n}", (0,), EVERY_HOUR, "* * *", chance.uniform(1, 40), True) for n in range(10)]

    plan = stagger(made)

    assert plan.peak_after < plan.peak_before


class Row:
    """What of a scheduled task's row decides its slot."""

    def __init__(self, name: str, schedule: str, *, disabled: int = 0, blocked: str | None = None) -> None:
        self.name, self.schedule, self.disabled, self.blocked = name, schedule, disabled, blocked
        self.timezone = "UTC"


def test_slots_come_from_tasks_that_run_at_minutes_of_the_clock():
    rows = [
        Row("a.Daily", "0 3 * * *"),
        Row("a.Always", "* * * * *"),
        Row("a.Interval", "every 2h"),
        Row("a.Off", "0 3 * * *", disabled=1),
        Row("a.Gone", "0 3 * * *", blocked="missing"),
        Row("a.Decided", "0,30 * 1 * mon"),
    ]

    made = list(slots(rows, {"a.Daily": 9.0}, fixed=frozenset({"a.Decided"}), shifts={"UTC": 60}))

    assert [(slot.name, slot.may_move, slot.seconds, slot.expression) for slot in made] == [
        ("a.Daily", True, 9.0, "0 3 * * *"),
        ("a.Always", False, 1.0, "* * * * *"),
        ("a.Decided", False, 1.0, "0,30 * 1 * mon"),
    ]
    assert list(made[0].starts) == [4 * 60]


def test_a_move_that_does_not_lower_the_peak_is_not_proposed():
    small = [Slot(f"a.Small{n}", (0,), (9,), "* * *", 0.018, True) for n in range(8)]
    long = Slot("a.Long", (0,), (2,), "* * *", 7200.0, False)
    pile = [Slot(f"a.Pile{n}", (0,), (3,), "* * *", 60.0, True) for n in range(3)]

    assert stagger([*small, Slot("a.Hour", (10,), (4,), "* * *", 40.0, False)]).moves == []
    plan = stagger([*small, long, *pile])

    assert {move.before.name[:6] for move in plan.moves} == {"a.Pile"}
    assert plan.peak_after < plan.peak_before


def test_without_any_of_its_moves_the_peak_is_higher():
    slots = [Slot(f"a.T{n}", (0, 30) if n % 3 else (0,), (3, 4), "* * *", 20.0 * n, True) for n in range(9)]
    plan = stagger(slots)
    moved = {move.after.name: move.after for move in plan.moves}

    for left_out in moved:
        placed = [moved.get(slot.name, slot) if slot.name != left_out else slot for slot in slots]
        assert stagger([replace(slot, may_move=False) for slot in placed]).peak_before > plan.peak_after
    assert moved
