"""Instructions of the processor, counted by valgrind: what noise does not change.

Of each program its own process is counted. While tasks are drained the clock goes slower, as the program does
under valgrind: what happens ten times a second then happens as often for each task as it would without.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

from tests.benchmarks import preload
from tests.benchmarks.idle import idle_minute
from tests.benchmarks.measuring import Line
from tests.benchmarks.sites import NOTHING, Site
from tests.databases import connect_to

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.benchmarks.sites import Databases

FEW, MANY = 20, 1_000
"""Tasks in two drains: what one of them costs is the difference."""

SCHEDULED = 100
SLOWER = {"CLOCK_SLOWER": "30"}
UNIT = "M instructions"
HELLO = """
import click
@click.group()
def main(): pass
@main.command()
def hello(): "Say hello."
main()
"""
HAS_VALGRIND = shutil.which("valgrind") is not None
QUESTIONS = (("list",), ("log",), ("running",))
CLASS = """

class Task{number}(ScheduledTask):
    schedule = "0 0 1 1 *"

    def execute(self) -> None:
        print("done")
"""


def measure(folder: Path, databases: Databases) -> Iterator[Line]:
    """Give the start of commands beside a click program, an idle minute, and a task beside a bare loop."""
    if not HAS_VALGRIND:
        print("instructions are not counted: apt-get install valgrind", file=sys.stderr)
        return
    hello, beside = _count([sys.executable, "-c", HELLO, "--help"]), "click program, --help"
    slower = SLOWER | (preload.build(folder) or {})
    for kind in databases.kinds:
        site = Site(folder / f"instructions_{kind}", databases.new(kind))
        _count(site.command("cron"))  # fills the caches, as this environment wants them
        if kind == "SQLite":
            yield Line("`taskrun --help`", _count(site.command("--help")), beside, hello, unit=UNIT)
            yield Line("completion of a task's name", _completion(site), beside, hello, unit=UNIT)
        for words in QUESTIONS:
            cost = _count(site.command(*words))
            yield Line(f"{kind}: `taskrun {' '.join(words)}`", cost, beside, hello, unit=UNIT)
        yield _idle(folder / f"idle_instructions_{kind}", databases.new(kind), kind)
        mine = _each(site, site.command("cron", "--quiet"), slower)
        floor = _each(site, [sys.executable, "-m", "tests.benchmarks.bare", site.url], slower)
        yield Line(f"{kind}: a trivial task", mine, "bare script, a commit each", floor, unit=UNIT)
        scheduled = _each_scheduled(folder / f"scheduled_{kind}", databases.new(kind), slower)
        alone = _each_alone(site, slower)
        yield Line(f"{kind}: a scheduled task", scheduled, "a queued task of its own", alone, unit=UNIT)


def _completion(site: Site) -> float:
    complete = {"COMP_WORDS": "taskrun show wor", "COMP_CWORD": "2", "_TASKRUN_COMPLETE": "bash_complete"}
    return _count([sys.executable, "-m", "taskrunner"], complete | {"TASKRUN_CONFIG": str(site.config)})


def _idle(folder: Path, url: str, kind: str) -> Line:
    cron, bare = ([sys.executable, *words] for words in idle_minute(folder, url, 1))
    _count(cron)  # makes tables and caches, which hold for the import path of this environment
    what = f"{kind}: idle `taskrun cron`"
    return Line(what, _count(cron), "bare script, same questions", _count(bare), unit=UNIT)


def _each(site: Site, drain: list[str], environ: Mapping[str, str]) -> float:
    counted = []
    for tasks in (FEW, MANY):
        site.queue(tasks)
        counted.append(_count(drain, environ))
    return (counted[1] - counted[0]) / (MANY - FEW)


def _each_alone(site: Site, environ: Mapping[str, str]) -> float:
    """Return the cost of a queued task that is run in no batch, as a scheduled one."""
    counted = []
    for tasks in (FEW, SCHEDULED):
        site.queue(tasks, "Alone")
        counted.append(_count(site.command("cron", "--quiet"), environ))
    return (counted[1] - counted[0]) / (SCHEDULED - FEW)


def _each_scheduled(folder: Path, url: str, environ: Mapping[str, str]) -> float:
    classes = "from taskrunner import ScheduledTask\n" + "".join(
        CLASS.format(number=number) for number in range(SCHEDULED)
    )
    site = Site(folder, url, classes)
    counted = []
    for tasks in (FEW, SCHEDULED):
        with closing(connect_to(url)) as connection:
            connection.execute(
                "update task_scheduled set next_run_at = 1 where name in"
                f" (select name from task_scheduled where plugin = 'work' order by name limit {tasks})"
            )
            connection.commit()
        counted.append(_count(site.command("cron", "--quiet"), environ))
    return (counted[1] - counted[0]) / (SCHEDULED - FEW)


def _count(command: list[str], environ: Mapping[str, str] = NOTHING) -> float:
    """Return the millions of instructions of a command."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    kept |= {"PYTHONHASHSEED": "0", "PYTHONPATH": os.getcwd(), **environ}
    counting = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *command]
    process = subprocess.Popen(
        counting,
        env=kept,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    _, said = process.communicate()
    found = re.search(rf"^=={process.pid}== Collected : (\d+)", said, re.M)
    if found is None:
        raise RuntimeError(f"{command}: {said[-300:]}")
    return int(found[1]) / 1e6
