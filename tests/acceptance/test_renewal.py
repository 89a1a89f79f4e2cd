"""A cron that must leave while work is due starts anew in its place: a fresh interpreter."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.processes import RealSite
from tests.databases import ask, sqlite_url

CORE_OFF = '[tasks."core.*"]\ndisabled = true\n'
MAIL = """\
from taskrunner import clear_static_caches

COUNT = 0

{preamble}
class Mail(AdhocTask):
    def execute(self):
        global COUNT
        COUNT += 1
        witness(self.custom_data, COUNT, os.getpid())
{body}
"""


@pytest.fixture
def site(tmp_path: Path, database_line: str) -> Iterator[RealSite]:
    site = RealSite(tmp_path)
    (tmp_path / "plugins").mkdir(mode=0o755)
    site.config.write_text(database_line + 'timezone = "UTC"\n' + CORE_OFF)
    yield site
    site.end()


def write(site: RealSite, body: str, *, preamble: str = "") -> None:
    lines = "".join(f"        {line}\n" for line in body.splitlines())
    site.write("forum", MAIL.format(body=lines, preamble=preamble))


def queue(site: RealSite, count: int) -> None:
    for number in range(1, count + 1):
        assert 0 == site.run("adhoc", "queue", "Mail", "--data", str(number)).returncode


def url_of(site: RealSite) -> str:
    line = site.config.read_text().partition("\n")[0]
    return line.partition('"')[2].rpartition('"')[0] if "database" in line else sqlite_url(site.root)


def words(site: RealSite) -> list[tuple[str, str]]:
    """Return (number, count in its interpreter) of what ran."""
    return [(line.split()[0], line.split()[1]) for line in site.witnessed()]


def test_what_waits_behind_a_task_that_clears_caches_runs_in_one_cron_and_a_fresh_interpreter(site):
    write(site, "if self.custom_data == 2:\n    clear_static_caches()")
    queue(site, 4)

    done = site.run("cron")

    assert 0 == done.returncode
    assert [("1", "1"), ("2", "2"), ("3", "1"), ("4", "2")] == words(site)
    assert 1 == len({line.split()[2] for line in site.witnessed()})
    assert ["ok"] * 4 == [outcome for _, outcome in site.outcomes()]
    assert "Ran 4 adhoc tasks found at" in done.stdout
    for once in ("Server Time: ", "Cron run completed correctly", "Leaving after this task"):
        assert 1 == done.stdout.count(once), once
    assert site.log() == done.stdout
    assert [] == site.reads("running")


def test_the_queue_is_not_starved_by_a_scheduled_task_that_clears_caches(site):
    clear = (
        "class Clear(ScheduledTask):\n    schedule = Every(minutes=1)\n\n"
        "    def execute(self):\n        clear_static_caches()\n\n"
    )
    write(site, "pass", preamble=clear)
    queue(site, 2)

    site.run("cron")

    assert [("1", "1"), ("2", "2")] == words(site)
    assert 1 == [name for name, _ in site.outcomes()].count("forum.Clear")


@pytest.mark.parametrize(
    "body",
    [
        "sys.settrace(lambda *_: None)",
        "threading.Thread(target=time.sleep, args=(0.2,)).start()",
        "KEPT.append(bytearray(300 << 20))",
        "sys.setrecursionlimit(5000)",
    ],
)
def test_a_state_that_cannot_be_put_back_ends_with_the_interpreter(site, body):
    write(site, f"if self.custom_data == 1:\n    {body}", preamble="import threading\nKEPT = []\n")
    queue(site, 2)

    site.run("cron")

    assert [("1", "1"), ("2", "1")] == words(site)


def test_nothing_is_renewed_after_a_stop_or_a_pause_or_a_signal(site):
    ways = (
        "subprocess.run([sys.executable, '-m', 'taskrunner', 'stop'], cwd={0!r}, check=True)",
        "subprocess.run([sys.executable, '-m', 'taskrunner', 'pause'], cwd={0!r}, check=True)",
        "os.kill(os.getpid(), signal.SIGTERM)",
    )
    for way in ways:
        write(site, "clear_static_caches()\n" + way.format(str(site.root)))
        queue(site, 2)
        before = len(site.witnessed())

        site.run("cron", "--force")

        assert 1 == len(site.witnessed()) - before, way
        site.run("resume")
        ask(url_of(site), "delete from task_adhoc")


def test_each_task_that_clears_caches_is_renewed_after_once(site):
    write(site, "clear_static_caches()")
    queue(site, 3)

    done = site.run("cron")

    assert [("1", "1"), ("2", "1"), ("3", "1")] == words(site)
    assert 3 == done.stdout.count("Leaving after this task")


def test_a_failed_renewal_is_an_ordinary_leave(site):
    write(site, "clear_static_caches()\nsys.executable = '/nowhere/python'")
    queue(site, 2)

    done = site.run("cron")

    assert 0 == done.returncode
    assert [("1", "1")] == words(site)
    assert "Cannot start anew: No such file or directory; the next cron runs the rest." in done.stdout
    assert "Cron run completed correctly" in done.stdout
    site.run("cron")
    assert 2 == len(site.witnessed())


def test_what_the_process_itself_keeps_is_no_reason_to_start_anew_in_it(site):
    write(site, "os.nice(1)")
    queue(site, 2)

    done = site.run("cron")

    assert [("1", "1")] == words(site)
    assert "it changed its priority for good" in done.stdout


@pytest.mark.parametrize("delay", [0.0, 0.1, 0.3])
def test_a_kill_while_it_starts_anew_loses_nothing_and_repeats_nothing(site, delay):
    write(site, "clear_static_caches()")
    queue(site, 6)
    process = site.start("cron")
    site.wait_for(*site.witnessed())
    while not site.witnessed():
        assert process.poll() is None
    try:
        process.wait(delay)
    except Exception:
        os.kill(process.pid, signal.SIGKILL)
    process.wait()

    crons = 0
    while site.reads("adhoc", "list") and crons < 8:
        crons += 1
        site.run("cron")
        ask(url_of(site), "update task_adhoc set next_run_at = 0")

    ended_well = [row["adhoc_id"] for row in site.reads("log") if row["outcome"] == "ok"]
    assert 6 == len(ended_well) == len(set(ended_well))
    assert [] == site.reads("adhoc", "list")
