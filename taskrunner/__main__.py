"""The program: `taskrun`, and `python -m taskrunner`."""

from __future__ import annotations

import os
import sys
import time


def main() -> None:
    """Run the command line; never returns."""
    try:
        _run()
    except KeyboardInterrupt:
        from taskrunner.errors import INTERRUPTED

        sys.exit(INTERRUPTED)
    finally:
        _let_interrupts_end_it()


def _run() -> None:
    _forget_current_directory()
    _open_standard_streams()
    if "cron" in sys.argv and not os.isatty(1):  # a person who watches is told how an idle minute went
        _leave_if_idle()
    from taskrunner.cli import main as commands

    commands(prog_name="taskrun")


def _forget_current_directory() -> None:
    """Import nothing from where the program happens to be started, as a relative PYTHONPATH would."""
    path = os.environ.get("PYTHONPATH")
    for entry in path.split(os.pathsep) if path else ():
        here = os.path.abspath(entry)
        if not os.path.isabs(entry) and here in sys.path:
            sys.path.remove(here)


def _leave_if_idle() -> None:
    """End here in a minute in which nothing is due: nothing is open then, and nothing waits to be printed."""
    from taskrunner.idle import passes_idly

    if passes_idly(sys.argv[1:], environ=os.environ, now=time.time()):
        os._exit(0)  # the interpreter's tidying up would cost a seventh of the minute


def _open_standard_streams() -> None:
    """Put /dev/null where stdin, stdout or stderr is closed, so that no file of ours takes its number."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)


def _let_interrupts_end_it() -> None:
    """Let a Ctrl-C from here on end the process: the interpreter, tidying up, would show a traceback."""
    import signal

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


if __name__ == "__main__":
    if not sys.flags.safe_path:
        del sys.path[0]  # `python -m` puts the current directory there
    main()
