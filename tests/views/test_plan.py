"""What runs when: starts, clashes, how long tasks wait for each other, and clock changes."""

from datetime import datetime
from zoneinfo import ZoneInfo

from taskrunner.schedule import Every, Schedule
from taskrunner.views.columns import Context
from taskrunner.views.plan import PlannedTask, clock_change_sentence, plan_of, planned_tasks, starts_of
from tests.runner.runner_site import scheduled

DAY = 86_400.0
PARIS = ZoneInfo("Europe/Paris")


def moment(text):
    return datetime.fromisoformat(text).replace(tzinfo=PARIS).timestamp()


NOW = moment("2026-11-30 12:00:30")


def task(name, text, *, usual=None, next_run_at=None, held_until=0.0, now=NOW):
    schedule = Schedule(text, timezone="Europe/Paris")
    first = schedule.next_at(now) if next_run_at is None else next_run_at
    return PlannedTask(name, schedule, first, usual, held_until)


def plan(*tasks, now=NOW, days=1, limit=3, **more):
    return plan_of(tasks, now=now, until=now + days * DAY, limit=limit, **more)


def shown(plan):
    return [(f"{datetime.fromtimestamp(row.at, PARIS):%d %H:%M}", row.task.name) for row in plan.rows]


def test_each_start_of_a_day_has_a_row_in_the_order_of_the_clock():
    found = plan(task("b.Night", "0 3 * * *"), task("a.Noon", "0 */12 * * *"), days=2)

    assert [
        ("01 00:00", "a.Noon"),
        ("01 03:00", "b.Night"),
        ("01 12:00", "a.Noon"),
        ("02 00:00", "a.Noon"),
        ("02 03:00", "b.Night"),
        ("02 12:00", "a.Noon"),
    ] == shown(found)


def test_a_task_that_starts_many_times_a_day_has_one_row_unless_each_start_is_wanted():
    hourly = task("a.Hourly", "0 * * * *")

    [row] = plan(hourly).rows

    assert (24, 24.0, moment("2026-11-30 13:00:00")) == (row.starts, row.starts_a_day, row.at)
    assert 24 == len(plan(hourly, most_a_day=100).rows)


def test_what_is_overdue_starts_now_and_what_is_paused_at_the_end_of_its_pause_once():
    overdue = task("a.Late", "0 * * * *", next_run_at=NOW - 7200)
    paused = overdue._replace(held_until=moment("2026-11-30 15:30:00"))
    every = PlannedTask("b.Every", Every(hours=2), NOW + 60)

    def starts(one):
        return [f"{datetime.fromtimestamp(at, PARIS):%H:%M}" for at in starts_of(one, now=NOW, until=until)]

    until = moment("2026-11-30 16:30:00")
    assert ["12:00", "13:00", "14:00", "15:00", "16:00"] == starts(overdue)
    assert ["15:30", "16:00"] == starts(paused)
    assert ["12:01", "14:01", "16:01"] == starts(every)


def test_tasks_of_one_minute_wait_for_each_other_until_another_cron_helps():
    tasks = [task(f"a.T{number}", "0 3 * * *", usual=90.0) for number in range(3)]

    one_by_one = plan(*tasks, limit=1)
    side_by_side = plan(*tasks, limit=3)

    assert [0.0, 90.0, 180.0] == [row.wait for row in one_by_one.rows]
    assert [0.0, 60.0, 90.0] == [row.wait for row in side_by_side.rows]  # a cron begins each minute
    assert [3, 3, 3] == [row.together for row in one_by_one.rows]
    [clash] = one_by_one.clashes
    assert (1, ("a.T0", "a.T1", "a.T2"), 270.0, 180.0) == clash[1:]


def test_a_clash_that_comes_back_is_one_with_how_often_it_does():
    tasks = (
        task("a.Hourly", "0 * * * *", usual=5.0),
        task("b.Hourly", "0 * * * *", usual=1.0),
        task("c.Alone", "7 * * * *"),
    )

    [clash] = plan(*tasks).clashes

    assert (moment("2026-11-30 13:00:00"), 24, ("a.Hourly", "b.Hourly"), 6.0, 5.0) == clash


def test_a_night_without_two_o_clock_makes_up_for_it_and_a_night_with_two_runs_once():
    tasks = ("a.Night", "30 2 * * *"), ("b.Often", "*/30 * * * *"), ("c.Three", "0 3 * * *")
    changes = {}
    for day in ("2026-03-29", "2026-10-25"):
        now = moment(f"{day} 00:10:00")
        [change] = plan(*(task(*one, now=now) for one in tasks), now=now).clock_changes
        changes[day] = clock_change_sentence(change, Context(now, PARIS))

    assert {
        "2026-03-29": "Sun Mar 29 03:00  the clock of Europe/Paris goes forward by 60 min: "
        "a.Night runs at 03:00 +0200",
        "2026-10-25": "Sun Oct 25 02:00  the clock of Europe/Paris goes back by 60 min: "
        "a.Night runs at 02:30 +0200, b.Often runs 4 times",
    } == changes


def test_a_plan_of_some_tasks_keeps_how_long_they_wait_for_the_others():
    found = plan(task("a.Long", "0 3 * * *", usual=600.0), task("b.Short", "0 3 * * *"), limit=1)

    of_short = found.of({"b.Short"})

    assert [("b.Short", 600.0)] == [(row.task.name, row.wait) for row in of_short.rows]
    assert 1 == len(of_short.clashes)


def test_the_tasks_of_a_site_are_planned_but_for_those_that_will_not_run(make_site):
    site = make_site(
        plugins={
            "a": scheduled("Runs"),
            "b": scheduled("Off", extra="disabled = True"),
            "c": scheduled("Late"),
        }
    )
    site.cron(after=60)

    with site.opened() as opened:
        tasks, left_out = planned_tasks(opened, site.clock())

    planned = {one.name: one for one in tasks if not one.name.startswith("core.")}
    assert {"a.Runs", "c.Late"} == set(planned)
    assert left_out > 1  # that which is disabled, and all of core
    assert planned["a.Runs"].usual_duration is not None
    assert planned["a.Runs"].next_run_at > site.clock()
