"""`make bench`: medians and ratios beside a floor, all in one run on one machine."""

import platform
import sqlite3
import tempfile
from pathlib import Path

from tests.benchmarks import drain, idle, operator, queue, report, web
from tests.benchmarks.measuring import Line, table


def main() -> None:
    """Measure everything and print the table."""
    lines: list[Line] = []
    with tempfile.TemporaryDirectory() as folder:
        for part in (idle, queue, drain, operator, report, web):
            lines += part.measure(Path(folder))
    print(f"{platform.machine()}, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}\n")
    print(table(lines))


if __name__ == "__main__":
    main()
