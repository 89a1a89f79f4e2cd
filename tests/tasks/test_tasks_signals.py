"""What signals do to a process whose task is a command."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.processes import RealSite
from tests.patience import DEADLINE, until
from tests.runner.test_fork import is_alive

PLUGIN = """\
from taskrunner.tasks import ShellTask


class Digest(ShellTask):
    schedule = Every(hours=1)
    command = "sleep 600 & echo $! $$ >pids; {then}"
    cwd = {folder!r}
    isolation = {isolation!r}
"""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[RealSite]:
    site = RealSite(tmp_path)
    (tmp_path / "plugins").mkdir(mode=0o755)
    site.config.write_text('timezone = "UTC"\n[tasks."core.*"]\ndisabled = true\n')
    yield site
    site.end()


@pytest.fixture(params=["none", "fork"])
def cron(site, request):
    """A cron that is in the midst of a command."""
    site.write(
        "forum", PLUGIN.format(folder=str(site.root), isolation=request.param, then="wait; echo after")
    )
    process = site.start("cron")
    until(lambda: len(pids(site)) == 2, "the command runs")
    return process


def pids(site):
    file = site.root / "pids"
    return file.read_text().split() if file.exists() else []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_second_signal_ends_the_command_with_its_group(site, cron, number):
    site.interrupt(cron, number, times=2)
    cron.communicate(timeout=DEADLINE)

    assert 128 + number == cron.returncode
    assert [("forum.Digest", "interrupted")] == site.outcomes()
    assert [] == [pid for pid in pids(site) if is_alive(pid)]


def test_the_first_signal_lets_the_command_end(site, cron):
    site.interrupt(cron, signal.SIGTERM, times=1)
    assert [True, True] == [is_alive(pid) for pid in pids(site)]
    os.kill(int(pids(site)[0]), signal.SIGTERM)
    cron.communicate(timeout=DEADLINE)

    assert 0 == cron.returncode
    assert [("forum.Digest", "ok")] == site.outcomes()
    assert "\nafter\n" in site.log()


@pytest.mark.parametrize("cron", ["fork"], indirect=True)
def test_a_forked_command_ends_when_its_runner_is_killed(site, cron):
    cron.kill()

    until(lambda: not any(map(is_alive, pids(site))), "the command and its group have ended")


def test_what_it_prints_is_in_the_log_at_once(site):
    then = "kill $!; mkfifo gate; echo now; cat gate"
    site.write("forum", PLUGIN.format(folder=str(site.root), isolation="none", then=then))
    cron = site.start("cron")

    until(lambda: "\nnow\n" in site.log(), site.log())
    site.open_gate()
    cron.communicate(timeout=DEADLINE)
