"""When cron was silent: told from its starts, never from the runs of tasks."""

import pytest

from taskrunner.records import CronGap
from taskrunner.report.load import Silences, gaps_of_processes, gaps_of_starts
from tests.report.task_runs import DAY, MONDAY, cron_run


def minutes(*numbers: int) -> list[float]:
    return [MONDAY + number * 60 for number in numbers]


def test_a_silent_hour_is_found_with_the_last_line_before():
    runs = [cron_run(at) for at in minutes(*range(60), *range(120, 180))]

    found = gaps_of_processes(runs)

    [gap] = found.gaps
    assert (gap.began_at, gap.ended_at, gap.last_line) == (
        MONDAY + 59 * 60 + 3,
        MONDAY + 7200,
        "Cron completed",
    )
    assert found.usual == 60.0


@pytest.mark.parametrize("every", [1, 4, 60])
def test_a_steady_cron_is_never_silent(every):
    assert gaps_of_processes([cron_run(at) for at in minutes(*range(0, 6000, every))]).gaps == []


def test_four_silent_minutes_are_no_gap():
    assert gaps_of_processes([cron_run(at) for at in minutes(0, 1, 2, 7, 8)]).gaps == []


def test_a_process_at_work_for_an_hour_is_not_silent():
    runs = [cron_run(MONDAY, 3600.0), cron_run(MONDAY + 60), cron_run(MONDAY + 3660)]

    assert gaps_of_processes(runs).gaps == []


def test_an_empty_file_is_no_sign_of_life():
    runs = [cron_run(MONDAY), cron_run(MONDAY + 1800, 0.0, state="empty"), *[cron_run(MONDAY + 3600)] * 3]

    assert [gap.duration for gap in gaps_of_processes(runs).gaps] == [3597.0]


def test_nothing_at_all_has_no_gaps():
    assert gaps_of_processes([]) == Silences([], None)


def test_a_process_that_hangs_is_silent_from_its_last_sign_on():
    hung = cron_run(MONDAY + 60, 2.0, state="truncated", last_line="Execute scheduled task: a.B")
    runs = [cron_run(MONDAY), hung, cron_run(MONDAY + 3600), cron_run(MONDAY + 3660), cron_run(MONDAY + 3720)]

    [gap] = gaps_of_processes(runs).gaps

    assert (gap.began_at, gap.last_line) == (MONDAY + 62, "Execute scheduled task: a.B")


def kept(*spans: tuple[int, int], host: str = "cron1") -> list[CronGap]:
    """Intervals longer than five minutes that crons found at their starts, in minutes from Monday."""
    return [CronGap(host, *minutes(first, last)) for first, last in spans]


def silent(gaps: list[CronGap], last: dict[str, float], *, since: float = 0, until: float = 1e15, now: float):
    return gaps_of_starts(gaps, last, since=since, until=until, now=now)


def test_only_what_a_cron_found_at_its_start_is_a_gap_of_a_site():
    found = silent(kept((60, 102), (500, 507)), {"cron1": MONDAY + DAY}, now=MONDAY + DAY + 30)

    assert [gap.duration / 60 for gap in found.gaps] == [42, 7]
    assert found.usual is None


def test_a_cron_that_is_meant_to_start_hourly_is_not_silent_in_between():
    hourly = [(60 * hour, 60 * (hour + 1)) for hour in range(48)]
    missed = [
        *hourly[:20],
        (1200, 1200 + 60 * 5),
        *[(1500 + 60 * hour, 1560 + 60 * hour) for hour in range(20)],
    ]

    assert silent(kept(*hourly), {"cron1": MONDAY + 2 * DAY}, now=MONDAY + 2 * DAY + 1800).gaps == []
    assert [gap.duration / 60 for gap in silent(kept(*missed), {}, now=MONDAY + 3 * DAY).gaps] == [300]


def test_two_outages_one_after_the_other_are_both_told():
    found = silent(kept((60, 80), (81, 101)), {"cron1": MONDAY + DAY}, now=MONDAY + DAY)

    assert [gap.duration / 60 for gap in found.gaps] == [20, 20]


def test_a_silence_that_lasts_has_no_end_yet():
    [gap] = silent([], {"cron1": MONDAY}, now=MONDAY + 1200).gaps

    assert (gap.ended_at, gap.duration) == (None, 1200)
    assert silent([], {"cron1": MONDAY}, until=MONDAY + 600, now=MONDAY + 1200).gaps == []


def test_each_host_has_silences_of_its_own():
    found = silent([*kept((60, 102)), *kept((80, 200), host="cron2")], {}, now=MONDAY + DAY)

    assert [(gap.hostname, gap.duration / 60) for gap in found.gaps] == [("cron1", 42), ("cron2", 120)]


def test_a_site_whose_tasks_come_in_bunches_has_no_gaps_while_its_cron_starts():
    """Nothing that is due writes nothing: only the starts of crons tell, and they keep no interval here."""
    assert silent([], {"cron1": MONDAY + 3 * DAY}, now=MONDAY + 3 * DAY + 40).gaps == []
