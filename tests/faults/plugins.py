"""Plugins that are broken in every way: the others are listed and run, each bad file is named once."""

import os
import subprocess
import sys
from pathlib import Path

from tests.faults.invariants import Findings
from tests.faults.site import FaultySite
from tests.patience import DEADLINE

GOOD = """\
from taskrunner import AdhocTask


class Fine(AdhocTask):
    def execute(self):
        print("fine")
"""
BAD: dict[str, bytes] = {
    "syntax": b"def broken(:\n",
    "missing_import": b"import no_such_module_anywhere\n",
    "exits": b"import sys\nsys.exit(3)\n",
    "dies": b"import os\nos._exit(0)\n",
    "kills_itself": b"import os\nos.kill(os.getpid(), 9)\n",
    "nul": b"x = 1\0\n",
    "encoding": b"# coding: utf-8\nname = '\xff\xfe'\n",
    "odd_coding": b"# coding: no-such-coding\n",
    "raises": b"raise BaseException('at import')\n",
    "recursion": b"def f(): f()\nf()\n",
}
NEVER_ENDS = b"while True:\n    pass\n"
SHADOWS = ("json", "os", "taskrunner", "decimal")
"""Names of modules that a plugin may have all the same."""


def bad_plugins(site: FaultySite) -> Findings:
    """Put every bad plugin beside good ones that are named as modules of the standard library."""
    found = Findings()
    for name, text in BAD.items():
        site.write_plugin(name, text)
    for name in SHADOWS:
        site.write_plugin(name, GOOD)
    os.mkfifo(site.root / "plugins" / "fifo.py", 0o644)
    listed = _taskrun(site, "plugins")
    for name in SHADOWS:
        done = _taskrun(site, "run-task", f"{name}.Fine")
        found.expect(
            done.returncode == 0 and "fine" in done.stdout, f"{name}.Fine: {done.stdout}{done.stderr}"
        )
    for name in (*BAD, "fifo"):
        lines = [line for line in listed.stderr.splitlines() if f"/{name}.py" in line]
        found.expect(len(lines) == 1, f"I6: {name} is named {len(lines)} times: {lines}")
    first, second = site.root / "first", site.root / "second"
    _told(site, first)
    _told(site, second)
    found.expect(first.read_text("utf-8"), "the first cron tells nothing of the bad plugins")
    found.expect(not second.read_text("utf-8"), "the second cron tells of them again")
    found.expect("Traceback" not in listed.stderr, "a traceback")
    found.finished = len(BAD) + 1
    return found


def _told(site: FaultySite, file: Path) -> None:
    done = _taskrun(site, "cron")
    file.write_text("".join(line for line in done.stdout.splitlines(keepends=True) if ".py" in line), "utf-8")


def _taskrun(site: FaultySite, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "taskrunner", "--config", str(site.config()), *arguments],
        cwd=site.root,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        env={"PATH": os.environ["PATH"], "HOME": str(site.root)},
        check=False,
    )
