"""Leaving a row of what an administrator does: who, when, what, and how it was before and after."""

from __future__ import annotations

import json
import os
import pwd
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from taskrunner.installation import Site
    from taskrunner.records import AdhocRow, ScheduledRow

LONGEST = 8192
"""Characters that are kept of a state."""


def audit(
    site: Site, action: str, target: str, before: Mapping[str, object], after: Mapping[str, object]
) -> None:
    """Leave a row of a change. Call it in the transaction that makes the change."""
    from taskrunner.records import AuditRow

    row = AuditRow(
        done_at=time.time(),
        login=login(os.environ, os.getuid()),
        uid=os.getuid(),
        hostname=os.uname().nodename,
        action=action,
        target=target,
        state_before=_as_text(before),
        state_after=_as_text(after),
    )
    site.store.audit.add(row)


def login(environ: Mapping[str, str], uid: int) -> str:
    """Return who somebody is: the name of the user, and of the person who became that user by sudo.

    >>> login({"SUDO_USER": "ada"}, 0), login({}, 0), login({}, 987_654)
    ('root (ada)', 'root', '987654')
    """
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = str(uid)
    person = environ.get("SUDO_USER", "")[:128]
    return f"{name} ({person})" if person and person != name else name


def state_of_scheduled(row: ScheduledRow | None) -> dict[str, object]:
    """Return what administrators change of a scheduled task."""
    if row is None:
        return {}
    return {
        "schedule": row.schedule,
        "disabled": bool(row.disabled),
        "customised": bool(row.customised),
        "next_run_at": row.next_run_at,
        "fail_delay": row.fail_delay,
    }


def state_of_adhoc(row: AdhocRow | None) -> dict[str, object]:
    """Return what administrators change of a queued task; {}: it is not queued any more."""
    if row is None:
        return {}
    return {
        "name": row.name,
        "custom_data": row.custom_data,
        "user": row.user,
        "next_run_at": row.next_run_at,
        "attempts_left": row.attempts_left,
    }


def _as_text(state: Mapping[str, object]) -> str:
    return json.dumps(state, ensure_ascii=False)[:LONGEST]
