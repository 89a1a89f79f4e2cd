"""How many tasks at once, and when cron is busy."""

from datetime import UTC
from zoneinfo import ZoneInfo

from taskrunner.report.load import LocalTime, heatmap, overlaps
from tests.report.log_lines import moment
from tests.report.task_runs import DAY, HOUR, MONDAY, run_of


def minutes(*numbers: int) -> list[float]:
    return [MONDAY + number * 60 for number in numbers]


def test_the_most_tasks_at_once_and_their_pairs():
    found = overlaps(
        [
            run_of("a.A", started_at=MONDAY, seconds=100.0),
            run_of("a.B", started_at=MONDAY + 40, seconds=20.0),
            run_of("a.C", started_at=MONDAY + 50, seconds=100.0),
            run_of("a.D", started_at=MONDAY + 300),
        ]
    )

    assert (found.most, found.most_at, found.most_names) == (3, MONDAY + 50, ("a.A", "a.B", "a.C"))
    assert [(pair.first, pair.second, pair.times, pair.seconds) for pair in found.pairs] == [
        ("a.A", "a.C", 1, 50.0),
        ("a.A", "a.B", 1, 20.0),
        ("a.B", "a.C", 1, 10.0),
    ]


def test_tasks_one_after_the_other_do_not_overlap():
    found = overlaps([run_of("a.A", started_at=MONDAY, seconds=10.0), run_of("a.B", started_at=MONDAY + 10)])

    assert (found.most, found.pairs) == (1, [])


def test_a_task_that_overlaps_itself_or_overruns_its_interval_is_named():
    runs = [
        run_of("a.A", started_at=MONDAY + n * 300, seconds=400.0 if n % 4 == 0 else 10.0) for n in range(12)
    ]

    found = overlaps(runs)

    assert [(pair.first, pair.second, pair.times) for pair in found.pairs] == [("a.A", "a.A", 3)]
    assert [(row.name, row.interval, row.times, row.runs) for row in found.overruns] == [
        ("a.A", 300.0, 3, 12)
    ]


def test_busy_seconds_lie_in_the_cells_that_a_run_goes_through():
    found = heatmap([run_of("a.A", started_at=MONDAY + 3 * HOUR + 240, seconds=420.0)], LocalTime(UTC))

    assert found.by_day[3][:4] == [60.0, 300.0, 60.0, 0.0]
    assert (found.by_week[0][3], sum(map(sum, found.by_week))) == (420.0, 420.0)
    assert [(hot.hour, hot.minute, hot.seconds) for hot in found.hottest] == [
        (3, 5, 300.0),
        (3, 0, 60.0),
        (3, 10, 60.0),
    ]


def test_the_hottest_cell_names_the_tasks_behind_it():
    runs = [run_of("a.Long", seconds=200.0), run_of("a.Short", seconds=20.0)]

    [hot] = heatmap(runs, LocalTime(UTC)).hottest

    assert hot.tasks == (("a.Long", 200.0), ("a.Short", 20.0))


def test_a_pile_of_starts_at_the_full_hour_is_seen():
    runs = [run_of(f"a.T{n}", started_at=MONDAY + n % 3 * HOUR) for n in range(30)]
    runs += [run_of("a.Other", started_at=MONDAY + 17 * 60)]

    found = heatmap(runs, LocalTime(UTC))

    assert (found.starts[0], found.starts[17], sum(found.starts)) == (30, 1, 31)


def test_cells_are_those_of_the_zones_clock_also_when_it_changes():
    paris = LocalTime(ZoneInfo("Europe/Paris"))
    before, after = moment("2026-10-25T00:30:00"), moment("2026-10-25T01:30:00")

    assert [paris.read(at) for at in (before, after)] == [(6, 9000), (6, 9000)]
    assert paris.read(MONDAY - HOUR) == (0, 0)


def test_days_are_counted():
    assert heatmap([run_of(started_at=MONDAY + day * DAY) for day in (0, 0, 5)], LocalTime(UTC)).days == 2
