"""A task that tells what it finds in its process."""

import gc
import locale
import os
import signal
import sys
import time

from taskrunner import AdhocTask

HANDLERS = (signal.SIGUSR1, signal.SIGCHLD, signal.SIGPIPE)


class Canary(AdhocTask):
    """Its custom data is the name of the bad task before it."""

    def execute(self):
        print("directory", os.getcwd())
        print("umask", oct(os.umask(os.umask(0))))
        print("environment", sorted(os.environ))
        print("zone", time.tzname)
        print("locale", locale.setlocale(locale.LC_ALL))
        print("handlers", [signal.getsignal(number) for number in HANDLERS])
        print("blocked", signal.pthread_sigmask(signal.SIG_BLOCK, ()))
        print("alarm", signal.getitimer(signal.ITIMER_REAL))
        print("python", sys.path != [], sys.argv != [], sys.getrecursionlimit(), gc.isenabled())
        print("streams", [type(stream).__name__ for stream in (sys.stdin, sys.stdout, sys.stderr)])
        print("files", [os.fstat(number).st_mode != 0 for number in range(3)])
        answers = callable(signal.getsignal(signal.SIGTERM)) or self._context.job is not None
        print("answers", answers)
