"""More tasks that do what no task should: what they change is Python's, or the machine's."""

import atexit
import builtins
import decimal
import gc
import itertools
import json
import locale
import os
import pathlib
import resource
import shutil
import signal
import sys
import threading
import time
import warnings

from taskrunner import MORE, AdhocTask, GiveUp, RetryLater, UnknownUserError, mtrace, queue_adhoc_task


class Odd(AdhocTask):
    retry = False

    def execute(self):
        for number in range(100):
            mtrace(f"line {number}")
        return self.go_wrong()

    def go_wrong(self):
        raise NotImplementedError

    __abstractmethods__ = frozenset({"go_wrong"})


def fail(*_args, **_options):
    raise RuntimeError("patched by a task")


class LimitsFiles(Odd):
    def go_wrong(self):
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))


class LimitsSizes(Odd):
    def go_wrong(self):
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
        print("nobody hears of this")


class KeepsAllDescriptors(Odd):
    def go_wrong(self):
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
        try:
            while True:
                os.dup(0)
        except OSError:
            resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))


class Traces(Odd):
    def go_wrong(self):
        sys.settrace(fail)


class Profiles(Odd):
    def go_wrong(self):
        sys.setprofile(fail)


class PatchesOpen(Odd):
    def go_wrong(self):
        builtins.open = fail


class PatchesImport(Odd):
    def go_wrong(self):
        builtins.__import__ = fail


class PatchesBuiltins(Odd):
    def go_wrong(self):
        builtins.print = builtins.len = builtins.isinstance = fail


class PatchesTime(Odd):
    def go_wrong(self):
        time.time = time.sleep = time.monotonic = fail


class PatchesUsage(Odd):
    def go_wrong(self):
        resource.getrusage = resource.getrlimit = fail


class PatchesJson(Odd):
    def go_wrong(self):
        json.dumps = json.loads = fail


class PatchesOs(Odd):
    def go_wrong(self):
        os.write = os.open = os.fstat = fail


class ForgetsModules(Odd):
    def go_wrong(self):
        for name in [name for name in sys.modules if name.startswith(("json", "taskrunner.", "sqlite3"))]:
            del sys.modules[name]


class FindsNoModules(Odd):
    def go_wrong(self):
        sys.meta_path.clear()
        sys.path_hooks.clear()


class ChangesLocale(Odd):
    def go_wrong(self):
        locale.setlocale(locale.LC_ALL, "C.UTF-8")


class ChangesDecimal(Odd):
    def go_wrong(self):
        decimal.getcontext().prec = decimal.DefaultContext.prec = 1


class MakesErrorsOfWarnings(Odd):
    def go_wrong(self):
        warnings.simplefilter("error")


class FailsAtExit(Odd):
    def go_wrong(self):
        atexit.register(fail)


class Audits(Odd):
    def go_wrong(self):
        sys.addaudithook(fail)


class ChangesUser(Odd):
    def go_wrong(self):
        os.setegid(65534)
        os.seteuid(65534)


class LowersItself(Odd):
    def go_wrong(self):
        os.nice(1)


class CollectsBadly(Odd):
    def go_wrong(self):
        gc.callbacks.append(fail)


class Meta(type):
    def __getattribute__(cls, name):
        raise RuntimeError("this class tells nothing")


class SecretError(Exception, metaclass=Meta):
    pass


class RaisesOfASecretClass(Odd):
    def go_wrong(self):
        raise SecretError


class DiesLoudly:
    def __del__(self):
        raise RuntimeError("last words")


class LeavesTheDying(Odd):
    def go_wrong(self):
        self.left = DiesLoudly()


class RaisesGroup(Odd):
    def go_wrong(self):
        raise BaseExceptionGroup("all at once", [KeyboardInterrupt(), ValueError("one"), SystemExit(3)])


class RaisesSurrogates(Odd):
    def go_wrong(self):
        raise ValueError("caf\udce9 \ud800")


class LoopError(Exception):
    pass


class RaisesCircle(Odd):
    def go_wrong(self):
        first, second = LoopError("first"), LoopError("second")
        first.__cause__, second.__cause__ = second, first
        raise first


class RaisesChain(Odd):
    def go_wrong(self):
        error = None
        for number in range(3000):
            another = LoopError(number)
            another.__context__ = error
            error = another
        raise error


class RaisesBadNotes(Odd):
    def go_wrong(self):
        error = LoopError("with notes")
        error.__notes__ = DiesLoudly
        raise error


class Unshowable:
    def __repr__(self):
        raise RuntimeError("no word")


class ExitsUnshowably(Odd):
    def go_wrong(self):
        sys.exit(Unshowable())


class GivesUpUnshowably(Odd):
    def go_wrong(self):
        raise GiveUp(Unshowable())


class WaitsForNoNumber(Odd):
    def go_wrong(self):
        raise RetryLater(seconds=float("nan"))


class RaisesStopIteration(Odd):
    def go_wrong(self):
        raise StopIteration(5)


class KnowsNobody(Odd):
    def go_wrong(self):
        raise UnknownUserError("nobody")


class HasMore(Odd):
    def go_wrong(self):
        return MORE


class ReturnsGenerator(Odd):
    def go_wrong(self):
        return itertools.count()


class ForgetsItself(Odd):
    def go_wrong(self):
        self.__dict__.clear()
        self.__class__ = HasMore


class PrintsTenMillionLines(Odd):
    def go_wrong(self):
        for _ in range(100):
            sys.stdout.write("x\n" * 100_000)


class PrintsOneLine(Odd):
    def go_wrong(self):
        for _ in range(100):
            os.write(1, b"x" * 1_000_000)


class RewritesItsPlugin(Odd):
    def go_wrong(self):
        path = pathlib.Path(__file__)
        path.write_text(path.read_text() + "\n# and more\n")


class DeletesLogs(Odd):
    def go_wrong(self):
        shutil.rmtree("log")


class DeletesJournalsAndLocks(Odd):
    def go_wrong(self):
        shutil.rmtree("state/ended")
        shutil.rmtree("state/locks")


class BlocksSignals(Odd):
    def go_wrong(self):
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())


class SetsTimers(Odd):
    def go_wrong(self):
        signal.setitimer(signal.ITIMER_PROF, 0.01)
        signal.setitimer(signal.ITIMER_VIRTUAL, 0.01)


class LeavesLittleRoom(Odd):
    def go_wrong(self):
        depth, frame = 0, sys._getframe()
        while frame:
            depth, frame = depth + 1, frame.f_back
        sys.setrecursionlimit(depth + 20)
        self.go_down()

    def go_down(self):
        self.go_down()


class WorksInADeletedFolder(Odd):
    def go_wrong(self):
        os.mkdir("gone")
        os.chdir("gone")
        os.rmdir("../gone")


class SendsOutputAway(Odd):
    def go_wrong(self):
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 1)
        os.dup2(null, 2)
        print("nobody hears of this")


class PatchesThreads(Odd):
    def go_wrong(self):
        threading.Thread = threading.enumerate = fail


class QueuesNonsense(Odd):
    def go_wrong(self):
        queue_adhoc_task(HasMore(Unshowable()))
