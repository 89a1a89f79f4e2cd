"""What administrators change of scheduled tasks: who did it, how it was, how it is, and what is refused."""

import json

import pytest

from taskrunner.administration import runs, tasks
from taskrunner.administration.audit import Who
from taskrunner.errors import InvalidScheduleError, TaskrunnerError
from taskrunner.records import Suspension
from tests.runner.runner_site import scheduled

ADA = Who("root (ada)", 0)


def trail(opened):
    rows = opened.store.audit.list(since=0.0, limit=10)
    return [(row.login, row.action, row.target) for row in rows]


def test_a_change_says_how_the_task_was_and_is_and_leaves_a_row(make_site):
    site = make_site(plugins={"forum": scheduled("Digest")})
    with site.opened() as opened:
        before, after = tasks.disable(opened, "Digest", who=ADA, now=site.clock())

        assert (0, 1) == (before.disabled, after.disabled)
        assert [("root (ada)", "disable", "forum.Digest")] == trail(opened)


def test_what_is_refused_changes_nothing_and_leaves_no_row(make_site):
    site = make_site(plugins={"forum": scheduled("Digest")})
    with site.opened() as opened:
        with pytest.raises(InvalidScheduleError):
            tasks.schedule(opened, "Digest", "99 * * * *", who=ADA, now=site.clock())
        with pytest.raises(TaskrunnerError, match="nothing is running that has the name or the id 01ABC"):
            runs.kill(opened, "01ABC", who=ADA, now=site.clock(), grace=0.0)

        assert [] == trail(opened)


def test_a_pause_says_what_was_paused_before(make_site):
    site = make_site(plugins={"forum": scheduled("Digest")})
    with site.opened() as opened:
        [first] = runs.pause(opened, [], reason="new disk", until=None, who=ADA, now=site.clock())
        [second] = runs.resume(opened, [], who=ADA, now=site.clock())

        assert first == second == Suspension("*", site.clock(), "new disk", None, "root (ada)")
        newest = opened.store.audit.list(since=0.0, limit=1)[0]
        assert {"paused": False, "reason": None} == json.loads(newest.state_after)
