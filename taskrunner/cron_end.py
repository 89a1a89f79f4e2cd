"""How crons end badly: noted beside the database, and in it where it answers, until one ends well."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from taskrunner.errors import NotOwnerError, StoreError
from taskrunner.files import LARGEST_FILE, open_file, read_text
from taskrunner.store.settings import CRON_FAILURE, of_host

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from taskrunner.installation import Site

NAME = "cron_failure"
"""The file; an idle minute leaves the minute to the program while it is there."""


@dataclass(frozen=True, slots=True)
class CronFailure:
    """How often in a row crons ended badly since a moment, and how the last one did: exit code and line."""

    code: int
    line: str
    since: float
    ended_at: float
    count: int


def find_failure(state_dir: Path) -> CronFailure | None:
    """Return how the last crons of this host ended badly, or None if the last one ended well."""
    try:
        return CronFailure(**json.loads(read_text(state_dir / NAME, largest=LARGEST_FILE)))
    except (OSError, ValueError, TypeError):
        return None


def _tell_database(site: Site | None, failure: CronFailure | None) -> None:
    if site is None:
        return
    name = of_host(CRON_FAILURE, site.hostname)
    if failure is None:
        site.store.settings.delete(name)
    else:
        site.store.settings.set(name, json.dumps(asdict(failure)))


def failures_of_hosts(site: Site) -> dict[str, CronFailure]:
    """Return how the last crons ended badly, by host, this one as it noted that itself."""
    prefix = of_host(CRON_FAILURE, "")
    found = {
        name.removeprefix(prefix): CronFailure(**json.loads(value))
        for name, value in site.store.settings.list().items()
        if name.startswith(prefix)
    }
    found.pop(site.hostname, None)
    here = find_failure(site.config.state_dir)
    return found if here is None else {site.hostname: here, **found}


class CronEnd:
    """Notes how a cron ends: by what its block raises, else by `note`; `site` is set once it is open."""

    def __init__(self, state_dir: Path, clock: Callable[[], float]) -> None:
        self.site: Site | None = None
        self._state_dir = state_dir
        self._clock = clock

    def __enter__(self) -> CronEnd:
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, Exception) and not isinstance(error, NotOwnerError):  # who touches nothing
            code = StoreError.exit_code if isinstance(error, OSError) else 1
            self.note(getattr(error, "exit_code", code), str(error) or type(error).__name__)

    def note(self, code: int, line: str = "") -> None:
        """Note an exit code, 0 for well, and what was said; where that is not possible, nothing changes."""
        before, now, file = find_failure(self._state_dir), self._clock(), self._state_dir / NAME
        with contextlib.suppress(OSError, StoreError):
            if code == 0:
                if before is not None:
                    os.unlink(file)
                    _tell_database(self.site, None)
                return
            since, count = (before.since, before.count + 1) if before else (now, 1)
            failure = CronFailure(code, line, since, now, count)
            descriptor = open_file(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            with open(descriptor, "w", encoding="utf-8", errors="backslashreplace") as opened:
                opened.write(json.dumps(asdict(failure)))
            _tell_database(self.site, failure)
