"""The trail of changes: who made one, and how its object was before and after."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from taskrunner.records import AuditRow
from taskrunner.web_tick import WebTickFile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from taskrunner.installation import Site
    from taskrunner.store import Store

T = TypeVar("T")

LONGEST = 8192
"""Characters that are kept of a state."""


class Who(NamedTuple):
    """Who changes something: the name by which the host knows them, and their number."""

    login: str
    uid: int


class Change(NamedTuple, Generic[T]):
    """How something was before it was changed, and how it is now."""

    before: T
    after: T


State = dict[str, object]


def leave_row(
    site: Site,
    action: str,
    target: str,
    states: Change[State],
    *,
    who: Who,
    now: float,
    store: Store | None = None,
) -> None:
    """Keep a row of a change, in the site's store unless another is given.

    Call it in the transaction that makes the change.
    """
    (store or site.store).audit.add(
        AuditRow(
            done_at=now,
            login=who.login,
            uid=who.uid,
            hostname=site.hostname,
            action=action,
            target=target,
            state_before=_as_text(states.before),
            state_after=_as_text(states.after),
        )
    )


def make_due(site: Site, due_at: float) -> None:
    """Let visits of a web site know that something is due, perhaps earlier than the last cron knew."""
    WebTickFile(site.config.state_dir).bring_forward(due_at)


def _as_text(state: Mapping[str, object]) -> str:
    return json.dumps(state, ensure_ascii=False)[:LONGEST]
