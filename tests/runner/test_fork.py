"""isolation = "fork": a task in a child of its own."""

import os
import signal
from pathlib import Path
from textwrap import indent

import pytest

from tests.runner.runner_site import scheduled


def forked(name, execute="pass", *, extra=""):
    return scheduled(name, execute, extra=f'isolation = "fork"\n{extra}')


def is_alive(pid):
    """Say whether a process runs; one that only waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize(
    ("code", "outcome", "message"),
    [
        ("pass", "ok", None),
        ("raise ValueError('disk is full')", "failed", "ValueError: disk is full"),
        ("import os; os._exit(0)", "crashed", "its process ended with exit code 0 before the task did"),
        ("import os; os._exit(3)", "crashed", "its process ended with exit code 3 before the task did"),
        (
            "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
            "crashed",
            "its process died of signal 9 (SIGKILL)",
        ),
        ("import ctypes; ctypes.string_at(0)", "crashed", "its process died of signal 11 (SIGSEGV)"),
        ("import os; os.kill(os.getpid(), 40)", "crashed", "its process died of signal 40 (unnamed)"),
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
    assert not is_alive(run.output.split()[0])
    assert "child.wait()" in run.output  # where it was, when it was ended


FORKING = """\
import os, signal
{before}
if os.fork() == 0:
    print(*(signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)), flush=True)
    os._exit(0)
os.wait()
"""


@pytest.mark.parametrize("task", [scheduled, forked])
def test_a_process_that_a_task_forks_is_ended_by_signals_as_any_other(make_site, task):
    """An answer in Python would wait for a call to return: workers of a pool would not end with it."""
    site = make_site(plugins={"forum": task("Digest", FORKING.format(before=""))})

    site.cron(after=60)

    assert [f"{signal.SIG_DFL} {signal.SIG_DFL}\n"] == [run.output for run in site.runs()]


@pytest.mark.parametrize("task", [scheduled, forked])
def test_an_answer_of_a_task_to_a_signal_is_that_of_what_it_forks_too(make_site, task):
    site = make_site(
        plugins={"forum": task("Digest", FORKING.format(before="signal.signal(signal.SIGTERM, print)"))}
    )

    site.cron(after=60)

    assert [f"{print} {signal.SIG_DFL}\n"] == [run.output for run in site.runs()]


STUBBORN = """\
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
    print(os.getpid(), flush=True)
    {then}
    time.sleep(600)
os.wait()
"""


def test_a_daemon_that_ignores_sigterm_is_killed_with_the_task_that_forked_it(make_site, monkeypatch):
    monkeypatch.setattr("taskrunner.runner.fork.GRACE", 0.3)
    site = make_site(plugins={"forum": forked("Digest", STUBBORN.format(then="pass"))})

    site.cron(after=60)

    (run,) = site.runs()
    assert "ok" == run.outcome
    pid, said = run.output.split("\n", 1)
    assert f"(pid {pid})\n" in said and said.startswith("... ended what the task left running: ")
    assert not is_alive(pid)


def test_a_task_that_ignores_sigterm_is_killed_after_its_timeout(make_site, monkeypatch):
    monkeypatch.setattr("taskrunner.runner.fork.GRACE", 0.3)
    body = STUBBORN.format(then="pass") + "\ntime.sleep(600)"
    site = make_site(plugins={"forum": forked("Digest", body, extra="timeout = 0.3")})

    site.cron(after=60)

    (run,) = site.runs()
    assert ("timeout", "ended after its timeout of 0.3 s") == (run.outcome, run.message)
    assert not is_alive(run.output.split()[0])


def test_a_task_that_is_told_to_end_cleans_up_first(make_site):
    body = "try:\n    import time; time.sleep(600)\nfinally:\n    witness('cleaned up')"
    site = make_site(plugins={"forum": forked("Digest", body, extra="timeout = 0.2")})

    site.cron(after=60)

    assert ["timeout"] == site.outcomes()
    assert ["cleaned up"] == site.witnessed()


def test_a_task_that_ends_itself_with_sigterm_is_charged(make_site):
    body = "import signal; os.kill(os.getpid(), signal.SIGTERM)"
    site = make_site(plugins={"forum": forked("Digest", body)})

    site.cron(after=60)

    (run,) = site.runs()
    assert ("crashed", "its process died of signal 15 (SIGTERM)") == (run.outcome, run.message)


def test_a_task_that_closes_all_files_is_not_taken_for_done(make_site):
    site = make_site(plugins={"forum": forked("Digest", "os.closerange(0, 4096)")})

    site.cron(after=60)

    (run,) = site.runs()
    assert "crashed" == run.outcome
    assert "does it close all files?" in run.message


def test_a_task_that_closes_a_few_files_too_many_is_done(make_site):
    site = make_site(plugins={"forum": forked("Digest", "os.closerange(0, 256)")})

    site.cron(after=60)

    assert ["ok"] == site.outcomes()


def test_a_task_that_kills_the_process_that_watches_it_has_crashed(make_site):
    body = "import signal; os.kill(os.getppid(), signal.SIGKILL); import time; time.sleep(600)"
    site = make_site(plugins={"forum": forked("Digest", body)})

    site.cron(after=60)

    (run,) = site.runs()
    assert ("crashed", "its process and the one that watched it were killed") == (run.outcome, run.message)


def test_memory_and_cpu_of_a_forked_task_are_its_own(make_site):
    body = "x = bytearray(200_000_000)\nimport time\nwhile time.process_time() < 0.2: pass"
    site = make_site(plugins={"forum": (forked("Hungry", body), forked("Modest"))})

    site.cron(after=60)

    hungry, modest = site.runs()
    assert hungry.max_rss - modest.max_rss > 150_000_000
    assert hungry.cpu_seconds - modest.cpu_seconds > 0.1


def test_a_report_larger_than_a_pipe_arrives(make_site):
    body = "def deep(n):\n    return deep2(n)\ndef deep2(n):\n    if n: return deep(n - 1)\n"
    body += "    raise ValueError('x' * 8000)\ndeep(200)"
    many = f"try:\n{indent(body, '    ')}\nexcept ValueError as error:\n"
    many += "    raise ExceptionGroup('all', [error] * 40)"
    site = make_site(plugins={"forum": forked("Digest", many)})

    site.cron(after=60)

    (run,) = site.runs()
    assert ("failed", True) == (run.outcome, len(run.output) > 65_536)


def test_the_config_decides_where_a_task_runs(make_site):
    site = make_site(
        plugins={"forum": scheduled("Digest", "import os; os._exit(0)")},
        config='[cron]\nisolation = "fork"',
    )

    site.cron(after=60)

    (run,) = site.runs()
    assert "crashed" == run.outcome
