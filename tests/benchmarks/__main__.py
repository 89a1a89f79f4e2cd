"""`make bench`: medians and ratios beside a floor, all in one run on one machine."""

import os
import platform
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks import (
    admin,
    disk,
    drain,
    idle,
    instructions,
    large,
    operator,
    peers,
    queue,
    report,
    web,
)
from tests.benchmarks.measuring import Line, table
from tests.benchmarks.sites import databases

ALONE = (report, web)
"""Parts that measure on a database of their own."""

RESULTS = Path(__file__).with_name("RESULTS.md")


def main(parts: list[str]) -> None:
    """Measure everything, or the parts named; print the table, keep that of everything in RESULTS.md."""
    for library in peers.missing():
        print(f"{library} is not measured: pip install '.[bench]'", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        lines = list(_measured(Path(folder), parts))
    text = f"# What it costs\n\n{_machine()}\n\n{table(lines)}\n"
    print(text)
    if not parts:
        RESULTS.write_text(text, "utf-8")


def _measured(folder: Path, parts: list[str]) -> Iterator[Line]:
    with databases(folder) as all_databases:
        for part in (idle, instructions, queue, drain, disk, large, operator, report, web, admin):
            if not parts or part.__name__.rpartition(".")[2] in parts:
                for line in part.measure(folder) if part in ALONE else part.measure(folder, all_databases):
                    print(f"{line.what}: {line.ratio:.2f} x {line.beside}", file=sys.stderr)
                    yield line


def _machine() -> str:
    versions = f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    return (
        f"`make bench` on {platform.node()} ({platform.machine()}, {os.cpu_count()} processors,"
        f" load {os.getloadavg()[0]:.1f}), {time.strftime('%-d %B %Y')}: {versions}."
        f" Files in {tempfile.gettempdir()}."
        " Milliseconds, medians; the ratio is to what stands beside it in the same run."
    )


if __name__ == "__main__":
    main(sys.argv[1:])
