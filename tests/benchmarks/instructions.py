"""Instructions of the processor, counted by valgrind: what noise does not change."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.benchmarks.idle import BARE
from tests.benchmarks.measuring import Line
from tests.benchmarks.sites import Site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FEW, MANY = 20, 100
"""Tasks in two drains: what one of them costs is the difference."""

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


def measure(folder: Path) -> Iterator[Line]:
    """Give the start of commands beside a click program, an idle minute, and a task beside a bare loop."""
    if not HAS_VALGRIND:
        print("instructions are not counted: apt-get install valgrind", file=sys.stderr)
        return
    hello = _count([sys.executable, "-c", HELLO, "--help"])
    site = Site(folder / "instructions", f"sqlite:{folder / 'instructions.db'}")
    subprocess.run(site.command("cron"), check=True, stdout=subprocess.DEVNULL)  # fills the caches
    for words in (("--help",), ("list",)):
        cost = _count(site.command(*words))
        yield Line(f"`taskrun {' '.join(words)}`", cost, "click program, --help", hello, unit=UNIT)
    complete = {"COMP_WORDS": "taskrun show wor", "COMP_CWORD": "2", "_TASKRUN_COMPLETE": "bash_complete"}
    cost = _count([sys.executable, "-m", "taskrunner"], complete)
    yield Line("completion of a task's name", cost, "click program, --help", hello, unit=UNIT)
    bare = _count([sys.executable, "-c", BARE, str(folder / "instructions.db")])
    cost = _count(site.command("cron"))
    yield Line("idle `taskrun cron`, SQLite", cost, "bare script, same questions", bare, unit=UNIT)
    mine = _each(site, site.command("cron", "--quiet"))
    floor = _each(site, [sys.executable, "-m", "tests.benchmarks.bare", site.url])
    yield Line("SQLite: a trivial task", mine, "bare script, same statements", floor, unit=UNIT)


def _each(site: Site, drain: list[str]) -> float:
    counted = []
    for tasks in (FEW, MANY):
        site.queue(tasks)
        counted.append(_count(drain))
    return (counted[1] - counted[0]) / (MANY - FEW)


def _count(command: list[str], environ: dict[str, str] | None = None) -> float:
    """Return the millions of instructions of a command, the second time: compiled, its caches filled."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    kept |= {"PYTHONHASHSEED": "0", "PYTHONPATH": os.getcwd(), **(environ or {})}
    counting = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *command]
    done = subprocess.run(counting, env=kept, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    found = re.findall(r"Collected : (\d+)", done.stderr)
    if not found:
        raise RuntimeError(f"{command}: {done.stderr[-300:]}")
    return sum(map(int, found)) / 1e6
