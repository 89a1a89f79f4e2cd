"""How long, how silent, how many at once, and when."""

from datetime import UTC
from zoneinfo import ZoneInfo

import pytest

from taskrunner.report.durations import durations
from taskrunner.report.gaps import gaps, signs_of
from taskrunner.report.load import LocalTime, heatmap, overlaps
from tests.report.log_lines import moment
from tests.report.task_runs import DAY, HOUR, MONDAY, cron_run, run_of


def minutes(*numbers: int) -> list[float]:
    return [MONDAY + number * 60 for number in numbers]


def test_percentiles_and_shares_of_time():
    runs = [run_of("a.Fast", seconds=float(number)) for number in range(1, 101)]

    first, second = durations([*runs, run_of("a.Slow", seconds=5050.0)])

    assert (second.name, second.p50, second.p95, second.p99, second.longest) == ("a.Slow", *[5050.0] * 4)
    assert (first.p50, first.p95, first.p99, first.longest, first.total) == (50, 95, 99, 100, 5050)
    assert (first.share, second.share) == (0.5, 0.5)


def test_a_crashed_run_took_at_least_as_long_as_it_is_known_to_have_lived():
    [row] = durations([run_of(seconds=3.0), run_of(outcome="crashed", seconds=600.0)])

    assert (row.longest, row.crashed, row.crashed_after, row.total) == (3.0, 1, 600.0, 603.0)


def test_a_task_that_only_crashed_has_no_percentiles():
    [row] = durations([run_of(outcome="crashed", seconds=600.0)])

    assert (row.p50, row.runs, row.counts) == (None, 1, (0,) * 8)


def test_a_silent_hour_is_found_with_the_last_line_before():
    runs = [cron_run(at) for at in minutes(*range(60), *range(120, 180))]

    found, usual = gaps(signs_of(runs, []))

    [gap] = found
    assert (gap.began_at, gap.ended_at, gap.last_line) == (
        MONDAY + 59 * 60 + 3,
        MONDAY + 7200,
        "Cron completed",
    )
    assert usual == 60.0


@pytest.mark.parametrize("every", [1, 4, 60])
def test_a_steady_cron_is_never_silent(every):
    assert gaps(signs_of([cron_run(at) for at in minutes(*range(0, 6000, every))], []))[0] == []


def test_four_silent_minutes_are_no_gap():
    assert gaps(signs_of([cron_run(at) for at in minutes(0, 1, 2, 7, 8)], []))[0] == []


def test_a_process_at_work_for_an_hour_is_not_silent():
    runs = [cron_run(MONDAY, 3600.0), cron_run(MONDAY + 60), cron_run(MONDAY + 3660)]

    assert gaps(signs_of(runs, []))[0] == []


def test_an_empty_file_is_no_sign_of_life():
    runs = [cron_run(MONDAY), cron_run(MONDAY + 1800, 0.0, state="empty"), *[cron_run(MONDAY + 3600)] * 3]

    assert [gap.duration for gap in gaps(signs_of(runs, []))[0]] == [3597.0]


def test_without_cron_processes_the_runs_of_tasks_are_the_signs_of_life():
    runs = [run_of(started_at=at) for at in minutes(*range(30), *range(90, 120))]

    [gap] = gaps(signs_of([], runs))[0]

    assert (gap.duration, gap.last_line) == (3659.0, "backup.CourseBackup: ok")


def test_nothing_at_all_has_no_gaps():
    assert gaps([]) == ([], None)


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
