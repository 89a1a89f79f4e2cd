"""The list of sixty tasks on terminals of several widths: what an administrator reads each day."""

from datetime import UTC

import pytest

from taskrunner.cli.render import DOTS, fitted, lines_of, whole, width_of
from taskrunner.records import RecentRun, ScheduledRow, Suspension
from taskrunner.views.columns import Context
from taskrunner.views.tasks import SCHEDULED, RecentTask, wide
from tests.store.store_rows import DAY, HOUR, NOW

SCHEDULES = ("* * * * *", "*/10 8-18 * * 1-5", "0 3 * * *", "30 4 1,15 * *", "every 2h")


def row(number: int) -> ScheduledRow:
    """Return a task with a name of 22 or of 60 characters: fine, failing, disabled, missing or running."""
    length = 60 if number % 3 else 22
    plugin = ("crm", "imports", "backup")[number % 3]
    name = f"{plugin}.{'SynchroniseEveryDirectoryOfAllCustomersThatHaveChangedSince'}"[: length - 2]
    failing = number % 4 == 1
    running = number % 20 == 7
    known = dict.fromkeys(ScheduledRow.__annotations__)
    return ScheduledRow(
        **known
        | {
            "id": number,
            "name": f"{name}{number:02}",
            "plugin": plugin,
            "title": "",
            "schedule": SCHEDULES[number % 5],
            "timezone": "UTC",
            "customised": number % 2,
            "disabled": int(number % 15 == 14),
            "blocked": "missing: its plugin does not declare it any more" if number == 13 else None,
            "last_run_at": NOW - number * HOUR,
            "last_outcome": "failed" if failing else "ok",
            "last_message": "ValueError: customer\nsecond line " * 9 if failing else None,
            "next_run_at": NOW + number * HOUR - 5,
            "fail_delay": 60 if failing else 0,
            "failing_since": NOW - 3 * DAY if failing else None,
            "failures": 12 if failing else 0,
            "run_id": "RUN" if running else None,
            "started_at": NOW - 700 if running else None,
        }
    )


ROWS = [row(number) for number in range(60)]
PAUSED = Suspension("imports.*", NOW, "catalogue migration", NOW + 2 * HOUR, "ann")
CONTEXT = Context(
    NOW,
    UTC,
    pause_of=lambda name: PAUSED if name.startswith("imports.") else None,
    is_muted=lambda name: name.endswith("5"),
)
TASKS = [
    RecentTask(one, [RecentRun(one.name, "failed" if one.failures else "ok", NOW - 8, NOW)] * 12)
    for one in ROWS
]


def screen(room: int) -> tuple[list[str], list[list[str]]]:
    """Return the titles and the cells of the list on a terminal."""
    listing, rows = (wide(SCHEDULED), TASKS) if room >= 120 else (SCHEDULED, ROWS)
    cells = listing.cells(rows, CONTEXT, brief=True)  # type: ignore[arg-type]
    titles, *lines = lines_of(cells, listing.shown, fitted(cells, listing.shown, room))
    return [title.strip() for title in titles], lines


@pytest.mark.parametrize("room", [80, 100, 120, 200])
def test_sixty_tasks_are_sixty_lines_that_fit_and_can_be_told_apart(room):
    titles, lines = screen(room)

    assert 60 == len(lines)
    assert room >= max(width_of("  ".join(line)) for line in lines)
    assert 60 == len({line[titles.index("TASK")] for line in lines})
    assert {"TASK", "SCHEDULE", "LAST RUN", "NEXT RUN", "STATE"} <= set(titles)
    assert room < 120 or {"TAKES", "LAST 10"} <= set(titles)


@pytest.mark.parametrize("room", [80, 100, 120, 200])
def test_no_moment_and_no_state_is_cut(room):
    titles, lines = screen(room)

    cut = [
        line[titles.index(title)].rstrip()
        for title in ("LAST RUN", "NEXT RUN", "STATE")
        for line in lines
        if DOTS in line[titles.index(title)]
    ]
    assert [] == cut


def test_nothing_is_lost_where_nothing_has_to_fit():
    cells = SCHEDULED.cells(ROWS, CONTEXT)
    lines = lines_of(cells, SCHEDULED.shown, whole(cells, SCHEDULED.shown))

    assert [] == [line for line in lines if any(DOTS in cell for cell in line)]
    assert {one.name for one in ROWS} == {line[0].strip() for line in lines[1:]}
