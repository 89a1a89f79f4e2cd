"""An adhoc class that is run without being queued: it is seen, ended and recorded as any other run."""

import os
import signal

import pytest

from tests.patience import DEADLINE, until

TASK = """
class Once(AdhocTask):
    isolation = "{isolation}"

    def execute(self):
        print("begun", self.custom_data)
        self.progress(1, 2, "half")
        witness("begun")
        wait_at_gate()
"""


@pytest.fixture(params=["none", "fork"])
def begun(live, request):
    """A site, the process that runs the class, and what `running` says of it."""
    live.write("forum", TASK.format(isolation=request.param))
    process = live.start("run-task", "Once", "--data", "[7]")
    until(lambda: live.witnessed() == ["begun"], "begun")
    (row,) = live.reads("running")
    return live, process, row


def test_it_is_running(begun):
    _, process, row = begun

    assert ("forum.Once", process.pid) == (row["name"], row["pid"])


def test_it_can_be_ended(begun):
    live, process, row = begun

    done = live.run("kill", row["run_id"])

    process.communicate(timeout=DEADLINE)
    (run,) = live.reads("log")
    assert (0, row["run_id"], "interrupted") == (done.returncode, run["run_id"], run["outcome"])
    assert [] == live.reads("running")
    assert [] == live.reads("adhoc", "list")


def test_when_its_process_dies_the_next_cron_records_that_once(begun):
    live, process, row = begun
    os.kill(process.pid, signal.SIGKILL)
    process.wait(timeout=DEADLINE)

    live.run("cron")
    live.run("cron")

    (run,) = live.reads("log")
    assert (row["run_id"], "crashed") == (run["run_id"], run["outcome"])
    assert "begun [7]\n" in live.run("log", "show", run["run_id"]).stdout
    assert [] == live.reads("running")
