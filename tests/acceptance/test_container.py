"""contrib/docker/every-minute, the main process of a container, with real crons."""

import os
import signal
import subprocess
from pathlib import Path

from tests.acceptance.processes import TASKRUN, RealSite
from tests.contrib.example_site import CONTRIB
from tests.databases import ON_SQLITE
from tests.patience import DEADLINE, until

EVERY_MINUTE = CONTRIB / "docker" / "every-minute"
WAITS = """\
class Waits(ScheduledTask):
    schedule = Every(hours=1)

    def execute(self):
        witness("began")
        wait_at_gate()
        witness("ended")
"""


def started(site: RealSite, *, grace: int) -> "subprocess.Popen[str]":
    """Start the script as a container does, and wait until a task runs."""
    site.write("slow", WAITS)
    process = subprocess.Popen(
        ["/bin/sh", EVERY_MINUTE],
        cwd=site.root,
        env={
            "PATH": f"{TASKRUN.parent}:/usr/bin:/bin",
            "TASKRUN_CONFIG": str(site.config),
            "GRACE": str(grace),
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        start_new_session=True,
    )
    site.started.append(process)
    site.wait_for("began")
    return process


def in_session(process: "subprocess.Popen[str]") -> list[str]:
    """Return the commands that run in the session of a process, but for itself."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            stat = (folder / "stat").read_text("utf-8", "replace")
        except OSError:
            continue
        name, _, rest = stat.partition("(")[2].rpartition(")")
        if rest.split()[3] == str(process.pid) and folder.name != str(process.pid):
            found.append(name)
    return found


@ON_SQLITE
def test_a_container_that_is_stopped_lets_the_task_finish(site: RealSite) -> None:
    process = started(site, grace=30)

    process.send_signal(signal.SIGTERM)
    until(lambda: "Exiting gracefully" in site.log(), "the signal is passed on")
    site.open_gate()
    printed, _ = process.communicate(timeout=DEADLINE)

    assert (0, ["began", "ended"]) == (process.returncode, site.witnessed()), printed
    assert [("slow.Waits", "ok")] == site.outcomes()


@ON_SQLITE
def test_a_task_that_takes_too_long_is_ended_and_is_due_again(site: RealSite) -> None:
    process = started(site, grace=1)

    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=DEADLINE)

    assert (0, ["began"]) == (process.returncode, site.witnessed())
    assert [("slow.Waits", "interrupted")] == site.outcomes()


@ON_SQLITE
def test_nothing_is_left_that_still_starts_crons(site: RealSite) -> None:
    process = started(site, grace=1)

    process.send_signal(signal.SIGTERM)
    process.wait(timeout=DEADLINE)

    until(lambda: [] == in_session(process), f"{in_session(process)} have ended")
    assert os.access(EVERY_MINUTE, os.X_OK)
