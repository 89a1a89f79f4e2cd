"""Does a task fail when it takes too long? Sites of which the truth is known."""

import random

import pytest

from taskrunner.report.durations import lengths_of
from taskrunner.report.statistics import in_words, thresholds
from tests.report.task_runs import MONDAY, run_of


def found(lengths_and_outcomes):
    runs = [run_of(outcome=outcome, seconds=seconds) for seconds, outcome in lengths_and_outcomes]
    [row] = thresholds(lengths_of(runs))
    return row


@pytest.mark.parametrize("seed", range(10))
def test_a_task_that_fails_only_over_a_thousand_seconds_is_found(seed):
    chance = random.Random(seed)
    lengths = [chance.lognormvariate(5.5, 0.9) for _ in range(425)]

    row = found([(length, "failed" if length > 1000 else "ok") for length in lengths])

    assert row.threshold == pytest.approx(1000, rel=0.1)
    assert row.under == (0, sum(length <= 1000 for length in lengths))


@pytest.mark.parametrize("seed", range(20))
def test_failures_that_have_nothing_to_do_with_length_give_no_limit(seed):
    chance = random.Random(seed)

    row = found(
        [(chance.lognormvariate(5.5, 0.9), "failed" if chance.random() < 0.02 else "ok") for _ in range(2000)]
    )

    assert row.threshold is None
    assert "no such limit seen" in in_words(row)


def test_a_limit_is_seen_through_some_other_failures():
    chance = random.Random(3)
    lengths = [chance.uniform(10, 1300) for _ in range(600)]

    row = found(
        [(length, "failed" if length > 1000 or chance.random() < 0.01 else "ok") for length in lengths]
    )

    assert row.threshold == pytest.approx(1000, rel=0.1)


def test_what_ends_runs_at_one_length_is_a_hard_limit():
    chance = random.Random(3)
    ok = [(chance.uniform(10, 700), "ok") for _ in range(100)]
    killed = [(1800 + chance.random() * 4, "timeout") for _ in range(8)]

    row = found([*ok, *killed])

    assert row.threshold == pytest.approx(1800, rel=0.01)
    assert (row.over, row.under) == ((row.over[0], row.over[0]), (8 - row.over[0], 108 - row.over[0]))
    assert "It looks like a hard limit at about 180" in in_words(row)


def test_runs_that_died_at_an_unknown_moment_make_no_limit():
    """One log to which each minute's process appends: of a task that exits at once 0 to 59 s are known."""
    ok = [run_of(seconds=2.0 + n % 5) for n in range(30)]
    died = [run_of(outcome="crashed", seconds=0.0, ended_before=MONDAY + 59.0) for _ in range(10)]

    [row] = thresholds(lengths_of([*ok, *died]))

    assert (row.threshold, row.hard_limit, row.failures, row.unknown) == (None, None, 0, 10)
    assert in_words(row).endswith("10 more died at a moment nobody knows.")


def test_a_task_that_always_takes_as_long_has_no_limit_there():
    chance = random.Random(5)
    runs = [(60 + chance.random() / 10, "failed" if chance.random() < 0.1 else "ok") for _ in range(400)]

    assert (found(runs).threshold, found(runs).hard_limit) == (None, None)


def test_a_task_that_gives_up_early_has_no_limit_there():
    failed = [(2.0 + n / 1000, "failed") for n in range(12)]

    assert found([*[(50.0 + n, "ok") for n in range(60)], *failed]).hard_limit is None


def test_it_is_said_in_one_sentence():
    row = found(
        [*[(float(n), "ok") for n in range(2, 412)], *[(2000.0 + 100 * n, "failed") for n in range(14)]]
    )

    assert in_words(row) == "backup.CourseBackup: 14 of 14 runs over 1206 s failed, 0 of 410 under it."


@pytest.mark.parametrize(("failed", "ok"), [(4, 100), (5, 19), (0, 0)])
def test_a_few_runs_say_nothing(failed, ok):
    runs = [run_of(outcome="failed", seconds=2000.0)] * failed
    runs += [run_of(seconds=10.0 + n) for n in range(ok)]

    rows = thresholds(lengths_of(runs))

    assert [row.threshold for row in rows] == [None] * bool(failed or ok)


def test_a_task_that_fails_at_once_has_no_limit():
    row = found([*[(100.0, "ok")] * 50, *[(0.1, "failed")] * 10])

    assert row.threshold is None


def test_a_failure_that_takes_a_millisecond_longer_is_no_limit():
    row = found([*[(0.001, "ok")] * 50, *[(0.003, "failed")] * 10])

    assert row.threshold is None
