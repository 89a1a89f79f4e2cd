"""Reading plugins in forked child processes, so that nothing they do at import harms this one."""

from __future__ import annotations

import faulthandler
import fcntl
import json
import os
import resource
import select
import signal
import sys
from contextlib import suppress
from itertools import islice
from time import monotonic
from typing import TYPE_CHECKING, Any, NoReturn

from taskrunner.plugins.declaration import Plugin, Reading, from_data, plugin_finding, to_json
from taskrunner.plugins.discover import PluginSource, main_file_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

RETRY_DEAD_AFTER = 3600
FIRST_FREE = 3
CANNOT_ANSWER = 70  # EX_SOFTWARE of sysexits.h

_CHUNK = 65536


def read_plugins(
    sources: Sequence[PluginSource], paths: Mapping[str, str], *, timeout: float
) -> list[Reading]:
    """Return what each plugin declares, in order; one that kills or blocks the child gets a finding instead.

    `paths` are the files and folders of all plugins by name, `timeout` the seconds that each import may
    take. No child is left when this returns or raises.
    """
    readings: list[Reading] = []
    while len(readings) < len(sources):
        readings += _read_until_death(sources[len(readings) :], paths, timeout)
    return readings


def _read_until_death(
    sources: Sequence[PluginSource], paths: Mapping[str, str], timeout: float
) -> list[Reading]:
    """Return the readings of one child; where it ended early, the last one says how.

    A child that died might have been killed by what an earlier plugin left behind in it, a thread for
    example. So a plugin is blamed for a death only if it was the first in its child; else it gets one.
    """
    readings: list[Reading] = []
    pid, pipe = _fork(sources, paths, timeout)
    status = None
    try:
        for line in islice(_lines(pipe, timeout), len(sources)):
            readings.append(from_data(json.loads(line)))
        status = _end(pid)
    except TimeoutError:
        readings.append(_dead(sources[len(readings)], f"import did not end within {timeout:g} s"))
    finally:
        os.close(pipe)
        if status is None:
            _end(pid)
    return readings or [_dead(sources[0], _cause_of_death(status or 0))]


def _dead(source: PluginSource, message: str) -> Reading:
    finding = plugin_finding(message, file=main_file_of(source))
    plugin = Plugin(source.name, source.path, source.name, "", (), (), (finding,))
    return Reading(plugin, broken=True, retry_after=RETRY_DEAD_AFTER)


def _cause_of_death(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    if code == CANNOT_ANSWER:
        return "the process could not send back what it declares; does it close all files?"
    if code >= 0:
        return f"the process ended while importing it: called os._exit({code})"
    known = {member.value: member.name for member in signal.Signals}
    return f"the process died while importing it: signal {-code} ({known.get(-code, 'unnamed')})"


def _lines(pipe: int, timeout: float) -> Iterator[bytes]:
    """Yield the lines that come; raise TimeoutError if one takes longer than `timeout` seconds."""
    rest = b""
    deadline = monotonic() + timeout
    while chunk := _next_chunk(pipe, deadline):
        *lines, rest = (rest + chunk).split(b"\n")
        yield from lines
        if lines:
            deadline = monotonic() + timeout


def _next_chunk(pipe: int, deadline: float) -> bytes:
    poll = select.poll()
    poll.register(pipe, select.POLLIN)
    if not poll.poll(max(0.0, deadline - monotonic()) * 1000):
        raise TimeoutError
    return os.read(pipe, _CHUNK)


def _end(pid: int) -> int:
    """Kill a child and all it started, reap it, return its wait status; one that has ended keeps its own."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    with suppress(ChildProcessError):  # reaped by a SIGCHLD handler
        return os.waitpid(pid, 0)[1]
    return 0


def _fork(sources: Sequence[PluginSource], paths: Mapping[str, str], timeout: float) -> tuple[int, int]:
    """Return the child's pid and the pipe on which its readings come, a line each."""
    receiving, sending = os.pipe()
    pid = os.fork()
    if pid == 0:
        _be_the_child(sources, paths, sending, timeout)
    os.close(sending)
    return pid, receiving


def _be_the_child(
    sources: Sequence[PluginSource], paths: Mapping[str, str], pipe: int, timeout: float
) -> NoReturn:
    """Never returns: the parent's buffers, atexit functions and finally clauses are the parent's."""
    status = CANNOT_ANSWER
    try:
        pipe = fcntl.fcntl(pipe, fcntl.F_DUPFD_CLOEXEC, FIRST_FREE)  # it may be 1, if 1 was closed
        _detach()
        _send_readings(sources, paths, pipe, timeout)
        status = 0
    finally:
        os._exit(status)


def _send_readings(
    sources: Sequence[PluginSource], paths: Mapping[str, str], pipe: int, timeout: float
) -> None:
    from taskrunner.plugins.declare import read_plugin
    from taskrunner.plugins.importer import forget, register

    me = os.getpid()
    for plugin in paths:
        forget(plugin)
    register(paths)
    for source in sources:
        signal.alarm(int(timeout) + 2)  # the child's own end, should the parent be gone
        line = to_json(read_plugin(source)).encode()
        if os.getpid() != me:
            return  # the plugin has forked
        _write_all(pipe, line + b"\n")


def _write_all(pipe: int, data: bytes) -> None:
    while data:
        data = data[os.write(pipe, data) :]


def _detach() -> None:
    """Leave the parent's session, its handlers and its streams alone."""
    os.setsid()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    faulthandler.disable()
    nothing: Any = open(os.devnull, "r+", encoding="utf-8", errors="replace")  # noqa: SIM115 - until the end
    for descriptor in (0, 1, 2):
        os.dup2(nothing.fileno(), descriptor)
    sys.stdin = sys.stdout = sys.stderr = nothing
