"""How long tasks take, and whose time cron's time is."""

from taskrunner.report.durations import durations, lengths_of
from tests.report.task_runs import run_of


def test_percentiles_and_shares_of_time():
    runs = [run_of("a.Fast", seconds=float(number)) for number in range(1, 101)]

    first, second = durations(lengths_of([*runs, run_of("a.Slow", seconds=5050.0)]))

    assert (second.name, second.p50, second.p95, second.p99, second.longest) == ("a.Slow", *[5050.0] * 4)
    assert (first.p50, first.p95, first.p99, first.longest, first.total) == (50, 95, 99, 100, 5050)
    assert (first.share, second.share) == (0.5, 0.5)


def test_of_a_run_with_an_unknown_end_only_the_time_it_lived_is_told():
    [row] = durations(lengths_of([run_of(seconds=3.0), run_of(outcome="crashed", seconds=600.0)]))

    assert (row.longest, row.crashed, row.crashed_after, row.total) == (3.0, 1, 600.0, 3.0)


def test_a_task_that_only_crashed_has_no_percentiles():
    [row] = durations(lengths_of([run_of(outcome="crashed", seconds=600.0)]))

    assert (row.p50, row.runs, row.counts) == (None, 1, (0,) * 8)
