"""The database of a site, changed for another one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskrunner.administration.audit import Change, leave_row
from taskrunner.db.copy import copy_site
from taskrunner.store import open_store
from taskrunner.store.settings import PAUSED, pause_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from taskrunner.administration.audit import Who
    from taskrunner.db.copy import Copied
    from taskrunner.installation import Site


def copy(
    site: Site,
    url: str,
    shown: str,
    *,
    who: Who,
    now: float,
    progress: Callable[[str, int], object] = lambda _table, _rows: None,
) -> list[Copied]:
    """Copy a whole site to the database that a URL names; return what was copied. `shown`: without a secret.

    Nothing starts with the old database from then on. Raises StoreError: the new one is not empty, or was not
    filled rightly; StoreBusyError: runners are at work. Then nothing has changed.
    """
    paused = site.store.settings.list().get(PAUSED)

    def reopen() -> None:
        if paused is None:
            site.store.settings.delete(PAUSED)
        else:
            site.store.settings.set(PAUSED, paused)

    site.store.close()
    closing = (PAUSED, pause_text(now, f"the site was copied to {shown}, which is used instead"))
    copied = copy_site(site.config.database, url, closing=closing, reopen=reopen, progress=progress)
    _leave_row(site, url, shown, copied, who=who, now=now)
    return copied


def _leave_row(site: Site, url: str, shown: str, copied: list[Copied], *, who: Who, now: float) -> None:
    """Leave the row of it in the new database."""
    store = open_store(url, lock_database=None)
    try:
        with store.transaction():
            rows = {table.table: table.rows for table in copied if table.rows}
            leave_row(site, "db copy", shown, Change({}, {"rows": rows}), who=who, now=now, store=store)
    finally:
        store.close()
