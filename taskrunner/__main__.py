"""The program: `taskrun`, and `python -m taskrunner`."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command line; never returns."""
    _forget_current_directory()
    _open_standard_streams()
    from taskrunner.cli import main as commands

    commands(prog_name="taskrun")


def _forget_current_directory() -> None:
    """Import nothing from where the program happens to be started, as a relative PYTHONPATH would."""
    path = os.environ.get("PYTHONPATH")
    for entry in path.split(os.pathsep) if path else ():
        here = os.path.abspath(entry)
        if not os.path.isabs(entry) and here in sys.path:
            sys.path.remove(here)


def _open_standard_streams() -> None:
    """Put /dev/null where stdin, stdout or stderr is closed, so that no file of ours takes its number."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)


if __name__ == "__main__":
    if not sys.flags.safe_path:
        del sys.path[0]  # `python -m` puts the current directory there
    main()
