"""mtrace: what a task says while it runs."""

from __future__ import annotations

import os
import sys
import traceback

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
