"""Times without a date or an offset."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from taskrunner.report.clock import LogClock, from_file_name
from tests.report.log_lines import Log, moment, parse

PARIS = ZoneInfo("Europe/Paris")
TASK = "a (b.C)"


def starts(*times: str, header: str, zone: ZoneInfo = PARIS) -> list[str]:
    """Return the UTC times of tasks that were started at these times of the clock."""
    lines = [f"Server Time: {header}"]
    for time in times:
        lines += [f"Execute scheduled task: {TASK}", f"... started {time}. Current memory use 1 MB."]
        lines += ["... used 0.5 seconds", f"Scheduled task complete: {TASK}"]
    told = parse("".join(f"{line}\n" for line in lines).encode(), zone=zone)
    return [f"{datetime.fromtimestamp(task.started_at, UTC):%d %H:%M:%S}" for task in told.tasks]


def test_a_time_is_one_of_the_running_day():
    found = starts("13:57:01", "14:03:00", header="Fri, 20 Nov 2026 13:57:01 +0100")

    assert found == ["20 12:57:01", "20 13:03:00"]


def test_a_time_far_behind_is_one_of_the_next_day():
    found = starts("23:59:58", "00:00:10", "00:01:00", header="Fri, 20 Nov 2026 23:59:01 +0100")

    assert found == ["20 22:59:58", "20 23:00:10", "20 23:01:00"]


def test_a_task_of_fourteen_hours_ends_on_the_next_day():
    log = Log(at=moment("2026-11-20T10:00:00")).head().ok(TASK, 14.5 * 3600.0).ok(TASK, 1.0)

    first, second = parse(log).tasks

    assert second.started_at == first.ended_at == moment("2026-11-21T00:30:00")


def test_an_hour_behind_in_autumn_is_the_second_pass():
    found = starts("02:50:00", "02:10:00", "03:10:00", header="Sun, 25 Oct 2026 02:40:00 +0200")

    assert found == ["25 00:50:00", "25 01:10:00", "25 02:10:00"]


def test_the_hour_that_is_missing_in_spring_is_no_time():
    found = starts("01:59:00", "03:01:00", header="Sun, 29 Mar 2026 01:58:00 +0100")

    assert found == ["29 00:59:00", "29 01:01:00"]


def test_the_offset_of_the_header_counts_where_the_zone_has_another():
    found = starts("13:57:01", header="Fri, 20 Nov 2026 13:57:01 +0530")

    assert found == ["20 08:27:01"]


@pytest.mark.parametrize("time", ["24:00:00", "12:60:00", "ab:cd:ef", ""])
def test_what_is_no_time_is_now(time):
    clock = LogClock(UTC, begins_at=1000.0, source="file name")

    assert clock.read_time(time) == 1000.0


@pytest.mark.parametrize(
    "header", ["", "soon", "Fri, 20 Nov 99999 13:57:01 +0000", "Tue, 1 Jan 1901 00:00:00 +0000"]
)
def test_what_is_no_header_is_refused(header):
    assert not LogClock(UTC, begins_at=1000.0, source="file name").read_header(header)


@pytest.mark.parametrize(
    ("changed_at", "began_at"),
    [("2026-11-20T13:58:00", "2026-11-20T13:57:00"), ("2026-11-21T03:00:00", "2026-11-20T13:57:00")],
)
def test_without_a_header_the_file_name_and_the_file_time_say_when(changed_at, began_at):
    assert from_file_name(13, 57, changed_at=moment(changed_at), zone=UTC) == moment(began_at)


def test_a_file_name_is_read_in_the_zone_given():
    changed_at = moment("2026-11-20T12:58:00")

    assert from_file_name(13, 57, changed_at=changed_at, zone=PARIS) == moment("2026-11-20T12:57:00")


def test_a_late_line_of_another_process_does_not_turn_the_day():
    clock = LogClock(UTC, begins_at=moment("2026-11-21T00:00:05"), source="header")

    assert clock.read_time("23:59:58") == moment("2026-11-20T23:59:58")
    assert timedelta(seconds=clock.now) == timedelta(seconds=moment("2026-11-21T00:00:05"))
