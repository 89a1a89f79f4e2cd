"""What the runner cannot do without: functions of Python, modules, a few descriptors for files of its own.

Apart from `process_state`, because they are put back before anything else is done after a task.
"""

from __future__ import annotations

import builtins
import json
import os
import resource
import select
import signal
import sys
import threading
import time
from contextlib import suppress
from errno import EMFILE
from operator import itemgetter
from typing import Any

OWNERS: dict[Any, tuple[str, ...]] = {
    json: ("dumps", "loads"),
    os: (
        *("open", "read", "write", "pread", "pwrite", "lseek", "close", "dup", "dup2"),
        *("fstat", "stat", "lstat"),
        *("fsync", "unlink", "replace", "mkdir", "scandir", "listdir", "getpid", "fork", "waitpid", "execv"),
        *("getcwd", "chdir", "umask", "kill", "_exit", "fspath"),
    ),
    select: ("select", "poll"),
    signal: ("signal", "getsignal", "setitimer", "pthread_sigmask", "set_wakeup_fd"),
    threading: ("Thread", "enumerate", "active_count", "main_thread", "current_thread"),
    resource: ("getrusage", "getrlimit", "setrlimit"),
    time: ("time", "time_ns", "monotonic", "perf_counter", "sleep", "tzset"),
}


LEAST_DEPTH = 300
"""Frames that settling a task may need."""

RESERVE = 16
"""Descriptors that are kept for settling a task that leaves none free, and for starting anew after it."""

NULL_DEVICE = os.stat(os.devnull).st_rdev

MOST_NAMED = 5


class VitalFunctions:
    """Knows them as they are before a task; `replaced` names those that the last one had replaced."""

    def __init__(self) -> None:
        self.replaced: list[str] = []
        self.others: list[str] = []
        """What else it has left so that the process should leave, each as a sentence."""
        self._reserve: list[int] = []
        with suppress(OSError):
            self._reserve.append(os.open(os.devnull, os.O_RDONLY))
            self._reserve += [os.dup(self._reserve[0]) for _ in range(RESERVE - 1)]
        self._finders: tuple[list[Any], list[Any]] = (list(sys.meta_path), list(sys.path_hooks))
        self._note()

    def begin_task(self) -> None:
        """A task is to run. What its plugin has replaced while it was imported stays as it is."""
        self.replaced, self.others = [], []
        if len(sys.modules) != len(self._modules):
            self._note()

    def put_back(self) -> None:
        """Put back what a task has replaced or taken away."""
        # Each comparison is one call of C, of what is most often the same object: after every task.
        for owner, namespace, get, known in self._functions:
            try:
                if get(namespace) == known:
                    continue
            except KeyError:
                pass
            self._put_back(owner, known)
        if len(sys.modules) < len(self._modules):
            self._put_back_modules()
        meta_path, path_hooks = self._finders
        if len(sys.meta_path) < len(meta_path) or len(sys.path_hooks) < len(path_hooks):
            sys.meta_path += [finder for finder in meta_path if finder not in sys.meta_path]
            sys.path_hooks += [hook for hook in path_hooks if hook not in sys.path_hooks]
            self.replaced.append("what finds modules")
        if sys.getrecursionlimit() < min(LEAST_DEPTH, self._recursion_limit):
            sys.setrecursionlimit(self._recursion_limit)
            self.others.append("it lowered the recursion limit")
        try:
            os.close(os.dup(2))
        except OSError as error:
            now, before = resource.getrlimit(resource.RLIMIT_NOFILE), self._limit
            will_be_put_back = now != before and now[1] == before[1]  # a hard one that is lower stays so
            if error.errno == EMFILE and not will_be_put_back:
                self.others.append("it left no file descriptor free")
                self.free_reserve()

    @property
    def changes(self) -> list[str]:
        """What the last task has changed, each as a sentence."""
        named = ", ".join(self.replaced[:MOST_NAMED])
        return [*([f"it replaced {named}"] if named else []), *self.others]

    def free_reserve(self) -> None:
        """Give back the descriptors that were kept: they are needed, or no task is to come."""
        for descriptor in self._reserve:
            with suppress(OSError):
                if os.fstat(descriptor).st_rdev == NULL_DEVICE:  # else a task has closed it
                    os.close(descriptor)
        self._reserve = []

    def _note(self) -> None:
        self._recursion_limit = sys.getrecursionlimit()
        self._limit = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._modules = dict(sys.modules)
        self._owners = OWNERS | {builtins: tuple(name for name in vars(builtins) if name != "_")}
        getters = [(owner, vars(owner), itemgetter(*names)) for owner, names in self._owners.items()]
        self._functions = [(owner, namespace, get, get(namespace)) for owner, namespace, get in getters]

    def _put_back(self, owner: Any, known: tuple[Any, ...]) -> None:
        missing = object()
        for name, function in zip(self._owners[owner], known, strict=True):
            if vars(owner).get(name, missing) is not function:
                vars(owner)[name] = function
                self.replaced.append(f"{owner.__name__}.{name}")

    def _put_back_modules(self) -> None:
        """Put back those that the program or Python itself would import anew; those of tasks may go."""
        gone = {
            name: module
            for name, module in self._modules.items()
            if name not in sys.modules
            and (name.startswith("taskrunner.") or name.partition(".")[0] in sys.stdlib_module_names)
        }
        self._modules = dict(sys.modules) | gone
        if gone:
            sys.modules.update(gone)
            self.replaced.append(f"sys.modules of {len(gone)} modules")
