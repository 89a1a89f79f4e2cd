"""An error of input and output while a plugin is read: its tasks stay, and the next cron runs them."""

import errno
import os

import pytest

from taskrunner.errors import PluginError
from taskrunner.plugins import importer
from taskrunner.runner.manual import run_scheduled_task
from tests.runner.runner_site import RunnerSite, adhoc, scheduled

UNREAD = "forum.py: OSError: [Errno 5] Input/output error"


@pytest.fixture
def site(make_site) -> RunnerSite:
    site = make_site(
        plugins={"forum": (scheduled("Digest", "witness('digest')"), adhoc("Mail", "witness('mail')"))}
    )
    site.queue("forum.Mail")
    return site


def fail_once(monkeypatch: pytest.MonkeyPatch, times: int = 1) -> None:
    """Have the next plugin files that are imported in this process, or its children, not be read."""
    left = [times]
    real = importer.read_trusted

    def read(path: str) -> bytes:
        left[0] -= 1
        if left[0] >= 0:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(path)

    monkeypatch.setattr(importer, "read_trusted", read)


def test_a_task_whose_plugin_cannot_be_read_stays_due_and_the_next_cron_runs_it(site, monkeypatch) -> None:
    site.clock.now += 86_400
    due_at = site.row("forum.Digest").next_run_at
    fail_once(monkeypatch, times=2)

    first = site.cron()
    kept = site.row("forum.Digest")
    site.cron(after=60)

    assert (0, due_at, 0, None) == (first.failed, kept.next_run_at, kept.fail_delay, kept.run_id)
    assert (
        f"Cannot load scheduled task forum.Digest: it stays due for the next cron: {site.root}" in site.log()
    )
    assert UNREAD in site.log()
    assert ["digest", "mail"] == sorted(site.witnessed())
    assert ["ok"] == site.outcomes("forum.Digest")


def test_by_hand_such_a_task_is_not_recorded_as_failed(site, monkeypatch) -> None:
    fail_once(monkeypatch)

    with site.opened() as opened, pytest.raises(PluginError, match="Input/output error"):
        declaration = opened.registry.get("forum.Digest")
        run_scheduled_task(site.runner(opened), declaration, force=False, patience=0.0)

    assert [] == site.runs("forum.Digest")
    assert site.row("forum.Digest").run_id is None


def test_what_a_changed_plugin_declared_counts_until_it_can_be_read_and_it_is_told(site, monkeypatch) -> None:
    site.write("forum", scheduled("Digest"), scheduled("Other"))
    with monkeypatch.context() as context:
        fail_once(context)
        tasks, broken = declared(site)

    assert {"forum.Digest", "forum.Mail"} == tasks
    assert UNREAD in broken["forum"]
    assert ({"forum.Digest", "forum.Other"}, {}) == declared(site)


def test_a_due_task_stays_due_when_nothing_is_known_of_its_plugin(site, monkeypatch) -> None:
    site.clock.now += 86_400
    (site.root / "state" / "registry.json").unlink()
    with monkeypatch.context() as context:
        fail_once(context)
        site.cron()
    blocked = site.row("forum.Digest").blocked
    site.cron(after=60)

    assert blocked is None
    assert ["digest", "mail"] == sorted(site.witnessed())


def declared(site: RunnerSite) -> tuple[set[str], dict[str, str]]:
    """Return the tasks that a cron finds, and the broken plugins."""
    with site.opened() as opened:
        tasks = {name for name in opened.registry.tasks if name.startswith("forum.")}
        return tasks, dict(opened.registry.broken)
