"""Telling a command of the administrator's what changed: once per change of state, never once a minute.

The first event of a class is sent at once. What follows within ten minutes is counted, and sent as one digest
by the first cron after that: 300 mails that fail are two notifications, not 300.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from taskrunner.errors import ConfigError, StoreError
from taskrunner.files import find_program
from taskrunner.idle import NAME as IDLE_NOTE
from taskrunner.store.settings import BROKEN, NOTIFIED, WEB_STARTED_AT, of_host
from taskrunner.web_tick import NAME as WEB_TICK
from taskrunner.web_tick import WebTickFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from taskrunner.installation import Site
    from taskrunner.runner.events import CronOverdue, Event, PluginEvent
    from taskrunner.runner.job import FinishedRun

PATIENCE = 10.0
"""Seconds the command may take."""

PATIENCE_IN_ALL = 30.0
"""Seconds that all its starts in one process may take."""

WINDOW = 600.0
"""Seconds in which further events of a class are counted instead of sent."""


@dataclass(slots=True)
class Notifier:
    """Starts the command of [notify], and knows how much time that has taken in this process."""

    site: Site
    say: Callable[[str], None]
    spent: float = 0.0
    given_up: bool = field(default=False)

    def hears_of(self, finished: FinishedRun) -> bool:
        """Return whether a settled run changed something that the command is to hear of."""
        from taskrunner.runner.events import kind_of

        return kind_of(finished) is not None

    def tell(self, finished: FinishedRun, *, now: float) -> None:
        """Tell of a settled run if it changed something; what goes wrong is said and harms nothing."""
        from taskrunner.runner.events import event_of, kind_of
        from taskrunner.zones import get_zone

        if not self.site.config.notify.command or (kind := kind_of(finished)) is None:
            return
        if self.site.mute_of(finished.run.name, now) is not None:
            return
        try:
            self.tell_digests(now)
            event = event_of(self.site, finished, kind, zone=get_zone(self.site.config.timezone))
            if not self._is_first(event, now):
                return
        except StoreError as error:
            self.say(f"Cannot notify of {finished.run.name}: {error}")
            return
        self.send(event)

    def tell_digests(self, now: float) -> None:
        """Tell what was counted, of each class whose ten minutes are over. Raises StoreError."""
        from taskrunner.runner.events import Event, digest_of
        from taskrunner.zones import get_zone

        if not self.site.config.notify.command:
            return
        for state in self._over(now):
            last = state["last"]
            if last is not None:
                event = Event(**last | {key: tuple(last[key]) for key in ("last_outcomes", "last_lines")})
                zone = get_zone(self.site.config.timezone)
                self.send(digest_of(event, state["count"], since=state["sent_at"], zone=zone))

    def send(self, event: Event | CronOverdue | PluginEvent) -> bool:
        """Run the command with the event on its stdin; return whether it succeeded."""
        from taskrunner.runner.events import as_json

        command, folder = self.site.config.notify.command, self.site.config.file.parent
        patience = min(PATIENCE, PATIENCE_IN_ALL - self.spent)
        if self.given_up or patience <= 0:
            return False
        began_at = time.monotonic()
        try:
            program, text = find_program(command[0]), json.dumps(as_json(event))
            problem = _run([program, *command[1:]], text, patience, folder)
        except OSError as error:
            problem = f"Cannot notify {command[0]} of {event.event}: {error}"
        except subprocess.TimeoutExpired:
            self.given_up = True
            problem = (
                f"Cannot notify {command[0]} of {event.event}: it was ended after {patience:.0f} s, "
                "and is not started again by this process"
            )
        else:
            problem = f"Notifying {command[0]} of {event.event} {problem}" if problem else ""
        self.spent += time.monotonic() - began_at
        if problem:
            self.say(problem)
        return not problem

    def _is_first(self, event: Event, now: float) -> bool:
        """Return whether an event is to be sent now; if not, it is counted."""
        from taskrunner.runner.events import as_json

        settings, name = self.site.store.settings, _setting_of(event)
        with self.site.store.transaction():
            settings.alone("notify")
            state = json.loads(settings.list().get(name, "null"))
            is_first = state is None or not 0 <= now - state["sent_at"] < WINDOW
            if is_first:
                state = {"sent_at": now, "count": 0, "last": None}
            else:
                state = {
                    "sent_at": state["sent_at"],
                    "count": state["count"] + 1,
                    "last": as_json(event),
                }
            settings.set(name, json.dumps(state))
        if not is_first:
            self._wake_idle_minutes()
        return is_first

    def _over(self, now: float) -> list[dict[str, Any]]:
        """Take what was counted of the classes whose ten minutes are over; nobody else tells it then."""
        settings = self.site.store.settings
        over: list[dict[str, Any]] = []
        if not any(name.startswith(NOTIFIED) for name in settings.list()):
            return []
        with self.site.store.transaction():
            settings.alone("notify")
            for name, value in settings.list().items():
                if not name.startswith(NOTIFIED):
                    continue
                state = json.loads(value)
                if 0 <= now - state["sent_at"] < WINDOW:
                    continue
                settings.delete(name)
                if state["count"]:
                    settings.set(name, json.dumps({"sent_at": now, "count": 0, "last": None}))
                    over.append(state)
        return over

    def _wake_idle_minutes(self) -> None:
        """Let the next minutes be whole crons, one of which tells the digest."""
        with suppress(OSError):
            os.unlink(self.site.config.state_dir / IDLE_NOTE)


def tell_broken_plugins(site: Site, *, now: float, say: Callable[[str], None] | None) -> None:
    """Say which plugins broke or recovered since the cron before, and notify the administrator's command."""
    name = of_host(BROKEN, site.hostname)
    before: dict[str, str] = json.loads(site.store.settings.list().get(name, "{}"))
    after = dict(site.registry.broken)
    if before == after:
        return
    from taskrunner.runner.events import plugin_events  # late: most crons find the plugins as they were

    site.store.settings.set(name, json.dumps(after))
    say = say or (lambda _line: None)
    notifier = Notifier(site, say)
    for event in plugin_events(before, after, hostname=site.hostname, now=now):
        say(event.line)
        if site.config.notify.command:
            notifier.send(event)


def _setting_of(event: Event) -> str:
    return f"{NOTIFIED}{'recovered' if event.event == 'recovered' else 'failed'}:{event.task}"


def _run(command: list[str], text: str, patience: float, folder: Path) -> str:
    """Run a command in a folder with a text on its stdin; return what is wrong with how it ended, or "".

    Its output goes to a file: what it leaves running may hold that open as long as it likes.
    Raises OSError, TimeoutExpired.
    """
    from tempfile import TemporaryFile

    with TemporaryFile() as given, TemporaryFile() as output:
        given.write(text.encode())
        given.seek(0)
        process = subprocess.Popen(  # noqa: S603  (the administrator's own command)
            command, stdin=given, stdout=output, stderr=output, cwd=folder, start_new_session=True
        )
        try:
            code = process.wait(timeout=patience)
        except subprocess.TimeoutExpired:
            with suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
        if code == 0:
            return ""
        output.seek(0)
        last = output.read().decode("utf-8", "replace").strip().rpartition("\n")[2]
        return f"ended with exit code {code}: {last}"


SLACK = 5.0
"""Seconds that one process may take longer than another from a visit to here."""

LOOK_AFTER_RUNNERS = 60.0
"""Seconds after which the next cron sees whether those at work now have died."""


def was_first(site: Site, now: float) -> bool:
    """Return whether no visit of any host has started a cron within `[web] throttle`, and take the turn."""
    after = now - site.config.web.throttle + SLACK
    return site.store.settings.take_turn(WEB_STARTED_AT, now, after=after)


def put_visits_off(site: Site, now: float) -> None:
    """Let visits start nothing for a while: a real cron is at work. Raises ConfigError."""
    if is_visited(site):
        with _tick_file(site) as tick_file:
            tick_file.put_off(now + site.config.web.cron_alive)


def tell_visits(site: Site, now: float) -> None:
    """Say when there is work next; costs nothing where there was never a visit. Raises ConfigError."""
    if is_visited(site):
        with _tick_file(site) as tick_file:
            tick_file.plan(min(_moments(site, now)))


def is_visited(site: Site) -> bool:
    """Return whether a web site has asked for crons."""
    return os.path.exists(site.config.state_dir / WEB_TICK)


@contextmanager
def _tick_file(site: Site) -> Iterator[WebTickFile]:
    try:
        yield WebTickFile(site.config.state_dir)
    except OSError as error:
        raise ConfigError(f"state_dir: cannot write what web visits look at: {error}") from error


def _moments(site: Site, now: float) -> Iterator[float]:
    """Give moments from which on a cron should be started."""
    yield now + site.config.web.look_again
    cron = site.config.cron
    if cron.scheduled_concurrency_limit and (due_at := site.store.scheduled.next_due_at()) is not None:
        yield due_at
    if cron.adhoc_concurrency_limit:
        queued = site.store.adhoc.next_due_at()
        yield from (due_at for name, due_at in queued.items() if site.why_not_run(name) is None)
    if site.store.runners.list():
        yield now + LOOK_AFTER_RUNNERS
