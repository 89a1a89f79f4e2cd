"""Tasks that do what no task should: one fault each."""

import ctypes
import gc
import locale
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
import warnings

from taskrunner import AdhocTask, mtrace


class Bad(AdhocTask):
    retry = False

    def execute(self):
        for number in range(100):
            mtrace(f"line {number}")
        self.go_wrong()

    def go_wrong(self):
        raise NotImplementedError

    __abstractmethods__ = frozenset({"go_wrong"})


class SysExit(Bad):
    def go_wrong(self):
        sys.exit(3)


class ExitsAtOnce(Bad):
    def go_wrong(self):
        os._exit(0)


class SegmentationFault(Bad):
    def go_wrong(self):
        ctypes.string_at(0)


class KillsItself(Bad):
    def go_wrong(self):
        os.kill(os.getpid(), signal.SIGKILL)


class Aborts(Bad):
    def go_wrong(self):
        os.abort()


class Odd(BaseException):
    pass


class RaisesBaseException(Bad):
    def go_wrong(self):
        raise Odd("odd")


class MuteError(Exception):
    def __str__(self):
        raise RuntimeError("no word")


class CannotSayItsError(Bad):
    def go_wrong(self):
        raise MuteError


class Recursion(Bad):
    def go_wrong(self):
        self.go_wrong()


class EndlessLoop(Bad):
    timeout = 0.5

    def go_wrong(self):
        while True:
            pass


class DoesNotListen(Bad):
    timeout = 0.5

    def go_wrong(self):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        while True:
            try:
                time.sleep(600)
            except BaseException:
                mtrace("no")


class LeavesThread(Bad):
    def go_wrong(self):
        threading.Thread(target=time.sleep, args=(3,), name="Lingering").start()


class ForksDaemon(Bad):
    def go_wrong(self):
        subprocess.Popen(["sleep", "2"], start_new_session=True)
        if os.fork() == 0:
            os.setsid()
            time.sleep(2)
            os._exit(0)


class ForksItself(Bad):
    def go_wrong(self):
        if os.fork() == 0:
            mtrace("the child returns as if it were the task")


class ChangesEverything(Bad):
    def go_wrong(self):
        os.chdir("/")
        os.umask(0o777)
        os.environ.clear()
        os.environ.update(TZ="Asia/Tokyo", LEFT="behind")
        time.tzset()
        locale.setlocale(locale.LC_ALL, "C.UTF-8")
        for number in (signal.SIGUSR1, signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGUSR1])
        signal.alarm(2)
        sys.path.clear()
        sys.argv.clear()
        sys.setrecursionlimit(200)
        sys.excepthook = threading.excepthook = None
        warnings.simplefilter("error")
        gc.disable()
        random.seed(0)
        tempfile.tempdir = None


class ClosesAllFiles(Bad):
    def go_wrong(self):
        os.closerange(0, 4096)


class OpensOthersInTheirPlace(Bad):
    def go_wrong(self):
        os.closerange(0, 4096)
        for _ in range(100):
            os.open("stolen", os.O_WRONLY | os.O_CREAT | os.O_APPEND)


class TakesStdoutAway(Bad):
    def go_wrong(self):
        sys.stdout = sys.stderr = sys.stdin = sys.__stdout__ = None


class PrintsTooMuch(Bad):
    def go_wrong(self):
        for _ in range(64):
            print("x" * 1_000_000)


class PrintsBinary(Bad):
    def go_wrong(self):
        os.write(1, bytes(range(256)) * 100)


class LeavesLineOpen(Bad):
    def go_wrong(self):
        print("no line end", end="")


class PrintsEscapes(Bad):
    def go_wrong(self):
        print("\x1b]0;title\x07\x1b[2J\x1b[31m")


class WantsTooMuchMemory(Bad):
    def go_wrong(self):
        resource.setrlimit(resource.RLIMIT_AS, (2**30, resource.getrlimit(resource.RLIMIT_AS)[1]))
        bytearray(2**31)


class KeepsMemory(Bad):
    kept = []

    def go_wrong(self):
        self.kept.append(b"x" * 400_000_000)
