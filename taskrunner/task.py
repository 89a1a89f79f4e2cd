"""What a plugin author uses: a scheduled task, an adhoc task, and mtrace for what one says as it runs."""

from __future__ import annotations

import os
import sys
import traceback
from abc import ABC, abstractmethod
from enum import Enum, auto
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from taskrunner.config import Config
    from taskrunner.schedule import Every, Schedule
    from taskrunner.store import Store

RUNNER = os.path.join(os.path.dirname(__file__), "runner", "")


class Interrupted(BaseException):  # noqa: N818  (no error: somebody asked for it)
    """Raised inside a task by the second signal. Not an Exception, so that no task takes it for its own."""


class OutOfTime(BaseException):  # noqa: N818  (no error of the task: it is asked to end)
    """Raised inside a task whose time is over. Not an Exception, so that no task takes it for its own."""


LIMITS = (Interrupted, OutOfTime)
"""What ends a run from outside, also while the message of its error is made."""


def mtrace(text: object = "", end: str = "\n") -> None:
    """Print a line at once. In a run it ends in the run's log; elsewhere it goes to stdout."""
    print(text, end=end, flush=True)


def mtrace_exception(error: BaseException) -> None:
    """Print the message and the traceback of an error that a task deals with itself."""
    mtrace(describe_error(error))
    mtrace(format_traceback(error), end="")


def describe_error(error: BaseException, words: str | None = None) -> str:
    """Return the class of an error and its message, unless that begins with it; `words` if they are known.

    >>> describe_error(KeyError("customer")), describe_error(KeyError())
    ("KeyError: 'customer'", 'KeyError')
    >>> describe_error(OSError("OSError: disk is full"))
    'OSError: disk is full'
    """
    name, words = type(error).__name__, error_words(error) if words is None else words
    return words if words.startswith(name) else f"{name}: {words}"


def error_words(error: BaseException) -> str:
    """Return the message of an error, or its class where it has none or cannot say it.

    That of a KeyError is the key alone, which says nothing without the class.

    >>> error_words(ValueError("disk is full")), error_words(KeyError("customer"))
    ('disk is full', "KeyError: 'customer'")
    """
    try:
        text = str(error)
    except LIMITS:
        raise
    except BaseException as broken:
        return f"{type(error).__name__} (its message cannot be shown: {type(broken).__name__})"
    if text and isinstance(error, KeyError):
        return f"{type(error).__name__}: {text}"
    return text or type(error).__name__


def format_traceback(error: BaseException) -> str:
    """Return the traceback of an error without the runner's own frames, ending in a line break."""
    frames = error.__traceback__
    while frames is not None and frames.tb_next and frames.tb_frame.f_code.co_filename.startswith(RUNNER):
        frames = frames.tb_next
    try:
        return "".join(traceback.format_exception(type(error), error, frames))
    except LIMITS:
        raise
    except BaseException as broken:
        return f"{type(error).__name__}: its traceback cannot be shown: {type(broken).__name__}\n"


def flush_output() -> None:
    """Hand what is still in the buffers of stdout and stderr to their file descriptors."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name, None)
        try:
            if stream is not None:
                stream.flush()
        except Exception as error:  # a task may have put anything there
            os.write(2, f"sys.{name} could not be flushed: {type(error).__name__}\n".encode())


T = TypeVar("T")


class RunContext(Protocol):
    """What a running task, and what it calls of taskrunner, may ask and do; the runner provides it.

    The facts are those that `Task` tells under the same names. `clears_caches`: the task wants its process to
    end with it.
    """

    run_id: str
    user: str | None
    fail_delay: int
    attempt: int
    last_run_at: float | None
    last_success_at: float | None
    config: Config
    clears_caches: bool

    def open_db(self) -> Any:
        """Return the run's counted connection, opened at the first call."""

    def open_store(self) -> Store:
        """Return the store for what a task does with taskrunner itself."""

    def note_progress(self, done: float, total: float, text: str) -> None:
        """Store how far the task has come."""


class Task(ABC):
    """One kind of work. Subclass ScheduledTask or AdhocTask, not this."""

    name: ClassVar[str] = ""
    """`<plugin>.<ClassName>`, given by the loader."""

    title: ClassVar[str] = ""
    """The display name; default: the first line of the docstring, else the class name."""

    timeout: ClassVar[float | None] = None
    """Seconds after which a run is ended; None: never."""

    isolation: ClassVar[Literal["none", "fork"] | None] = None
    """Run in the cron process ("none") or in a forked child of it ("fork"); None: as the config says."""

    run_if_plugin_disabled: ClassVar[bool] = False
    """Run also while the administrator has disabled the plugin."""

    former_names: ClassVar[tuple[str, ...]] = ()
    """Names the class had before: schedule, history and queue of each go over to it. "Hello", "old.Hello"."""

    _name_given: ClassVar[str | None] = None
    _context: RunContext | None = None
    _settings: Mapping[str, object] | None = None
    _config_file: Path | None = None

    @abstractmethod
    def execute(self) -> More | None:
        """Do the work. Returning is success, any exception is failure."""

    @property
    def run_id(self) -> str:
        """The id of the current run."""
        return self._running().run_id

    @property
    def user(self) -> str | None:
        """The user an adhoc task was queued for."""
        return self._running().user

    @property
    def fail_delay(self) -> int:
        """Seconds this run had to wait because the one before failed; 0 after a success."""
        return self._running().fail_delay

    @property
    def attempt(self) -> int:
        """Which try this is since the last success, from 1."""
        return self._running().attempt

    @property
    def last_run_at(self) -> float | None:
        """UTC epoch seconds at which the run before this one started, or None if there was none."""
        return self._running().last_run_at

    @property
    def last_success_at(self) -> float | None:
        """UTC epoch seconds at which the last successful run started, or None if there was none."""
        return self._running().last_success_at

    @property
    def settings(self) -> Mapping[str, object]:
        """What the config file says under `[plugin_settings.<plugin>]`; empty where it says nothing.

        Known already when the task is asked whether it is to run.
        """
        if self._settings is None:
            raise RuntimeError(f"{type(self).__name__} has no settings: it was not made by a runner")
        return self._settings

    def read_settings(self, declared: type[T]) -> T:
        """Return the settings as a dataclass of the plugin's own; what is not said there has its default.

        The fields may be bool, int, float, str, Path (relative to the config file), dataclasses (tables) and
        tuples of these. Raises ConfigError for a name that is not a field, a value of another type, and what
        the dataclass refuses with a ValueError.
        """
        from taskrunner.validate import Table, read_settings

        folder = self._config_file.parent if self._config_file else Path()
        table = Table(f"plugin_settings.{self.name.partition('.')[0]}", folder)
        return read_settings(declared, self.settings, table)

    @property
    def db(self) -> Any:
        """A DB-API connection to `[task_database]`, default taskrunner's own: opened at first use, counted.

        Commit what you write: a transaction left open is rolled back and fails the run.
        """
        return self._running().open_db()

    def progress(self, done: float, total: float, text: str = "") -> None:
        """Say how far the work has come, for `taskrun running`."""
        self._running().note_progress(done, total, text)

    @classmethod
    def _attribute_problems(cls) -> Iterator[str]:
        """Yield in one line each what is wrong with the attributes that only this kind of task has."""
        yield from ()

    def _running(self) -> RunContext:
        if self._context is None:
            raise RuntimeError(f"{type(self).__name__} is not running: this is known only inside execute()")
        return self._context


class ScheduledTask(Task):
    """A task that is due again and again, by its schedule."""

    schedule: ClassVar[str | Schedule | Every]
    """Five cron fields ("0 3 * * *"), an alias ("@daily") or an interval (Every(hours=2))."""

    timezone: ClassVar[str | None] = None
    """The zone the schedule is meant in; None: that of the config."""

    disabled: ClassVar[bool] = False
    """Declared, but not run until the administrator enables it."""

    misfire: ClassVar[Literal["run", "skip"]] = "run"
    """What becomes of a slot that was missed: one late run, or none."""

    misfire_grace: ClassVar[int] = 300
    """Seconds a slot may be late before `misfire = "skip"` skips it."""

    @abstractmethod
    def execute(self) -> More | None:
        """Do the work, or a part of it and return MORE. Any exception is failure."""

    def is_runnable(self) -> bool | str:
        """Return whether the configuration allows this task to run, or a text with the reason why not."""
        return True

    def should_run(self) -> bool:
        """Answer a cheap question, asked only when due; False skips this slot."""
        return True


class AdhocTask(Task):
    """A task that is queued once, with custom data, and run when its turn comes."""

    concurrency_limit: ClassVar[int | None] = None
    """How many tasks of this class may run at once; None: as the config says."""

    retry: ClassVar[bool] = True
    """False: a failed task is not tried again."""

    attempts: ClassVar[int] = 12
    """How often the task may be tried before it is given up."""

    @abstractmethod
    def execute(self) -> None:
        """Do the work. Returning is success, any exception is failure."""

    def __init__(self, custom_data: Any = None) -> None:
        self.custom_data = custom_data


LONGEST_WAIT = 366 * 86_400
"""Seconds a task may ask to wait."""


class More(Enum):
    """What `execute()` of a scheduled task returns that has done a part of its work: `return MORE`.

    The run is a success, and the task is due again at once, but behind all others that are: it continues
    in another turn, at the latest with the next cron.
    """

    MORE = auto()


MORE = More.MORE


class RetryLater(Exception):  # noqa: N818  (the word of the interface; no error)
    """The task asks to be tried again later without having failed: the attempt counts, no fail delay does.

    `seconds` from now on; None: a minute, doubled with each attempt, at most a day.
    """

    def __init__(self, message: str = "", *, seconds: float | None = None) -> None:
        if not isinstance(message, str):
            raise TypeError(f"RetryLater({message!r}): write RetryLater(seconds={message!r})")
        super().__init__(message or "asked to be tried again later")
        if seconds is not None and not 0 < seconds <= LONGEST_WAIT:
            raise ValueError(f"RetryLater(seconds={seconds!r}): it takes a number above 0, at most a year")
        self.seconds = seconds


class GiveUp(Exception):  # noqa: N818  (the word of the interface)
    """The task has failed for good: an adhoc task is not tried again."""


class Failed(Exception):  # noqa: N818  (the same)
    """The task has failed, and the message says all: a traceback would tell only of taskrunner itself."""


class UnknownUserError(Exception):
    """The user an adhoc task is to run as does not exist, or may not run it; the task is cancelled."""


class Current:
    """Holds the run under way."""

    run: RunContext | None = None


CURRENT = Current()


def current_run() -> RunContext:
    """Return the run under way. Raises RuntimeError outside of a run."""
    if CURRENT.run is None:
        raise RuntimeError("no task is running in this process")
    return CURRENT.run
