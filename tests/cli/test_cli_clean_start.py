"""Tasks start clean whoever started the process: signals, descriptors, stdin, and a folder that is gone."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.program import PREAMBLE, PROGRAM, Program
from tests.patience import DEADLINE

LAUNCH = """\
import os, signal, sys
for number in (signal.SIGCHLD, signal.SIGALRM, signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP, signal.SIGTTOU):
    signal.signal(number, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGALRM, signal.SIGTERM, signal.SIGCHLD, signal.SIGINT))
os.set_inheritable(os.dup2(os.open("/etc/hostname", os.O_RDONLY), 9), True)
signal.setitimer(signal.ITIMER_REAL, 3600)
os.execv(sys.argv[1], sys.argv[1:])
"""
FACTS = """\
    def execute(self):
        import json, subprocess
        LIBCS_OWN = (32, 33)  # no program can ask for these, so none can reset what it was given of them
        def set_in(mask, *left_out):
            return int(mask, 16) & ~sum(1 << number - 1 for number in (*left_out, *LIBCS_OWN))
        status = dict(line.split(":\\t", 1) for line in open("/proc/self/status") if ":\\t" in line)
        links = [f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd")]
        facts = {
            "ignored": set_in(status["SigIgn"], signal.SIGPIPE, signal.SIGXFSZ),
            "blocked": int(status["SigBlk"], 16),
            "child": subprocess.run(["sh", "-c", "exit 3"]).returncode,
            "stdin": os.readlink("/proc/self/fd/0"),
            "inherited": "/etc/hostname" in [os.readlink(link) for link in links if os.path.exists(link)],
            "timer": signal.getitimer(signal.ITIMER_REAL)[0],
            "children": subprocess.run(
                ["grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"], capture_output=True, text=True
            ).stdout.split()[1::2],
        }
        facts["children"] = [set_in(mask) for mask in facts["children"]]
        with open(FILE, "a") as file:
            print(json.dumps(facts), file=file)
"""
CLEAN = {
    "ignored": 0,
    "blocked": 0,
    "child": 3,
    "stdin": "/dev/null",
    "inherited": False,
    "timer": 0.0,
    "children": [0, 0],
}


def dirty(site: Program, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command as a parent starts it that has left everything in disorder."""
    return subprocess.run(
        [sys.executable, "-c", LAUNCH, *PROGRAM, *arguments],
        cwd=cwd or site.root,
        env=site.environment(),
        input="what somebody types\n",
        capture_output=True,
        text=True,
        timeout=DEADLINE,
    )


@pytest.mark.parametrize("isolation", ["none", "fork"])
@pytest.mark.parametrize(
    "command",
    [
        ("cron",),
        ("cron", "--trigger", "web"),
        ("run-task", "Facts"),
        ("adhoc", "run"),
    ],
    ids=" ".join,
)
def test_a_task_has_nothing_of_the_disorder_of_who_started_it(
    site: Program, command: tuple[str, ...], isolation: str
) -> None:
    file = site.root / "facts"
    head = f"FILE = {str(file)!r}\n"
    scheduled = (
        f"class Facts(ScheduledTask):\n    schedule = Every(minutes=1)\n    isolation = {isolation!r}\n"
    )
    queued = f"class Queued(AdhocTask):\n    isolation = {isolation!r}\n"
    site.write("forum", head + scheduled + FACTS + queued + FACTS)
    site.prints("adhoc", "queue", "Queued")

    done = dirty(site, *command)

    assert (done.returncode, done.stderr) == (0, "")
    facts = [json.loads(line) for line in file.read_text().splitlines()]
    assert [CLEAN] * len(facts) == facts
    assert len(facts) == (2 if command[0] == "cron" else 1)


def test_a_failing_command_fails_its_run_although_sigchld_was_ignored(site: Program) -> None:
    site.write(
        "forum",
        "from taskrunner.tasks import ShellTask\n"
        "class Bad(ShellTask):\n    schedule = Every(hours=1)\n    command = 'exit 3'\n",
        preamble=PREAMBLE,
    )

    dirty(site, "cron")

    [run] = json.loads(site.prints("log", "Bad", "--json"))
    assert run["outcome"] == "failed"


@pytest.mark.parametrize("isolation", ["none", "fork"])
def test_a_time_limit_is_kept_although_sigalrm_was_blocked(site: Program, isolation: str) -> None:
    body = "    def execute(self):\n        import time\n        time.sleep(600)\n"
    head = "class Slow(ScheduledTask):\n    schedule = Every(hours=1)\n    timeout = 0.5\n"
    site.write("forum", f"{head}    isolation = {isolation!r}\n{body}")

    dirty(site, "cron")

    [run] = json.loads(site.prints("log", "Slow", "--json"))
    assert run["outcome"] == "timeout"


def test_what_is_typed_is_read_by_a_command_that_only_names_a_command(site: Program) -> None:
    done = site.run("adhoc", "queue", "Mail", "--data", "-", "--user", "cron", input='"Ada"\n"Bob"\n')

    assert (done.returncode, len(done.stdout.split())) == (0, 2)
