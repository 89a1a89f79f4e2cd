"""timeout: a task in this process that takes too long."""

import subprocess
import sys

import pytest

from tests.patience import DEADLINE
from tests.runner.runner_site import scheduled

ENDLESS = "while True: pass"


def test_a_task_out_of_time_is_ended_and_waits_as_after_a_failure(make_site):
    site = make_site(plugins={"forum": scheduled("Digest", ENDLESS, extra="timeout = 0.1")})

    site.cron(after=60)

    (run,) = site.runs()
    assert ("timeout", "ended after its timeout of 0.1 s") == (run.outcome, run.message)
    assert 60 == site.row("forum.Digest").fail_delay


def test_a_task_that_takes_every_exception_for_its_own_is_ended_too(make_site):
    stubborn = "while True:\n    try:\n        while True: pass\n    except Exception: pass"
    site = make_site(plugins={"forum": scheduled("Digest", stubborn, extra="timeout = 0.1")})

    site.cron(after=60)

    assert ["timeout"] == site.outcomes()


@pytest.mark.parametrize(("configured", "outcome"), [("0.1", "timeout"), ("0", "ok")])
def test_the_config_decides_before_the_class(make_site, configured, outcome):
    site = make_site(
        plugins={"forum": scheduled("Digest", "sum(range(10_000_000))", extra="timeout = 0.02")},
        config=f'[tasks."forum.Digest"]\ntimeout = {configured}',
    )
    site.write(
        "forum", scheduled("Digest", ENDLESS if outcome == "timeout" else "pass", extra="timeout = 0.02")
    )

    site.cron(after=60)

    assert [outcome] == site.outcomes()


def test_the_time_of_one_task_does_not_run_on_into_the_next(make_site):
    site = make_site(
        plugins={
            "forum": scheduled("First", "pass", extra="timeout = 0.2")
            + scheduled(
                "Second", "import time\nuntil = time.monotonic() + 0.4\nwhile time.monotonic() < until: pass"
            )
        }
    )

    site.cron(after=60)

    assert ["ok", "ok"] == site.outcomes()


def test_a_process_that_hears_of_no_exception_is_ended_with_a_traceback_in_the_log():
    program = (
        "import ctypes, signal\n"
        "from taskrunner.runner import signals\n"
        "signals.GRACE = 0.1\n"
        "with signals.time_limit(0.1, log=2):\n"
        "    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])\n"
        "    ctypes.PyDLL(None).sleep(30)\n"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=DEADLINE)

    assert 1 == done.returncode
    assert "Timeout (0:00:00.2" in done.stderr
