"""Whether a cron has anything to do, asked of the tables with the store's own queries."""

from __future__ import annotations

from taskrunner.store.settings import DECLARED, PAUSED, TOLD
from taskrunner.store.statements import Statements

TYPE_CHECKING = False  # spares an idle minute `typing`
if TYPE_CHECKING:
    from taskrunner.db import Database


def has_work(database: Database, *, fingerprint: str, now: float) -> bool:
    """Say whether the whole program might have something to do or to say.

    `fingerprint` is that of the plugins and the configuration as they are. Raises StoreError.
    """
    return (
        _has_news(database, fingerprint)
        or bool(Statements(database, "scheduled").rows("due", now=now))
        or _has_due_adhoc_tasks(database, now)
        or bool(Statements(database, "runners").rows("list"))  # at work, or dead: the program can tell
    )


def _has_news(database: Database, fingerprint: str) -> bool:
    """Say whether cron is paused, tasks are to be declared anew, or problems to be told."""
    settings = {row["name"]: row["value"] for row in Statements(database, "settings").rows("list")}
    up_to_date = settings.get(DECLARED) == fingerprint == settings.get(TOLD)
    return PAUSED in settings or not up_to_date


def _has_due_adhoc_tasks(database: Database, now: float) -> bool:
    return any(row["next_run_at"] <= now for row in Statements(database, "adhoc").rows("classes"))
