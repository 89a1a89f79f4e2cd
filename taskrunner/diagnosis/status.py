"""How a site stands, on one screen: what runs, what fails, what is next, what waits, what is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from taskrunner.diagnosis.check import CronStarts, check_site, cron_starts
from taskrunner.views.columns import Column, Listing, as_moment, moment
from taskrunner.views.runs import CLASSES, RUNNING, ClassQueue, RunningTask, class_queues, running_tasks
from taskrunner.views.site import CHECKS
from taskrunner.views.tasks import SCHEDULED, SORTS, is_waiting

if TYPE_CHECKING:
    from taskrunner.installation import Site
    from taskrunner.records import Finding, ScheduledRow, Suspension

SHOWN_NEXT = 5
"""Tasks that are due next of which each is named."""

DAY = 86_400.0

SHOWN_ELSEWHERE = {"pause", "plugins", "fail delay"}
"""Checks of which the screen has a part of its own."""


@dataclass(frozen=True, slots=True)
class Status:
    """How a site stands at a moment.

    `next`: the tasks due first; `later_today`: how many more are due within a day. `findings`: the checks
    that warn, but for those of which the screen has a part of its own. `slots`: of each kind, how many are
    taken and how many there are.
    """

    site: Site
    cron: CronStarts
    pauses: list[Suspension]
    mutes: list[Suspension]
    running: list[RunningTask]
    failing: list[ScheduledRow]
    next: list[ScheduledRow]
    later_today: int
    queue: list[ClassQueue]
    broken: tuple[Finding, ...]
    findings: list[Finding]

    @property
    def name(self) -> str:
        """What the site is called: its folder."""
        return self.site.config.file.parent.name

    def slots(self, kind: str) -> tuple[int, int]:
        """Return how many tasks of a kind run, and how many may."""
        limit = getattr(self.site.config.cron, f"{kind}_concurrency_limit")
        return sum(task.row.type == kind for task in self.running), limit


def status_of(site: Site, now: float) -> Status:
    """Return how a site stands."""
    rows = sorted(site.store.scheduled.list(), key=SORTS["next"])
    waiting = [row for row in rows if is_waiting(row) and site.pause_of(row.name, now) is None]
    within_day = sum(row.next_run_at <= now + DAY for row in waiting)
    return Status(
        site,
        cron=cron_starts(site, now),
        pauses=[*filter(None, [site.store.settings.pause(now)]), *site.pauses],
        mutes=list(site.mutes),
        running=running_tasks(site),
        failing=[row for row in rows if row.failing_since is not None and not row.disabled],
        next=waiting[:SHOWN_NEXT],
        later_today=max(0, within_day - SHOWN_NEXT),
        queue=class_queues(site, site.store.adhoc.summary(now)),
        broken=site.registry.findings,
        findings=[
            one for one in check_site(site, now=now) if one.exit_code and one.area not in SHOWN_ELSEWHERE
        ],
    )


def _slots(kind: str) -> Column[Status]:
    return Column(
        f"{kind}_slots",
        value=lambda status, _: dict(zip(("taken", "limit"), status.slots(kind), strict=True)),
    )


SUSPENSION: Listing[Suspension] = Listing(
    (Column("pattern"), moment("since"), moment("until"), Column("reason"), Column("by"))
)


STATUS: Listing[Status] = Listing(
    (
        Column("site", value=lambda status, _: status.name),
        Column("hostname", value=lambda status, _: status.site.hostname),
        Column("last_cron_at", value=lambda status, _: as_moment(status.cron.last_at)),
        Column("last_cron_host", value=lambda status, _: status.cron.hostname),
        Column("paused", value=lambda status, context: SUSPENSION.records(status.pauses, context)),
        Column("muted", value=lambda status, context: SUSPENSION.records(status.mutes, context)),
        _slots("scheduled"),
        _slots("adhoc"),
        Column("running", value=lambda status, context: RUNNING.records(status.running, context)),
        Column("failing", value=lambda status, context: SCHEDULED.records(status.failing, context)),
        Column("next", value=lambda status, context: SCHEDULED.records(status.next, context)),
        Column("later_today"),
        Column("queue", value=lambda status, context: CLASSES.records(status.queue, context)),
        Column("broken", value=lambda status, _: [str(finding) for finding in status.broken]),
        Column("findings", value=lambda status, context: CHECKS.records(status.findings, context)),
    )
)
