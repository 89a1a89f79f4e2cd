"""The program: `taskrun`, and `python -m taskrunner`."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command line; never returns."""
    _open_standard_streams()
    from taskrunner.cli import main as commands

    commands(prog_name="taskrun")


def _open_standard_streams() -> None:
    """Put /dev/null where stdin, stdout or stderr is closed, so that no file of ours takes its number."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)


if __name__ == "__main__":
    sys.path[:] = [path for path in sys.path if path not in ("", os.getcwd())]
    main()
