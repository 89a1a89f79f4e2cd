"""isolation = "fork": a task in a child of its own."""

import os

import pytest

from tests.runner.runner_site import scheduled


def forked(name, execute, *, extra=""):
    return scheduled(name, execute, extra=f'isolation = "fork"\n{extra}')


@pytest.mark.parametrize(
    ("code", "outcome", "message"),
    [
        ("pass", "ok", None),
        ("raise ValueError('disk is full')", "failed", "disk is full"),
        ("import os; os._exit(0)", "crashed", "its process ended with exit code 0 before the task did"),
        ("import os; os._exit(3)", "crashed", "its process ended with exit code 3 before the task did"),
        (
            "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
            "crashed",
            "its process died of signal 9 (SIGKILL)",
        ),
        ("import ctypes; ctypes.string_at(0)", "crashed", "its process died of signal 11 (SIGSEGV)"),
        ("import sys; sys.exit(2)", "failed", "the task called sys.exit(2)"),
        ("raise GiveUp('no way')", "failed", "no way"),
    ],
)
def test_how_a_forked_task_ends_is_recorded_and_the_next_one_runs(make_site, code, outcome, message):
    site = make_site(
        plugins={
            "forum": "from taskrunner import GiveUp, ScheduledTask\n"
            + forked("Bad", f"print('before')\n{code}")
            + scheduled("Canary", "print('alive')")
        }
    )

    site.cron(after=60)

    (bad,) = [run for run in site.runs() if run.name == "forum.Bad"]
    (canary,) = [run for run in site.runs() if run.name == "forum.Canary"]
    assert (outcome, message) == (bad.outcome, bad.message)
    assert bad.output.startswith("before\n")
    assert ("ok", "alive\n") == (canary.outcome, canary.output)


def test_what_a_forked_task_reads_and_writes_is_counted(make_site):
    site = make_site(plugins={"forum": forked("Digest", "self.db.execute('select 1').fetchall()")})

    site.cron(after=60)

    (run,) = site.runs()
    assert (1, 0) == (run.db_reads, run.db_writes)


def test_what_a_forked_task_leaves_behind_is_gone(make_site):
    site = make_site(
        plugins={"forum": forked("Digest", "import os; os.chdir('/'); os.environ['LEFT'] = 'behind'")}
    )
    before = os.getcwd()

    site.cron(after=60)

    assert (before, None) == (os.getcwd(), os.environ.get("LEFT"))


def test_a_forked_task_that_takes_too_long_is_ended_with_all_it_started(make_site):
    site = make_site(
        plugins={
            "forum": forked(
                "Digest",
                "import subprocess\nchild = subprocess.Popen(['sleep', '600'])\n"
                "print(child.pid, flush=True)\nchild.wait()",
                extra="timeout = 0.3",
            )
        }
    )

    site.cron(after=60)

    (run,) = site.runs()
    assert ("timeout", "ended after its timeout of 0.3 s") == (run.outcome, run.message)
    assert not os.path.exists(f"/proc/{int(run.output)}/exe")


def test_the_config_decides_where_a_task_runs(make_site):
    site = make_site(
        plugins={"forum": scheduled("Digest", "import os; os._exit(0)")},
        config='[cron]\nisolation = "fork"',
    )

    site.cron(after=60)

    (run,) = site.runs()
    assert "crashed" == run.outcome
