"""What a cron says to the visits of a web site: whether they are needed, and when there is work next."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from taskrunner.errors import ConfigError
from taskrunner.store.settings import WEB_STARTED_AT
from taskrunner.visits import TickStamp

if TYPE_CHECKING:
    from collections.abc import Iterator

    from taskrunner.site import Site

SLACK = 5.0
"""Seconds that one process may take longer than another from a visit to here."""

LOOK_AFTER_RUNNERS = 60.0
"""Seconds after which the next cron sees whether those at work now have died."""


def was_first(site: Site, now: float) -> bool:
    """Say whether no visit of any host has started a cron within `[web] throttle`, and take the turn."""
    after = now - site.config.web.throttle + SLACK
    return site.store.settings.take_turn(WEB_STARTED_AT, now, after=after)


def put_visits_off(site: Site, now: float) -> None:
    """Let visits start nothing for a while: a real cron is at work. Raises ConfigError."""
    with _stamp_of(site) as stamp:
        stamp.put_off(now + site.config.web.cron_alive)


def tell_visits(site: Site, now: float) -> None:
    """Say when there is work next; costs nothing where there was never a visit. Raises ConfigError."""
    with _stamp_of(site) as stamp:
        if stamp.is_kept:
            stamp.plan(min(_moments(site, now)))


@contextmanager
def _stamp_of(site: Site) -> Iterator[TickStamp]:
    try:
        yield TickStamp(site.config.state_dir)
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
