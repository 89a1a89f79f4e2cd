"""What the kernel and the C library keep for a process: its directory, its limits, its environment."""

from __future__ import annotations

import locale
import os
import resource
import time
from typing import Any

from taskrunner.runner.surroundings.thing import Thing

KINDS_OF_LIMITS = (resource.RLIMIT_AS, resource.RLIMIT_CPU, resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE)


def _directory() -> str | None:
    try:
        return os.getcwd()
    except OSError:
        return None


def _go_back(directory: str | None) -> None:
    os.chdir(directory or "/")


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _ids() -> tuple[Any, ...]:
    return os.getresuid(), os.getresgid()


def _set_ids(ids: tuple[Any, ...]) -> None:
    users, groups = ids
    os.setresuid(*users)  # first: only root may do the other
    os.setresgid(*groups)


def _environment() -> dict[Any, Any]:
    """The mapping below os.environ, as it is: decoding it would take longer than all other looks."""
    return dict(vars(os.environ)["_data"])


def _set_environment(environment: dict[Any, Any]) -> None:
    now = _environment()
    for name in now.keys() - environment.keys():
        del os.environb[name]
    for name, value in environment.items():
        if now.get(name) != value:
            os.environb[name] = value


def _zone() -> tuple[Any, ...]:
    return time.tzname, time.timezone, time.altzone


def _set_zone(_zone: object) -> None:
    time.tzset()


def _locale() -> str:
    return locale.setlocale(locale.LC_ALL)


def _set_locale(name: str) -> None:
    locale.setlocale(locale.LC_ALL, name)


def _limits() -> list[tuple[int, int]]:
    return [resource.getrlimit(limit) for limit in KINDS_OF_LIMITS]


def _set_limits(limits: list[tuple[int, int]]) -> None:
    for limit, values in zip(KINDS_OF_LIMITS, limits, strict=True):
        resource.setrlimit(limit, values)


def _priority() -> int:
    return os.getpriority(os.PRIO_PROCESS, 0)


def _set_priority(priority: int) -> None:
    os.setpriority(os.PRIO_PROCESS, 0, priority)


def _stdin() -> tuple[int, int] | None:
    try:
        status = os.fstat(0)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _set_stdin(_status: object) -> None:
    """Nobody types to a task: nothing to read is as good as whatever cron had put there."""
    null = os.open(os.devnull, os.O_RDONLY)
    if null:
        os.dup2(null, 0)
        os.close(null)


IDS = Thing("its user and group", _ids, _set_ids)
LIMITS = Thing("its limits", _limits, _set_limits)
PRIORITY = Thing("its priority", _priority, _set_priority)
DIRECTORY = Thing("the working directory", _directory, _go_back)
UMASK = Thing("the umask", _umask, os.umask)
ENVIRONMENT = Thing("the environment", _environment, _set_environment, imported=True)
ZONE = Thing("the time zone", _zone, _set_zone, imported=True)
LOCALE = Thing("the locale", _locale, _set_locale, imported=True)
STDIN = Thing("stdin", _stdin, _set_stdin, replaced=True)
