"""Whether a cron has anything to do, asked of the tables with the store's own queries."""

from __future__ import annotations

import os

from taskrunner.store.settings import PAUSED
from taskrunner.store.statements import Statements

TYPE_CHECKING = False  # spares an idle minute `typing`
if TYPE_CHECKING:
    from collections.abc import Mapping

    from taskrunner.db import Database


def has_work(database: Database, *, expected: Mapping[str, str], now: float) -> bool:
    """Say whether the whole program might have something to do or to say.

    `expected` are the settings that stand there when tasks are declared and problems told. Raises StoreError.
    """
    return (
        _has_news(database, expected)
        or bool(Statements(database, "scheduled").rows("due", now=now))
        or _has_due_adhoc_tasks(database, now)
        or bool(Statements(database, "runners").rows("list"))  # at work, or dead: the program can tell
    )


def beat_host(database: Database, now: float) -> None:
    """Note that a cron starts on this host, for the others that work with the database. Raises StoreError."""
    Statements(database, "hosts").rows("beat", hostname=os.uname().nodename, now=now)


def _has_news(database: Database, expected: Mapping[str, str]) -> bool:
    """Say whether cron is paused, tasks are to be declared anew, or problems to be told."""
    settings = {row["name"]: row["value"] for row in Statements(database, "settings").rows("list")}
    return PAUSED in settings or any(settings.get(name) != value for name, value in expected.items())


def _has_due_adhoc_tasks(database: Database, now: float) -> bool:
    return any(row["next_run_at"] <= now for row in Statements(database, "adhoc").rows("classes"))
