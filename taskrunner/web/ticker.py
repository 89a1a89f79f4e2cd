"""A tick: a visit starts `taskrun cron` in a process of its own, if one is needed."""

from __future__ import annotations

import logging
import os
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from html import escape
from pathlib import Path
from subprocess import DEVNULL, Popen
from typing import TYPE_CHECKING

from taskrunner.config import Config, load_config
from taskrunner.config.schema import WEB_MODES
from taskrunner.web_stamp import TickStamp

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Self

GIF = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b")
"""One transparent pixel."""

METHODS = ("GET", "HEAD")
ROBOTS = ("bot", "crawl", "spider", "slurp")
"""A part of the name that those who follow every address give themselves."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request of the image's path is answered with, and whether it asks for a tick."""

    status: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    ticks: bool


class Html(str):
    """A text that is HTML already, as the template engines of Jinja and Django know it."""

    __slots__ = ()

    def __html__(self) -> Self:
        return self


def answer(method: str, user_agent: str) -> Answer:
    """Answer a request: always the same, whatever comes of it, and no parameter of it is looked at."""
    if method not in METHODS:
        refusal = (("Allow", ", ".join(METHODS)), ("Content-Length", "0"))
        return Answer("405 Method Not Allowed", refusal, b"", ticks=False)
    headers = (
        ("Content-Type", "image/gif"),
        ("Content-Length", str(len(GIF))),
        ("Cache-Control", "no-store"),
        ("X-Robots-Tag", "noindex"),
        ("X-Content-Type-Options", "nosniff"),
    )
    is_get = method == "GET"
    return Answer("200 OK", headers, GIF if is_get else b"", ticks=is_get and not _is_robot(user_agent))


def tag(path: str, now: float) -> Html:
    """Return the tag of a page made now; `path` is of characters that need no escaping.

    The minute in the address is for caches alone.

    >>> tag("/tick.gif", 1_800_000_000.0)
    '<img src="/tick.gif?m=30000000" width="1" height="1" alt="" aria-hidden="true" loading="eager">'
    """
    address = f"{path}?m={int(now // 60)}"
    size = 'width="1" height="1" alt="" aria-hidden="true"'
    return Html(f'<img src="{address}" {size} loading="eager">')


def _is_robot(user_agent: str) -> bool:
    name = user_agent.lower()
    return any(part in name for part in ROBOTS)


LOG = logging.getLogger("taskrunner.web")
PAUSE_AFTER_FAILURE = 60.0
"""Seconds for which a process tries nothing after something went wrong, and says so once."""


class Ticker:
    """Starts crons for one site; any number of them, in threads and processes, start one at a time.

    `mode` says which requests tick: those of the image, all others (once their response is sent), or both.
    """

    def __init__(
        self, config: Config, *, mode: str | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self._web = config.web
        self._mode = mode or config.web.mode
        if self._mode not in WEB_MODES:
            raise ValueError(f"mode {mode!r} is none of {', '.join(WEB_MODES)}")
        self._clock = clock
        self._stamp = TickStamp(config.state_dir)
        program = config.web.command or (sys.executable, "-P", "-m", "taskrunner")
        self._command = (*program, "--config", str(config.file), "cron", "--trigger", "web")
        self._started: list[Detached] = []
        self._silent_until = 0.0

    @property
    def image_path(self) -> str | None:
        """The path of the image's address; None: there is no image."""
        return None if self._mode == "response" else self._web.path

    @property
    def follows_responses(self) -> bool:
        """Whether any response is followed by a tick."""
        return self._mode != "image"

    def is_due(self) -> bool:
        """Say whether a tick would start something, as far as one `stat` tells."""
        if self._started:
            self._reap()
        now = self._clock()
        return not (self._is_silent(now) or self._stamp.is_quiet(now, longest=self._web.longest_quiet))

    def tick(self) -> None:
        """Start a cron, if one is needed and no other visit has just started one. Never raises."""
        if not self.is_due():
            return
        now = self._clock()
        try:
            if self._stamp.claim(now, throttle=self._web.throttle, longest=self._web.longest_quiet):
                self._started.append(Detached(self._command))
        except Exception as error:  # whatever it is, it is not for the visitor
            self._silent_until = now + PAUSE_AFTER_FAILURE
            LOG.warning("a visit could not start `taskrun cron`: %s", error)

    def tag(self, root: str) -> Html:
        """Return the tag of the image while a tick would start something, else ""."""
        if self.image_path is None or not (self._web.emit == "always" or self.is_due()):
            return Html()
        return tag(escape(root) + self.image_path, self._clock())

    def _is_silent(self, now: float) -> bool:
        return now < self._silent_until <= now + PAUSE_AFTER_FAILURE

    def _reap(self) -> None:
        """Let go of crons that have ended, and tell of those that could not do their work."""
        for process in tuple(self._started):
            code = process.poll()
            if code is not None:
                with suppress(ValueError):  # another thread was quicker
                    self._started.remove(process)
                if code:
                    LOG.warning(
                        "a cron that a visit started ended with %s: %s", code, " ".join(self._command)
                    )


def open_ticker(config: Config | str | Path | None, mode: str | None = None) -> Ticker:
    """Return the ticker of a site, that of the configuration `taskrun` finds for None. Raises ConfigError."""
    if not isinstance(config, Config):
        named = None if config is None else Path(config)
        config = load_config(named, environ=os.environ, cwd=Path.cwd())
    return Ticker(config, mode=mode)


class Detached(Popen[bytes]):
    """A program that outlives this process: in a session of its own, with nothing of ours open."""

    def __init__(self, command: Sequence[str]) -> None:
        super().__init__(
            command, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL, cwd="/", start_new_session=True
        )

    def __del__(self) -> None:
        """Say nothing of a program that is still running, unlike any other handle."""
