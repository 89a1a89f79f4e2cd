"""The clock is set back and forth, and the machine is off for a while."""

from collections import Counter
from pathlib import Path

from taskrunner.heartbeat import beat
from taskrunner.installation import plan_anew_after_clock_step
from tests.faults.invariants import Findings
from tests.runner.runner_site import RunnerSite, scheduled, site_at

MINUTE, HOUR, DAY, YEAR = 60.0, 3600.0, 86_400.0, 365 * 86_400.0
STEPS = (
    *(-1.0, 30.0, -MINUTE, 5 * MINUTE, -HOUR, 3 * HOUR, -DAY, 30 * DAY),
    *(-YEAR, 400 * DAY, 20 * YEAR, -20 * YEAR),
)
"""Seconds by which the clock jumps, one after the other; forward is also what a machine that was off sees."""

MINUTES_BETWEEN = 12
TASKS = {"forum.Often": 1, "forum.Five": 5}
"""Task -> minutes between two of its slots."""


def _cron(site: RunnerSite) -> None:
    """Run a cron a minute later, as the command does: with a look at whether the clock was set back."""
    site.clock.now += MINUTE
    with site.opened() as opened:
        before = beat(opened.config.state_dir, site.clock.now)
        if before is not None and before.is_ahead_of(site.clock.now):
            plan_anew_after_clock_step(opened, site.clock.now)
        site.runner(opened, shown="none").work()


def clock_steps(root: Path, *, database_line: str = "") -> Findings:
    """Run a cron each minute between the steps: no slot runs twice, no task waits longer than its period."""
    found = Findings()
    site = site_at(
        root,
        plugins={"forum": (scheduled("Often"), scheduled("Five", schedule="*/5 * * * *"))},
        database_line=database_line,
    )
    for step in (0.0, *STEPS):
        site.clock.now += step
        before = len(site.runs())
        for _ in range(MINUTES_BETWEEN):
            _cron(site)
        after = site.runs()[before:]
        for name, period in TASKS.items():
            count = sum(run.name == name for run in after)
            usual = MINUTES_BETWEEN // period
            found.expect(
                abs(count - usual) <= 1, f"{name} ran {count} times instead of {usual} after {step} s"
            )
        slots = Counter((run.name, run.due_at) for run in after)
        found.twice += sum(count > 1 for count in slots.values())
    found.finished = len(site.runs())
    found.expect(found.twice == 0, f"I2: {found.twice} slots ran twice")
    return found
