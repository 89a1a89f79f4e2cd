"""What all tasks of a process share and one of them may change, in the order in which it is put back."""

from taskrunner.runner.surroundings.interpreter import (
    DECIMAL,
    HOOKS,
    INTERPRETER,
    LISTS,
    LOGGING,
    SOCKETS,
    STREAMS,
    WARNINGS,
)
from taskrunner.runner.surroundings.process import (
    DIRECTORY,
    ENVIRONMENT,
    IDS,
    LIMITS,
    LOCALE,
    PRIORITY,
    STDIN,
    UMASK,
    ZONE,
)
from taskrunner.runner.surroundings.signals import BLOCKED, HANDLERS, TIMERS, WAKEUP
from taskrunner.runner.surroundings.thing import Thing

THINGS: tuple[Thing, ...] = (
    *(TIMERS, HANDLERS, BLOCKED, WAKEUP),
    *(IDS, LIMITS, PRIORITY, STDIN, DIRECTORY, UMASK, LOCALE),
    *(ENVIRONMENT, ZONE),  # the zone is in the environment
    *(STREAMS, LISTS, HOOKS, INTERPRETER, WARNINGS, SOCKETS, DECIMAL, LOGGING),
)

__all__ = ["THINGS", "Thing"]
