"""Plugins are read in forked child processes, so that nothing they do at import harms this one."""

from __future__ import annotations

import faulthandler
import json
import os
import resource
import signal
import sys
from contextlib import suppress
from functools import partial
from itertools import islice
from time import monotonic
from typing import TYPE_CHECKING, Any

from taskrunner.child_process import PIECE, answer_and_exit, cause_of_death, fork, is_ready, write_all
from taskrunner.plugins.declaration import Plugin, Reading, from_data, plugin_finding, to_json
from taskrunner.plugins.discover import PluginSource, World, main_file_of
from taskrunner.plugins.imports import MODULES, ImportGraph

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

RETRY_BLOCKED_AFTER = 300
"""Seconds after which a plugin is read again whose import did not end: each time costs as long as it may."""


def read_plugins(
    sources: Sequence[PluginSource], paths: Mapping[str, str], *, timeout: float, world: World | None = None
) -> list[Reading]:
    """Return what each plugin declares, in order; one that kills or blocks the child gets a finding instead.

    `paths` are the files and folders of all plugins by name, `timeout` the seconds that each import may
    take. No child is left when this returns or raises.
    """
    readings: list[Reading] = []
    MODULES.note()
    job = partial(_send_readings, paths=paths, timeout=timeout, world=world or World(path=sys.path))
    while len(readings) < len(sources):
        readings += _read_until_death(sources[len(readings) :], job, timeout)
    return readings


def _read_until_death(
    sources: Sequence[PluginSource], send: Callable[[Sequence[PluginSource], int], None], timeout: float
) -> list[Reading]:
    """Return the readings of one child; if it ended early, the last one says how.

    A child that died might have been killed by what an earlier plugin left behind in it, a thread for
    example. So a plugin is blamed for a death only if it was the first in its child; else it gets one.
    """
    readings: list[Reading] = []
    pid, pipe = _fork(sources, send)
    status = None
    try:
        for line in islice(_lines(pipe, timeout), len(sources)):
            readings.append(from_data(json.loads(line)))
        status = _end(pid)
    except TimeoutError:
        message = f"import did not end within {timeout:g} s"
        readings.append(_dead(sources[len(readings)], message, retry_after=RETRY_BLOCKED_AFTER))
    finally:
        os.close(pipe)
        if status is None:
            _end(pid)
    return readings or [_dead(sources[0], f"cannot be imported: {cause_of_death(status, of='the import')}")]


def _dead(source: PluginSource, message: str, *, retry_after: int = 0) -> Reading:
    finding = plugin_finding(message, file=main_file_of(source))
    plugin = Plugin(source.name, source.path, source.name, "", (), (), (finding,))
    return Reading(plugin, broken=True, retry_after=retry_after)


def _lines(pipe: int, timeout: float) -> Iterator[bytes]:
    """Yield the lines that come from a pipe; raise TimeoutError if one takes longer than `timeout`."""
    rest = b""
    deadline = monotonic() + timeout
    while piece := _next_piece(pipe, deadline):
        *lines, rest = (rest + piece).split(b"\n")
        yield from lines
        if lines:
            deadline = monotonic() + timeout


def _next_piece(pipe: int, deadline: float) -> bytes:
    if not is_ready(pipe, seconds=max(0.0, deadline - monotonic())):
        raise TimeoutError
    return os.read(pipe, PIECE)


def _end(pid: int) -> int:
    """Kill a child and all it started, reap it and return its wait status, its own if it has ended before."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    with suppress(ChildProcessError):  # reaped by a SIGCHLD handler
        return os.waitpid(pid, 0)[1]
    return 0


def _fork(
    sources: Sequence[PluginSource], send: Callable[[Sequence[PluginSource], int], None]
) -> tuple[int, int]:
    """Return the child's pid and the pipe on which its readings come, a line each."""

    def answer(pipe: int) -> None:
        _detach()
        send(sources, pipe)

    return fork(lambda pipe: answer_and_exit(pipe, answer))


def _send_readings(
    sources: Sequence[PluginSource], pipe: int, *, paths: Mapping[str, str], timeout: float, world: World
) -> None:
    from taskrunner.config.load import import_around
    from taskrunner.plugins.declare import read_plugin
    from taskrunner.plugins.importer import forget, register

    graph = ImportGraph()
    me = os.getpid()
    with suppress(OSError):  # which those say that run tasks
        os.chdir(world.directory or ".")
    signal.alarm(int(timeout) + 2)
    import_around(world.around)
    for plugin in paths:
        forget(plugin)
    register(paths)
    for source in sources:
        signal.alarm(int(timeout) + 2)  # the child's own end, should the parent be gone
        with graph.noted():
            line = to_json(read_plugin(source, roots=world.roots, graph=graph)).encode()
        if os.getpid() != me:
            return  # the plugin has forked
        write_all(pipe, line + b"\n")


def _detach() -> None:
    """Detach a child from the session, the signal handlers and the streams of its parent."""
    os.setsid()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    faulthandler.disable()
    nothing: Any = open(os.devnull, "r+", encoding="utf-8", errors="replace")  # noqa: SIM115 - until the end
    for descriptor in (0, 1, 2):
        os.dup2(nothing.fileno(), descriptor)
    sys.stdin = sys.stdout = sys.stderr = nothing
