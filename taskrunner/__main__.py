"""The program: `taskrun`, and `python -m taskrunner`."""

from __future__ import annotations

import _signal  # as signal, without making an enum of each number
import os
import sys
import time


def main() -> None:
    """Run the command line; never returns."""
    try:
        _forget_current_directory()
        while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
            pass  # stdin, stdout or stderr is closed: no file of ours is to take its number
        os.close(descriptor)
        if "cron" in sys.argv and not os.isatty(1):  # a person who watches sees how an idle minute went
            from taskrunner.idle import passes_idly

            if passes_idly(sys.argv[1:], environ=os.environ, now=time.time()):
                # Nothing is open, nothing waits to be printed, and the interpreter's own shutdown would cost
                # a seventh of the minute.
                os._exit(0)
        _start_clean()
        from taskrunner.cli import main as commands

        commands(prog_name="taskrun")
    except KeyboardInterrupt:
        from taskrunner.errors import INTERRUPTED

        sys.exit(INTERRUPTED)
    finally:
        # A Ctrl-C from here on ends the process: the interpreter would show a traceback while it shuts down.
        if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
            _signal.signal(_signal.SIGINT, _signal.SIG_DFL)


def _forget_current_directory() -> None:
    """Import nothing from where the program happens to be started, as a relative PYTHONPATH would."""
    path = os.environ.get("PYTHONPATH")
    for entry in path.split(os.pathsep) if path else ():
        try:
            here = os.path.abspath(entry)
        except OSError:  # the directory has been deleted: nothing can be imported from there
            continue
        if not os.path.isabs(entry) and here in sys.path:
            sys.path.remove(here)


def _start_clean() -> None:
    """Take nothing over from whoever started this process, which would make tasks run otherwise than by cron.

    An ignored SIGCHLD makes a success of each command that fails, a blocked SIGALRM has no time limit end.
    """
    runs_tasks = _runs_tasks(sys.argv[1:])
    # SIGINT is ignored where a shell has put a command behind itself.
    obeyed = PYTHONS_OWN if runs_tasks else PYTHONS_OWN | {_signal.SIGINT}
    for number in _signal.valid_signals() - obeyed:
        if _signal.getsignal(number) == _signal.SIG_IGN:
            _signal.signal(number, _survive if number == _signal.SIGHUP else _signal.SIG_DFL)
    for timer in (_signal.ITIMER_REAL, _signal.ITIMER_VIRTUAL, _signal.ITIMER_PROF):
        _signal.setitimer(timer, 0)
    _signal.pthread_sigmask(_signal.SIG_SETMASK, ())
    if runs_tasks:
        _close_inherited()
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)


def _runs_tasks(arguments: list[str]) -> bool:
    """Return whether the command runs tasks, and not only names one.

    >>> lines = ("--config a.toml cron", "adhoc --config=a.toml run", "adhoc queue run --user cron")
    >>> [_runs_tasks(line.split()) for line in lines]
    [True, True, False]
    """
    values = {at + 1 for at, word in enumerate(arguments) if word == "--config"}
    words = [word for at, word in enumerate(arguments) if at not in values and not word.startswith("-")]
    return words[:1] in (["cron"], ["run-task"]) or words[:2] == ["adhoc", "run"]


PYTHONS_OWN = {13, 25}
"""SIGPIPE and SIGXFSZ, which Python itself ignores and gives back to the programs it starts."""


def _survive(_number: int, _frame: object) -> None:
    """Answer SIGHUP where it was ignored: what `nohup` starts outlives the session; its children hear it."""


def _close_inherited() -> None:
    """Close what lies open above stderr: nothing of this program is open yet, so it is somebody else's."""
    for name in os.listdir("/dev/fd"):
        if int(name) > 2:
            try:
                os.close(int(name))
            except OSError:  # the descriptor of the folder itself, closed by now
                continue


if __name__ == "__main__":
    if not sys.flags.safe_path:
        del sys.path[0]  # `python -m` puts the current directory there
    main()
