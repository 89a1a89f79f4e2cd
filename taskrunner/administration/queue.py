"""The queue of adhoc tasks, changed: tasks added, made due, cancelled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from taskrunner.administration.audit import Change, State, leave_row, make_due
from taskrunner.errors import CustomDataError
from taskrunner.queueing import batches, decode_data, dedupe_key, encode_data, enqueue_once, new_task

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from taskrunner.administration.audit import Who
    from taskrunner.installation import Site
    from taskrunner.plugins import Declaration
    from taskrunner.records import AdhocRow
    from taskrunner.store.tasks import NewTask


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be queued, but for the custom data; `once`: not what is there already."""

    task: Declaration
    user: str | None
    next_run_at: float
    once: bool


def queue(
    site: Site,
    request: Request,
    texts: Sequence[tuple[int, str]],
    *,
    now: float,
    progress: Callable[[int], object] = lambda _: None,
) -> list[int]:
    """Queue a task for each custom data, all of them or none, and return their ids. Raises CustomDataError.

    `texts` are JSON, each with the number of its line (0: it is not one of several). `progress` hears how
    many have just been queued. No row of it is left: each task says itself when it came, and for whom.
    """
    tasks = [_task(request, text, number) for number, text in texts]
    adhoc, ids = site.store.adhoc, []
    with site.store.transaction():
        for batch in batches(tasks):
            if request.once:
                ids += [enqueue_once(site.store, task, now) for task in batch]
            else:
                ids += adhoc.add(batch, now)
            progress(len(batch))
    make_due(site, request.next_run_at)
    return ids


def retry(site: Site, ids: Sequence[int], *, who: Who, now: float) -> list[Change[AdhocRow | None]]:
    """Make queued tasks due, with one attempt at least; return those that could be changed."""
    return _change_all(
        site, "adhoc retry", ids, lambda task_id: site.store.adhoc.retry(task_id, now), who=who, now=now
    )


def cancel(site: Site, ids: Sequence[int], *, who: Who, now: float) -> list[Change[AdhocRow | None]]:
    """Remove tasks from the queue; return those that could be: not what runs, or is gone already."""
    return _change_all(site, "adhoc cancel", ids, site.store.adhoc.cancel, who=who, now=now)


def reschedule(
    site: Site, ids: Sequence[int], next_run_at: float, *, who: Who, now: float
) -> list[Change[AdhocRow | None]]:
    """Move queued tasks to another time; return those that could be: not what runs, or is gone already."""
    changes = _change_all(
        site,
        "adhoc reschedule",
        ids,
        lambda task_id: site.store.adhoc.postpone(task_id, next_run_at),
        who=who,
        now=now,
    )
    make_due(site, next_run_at)
    return changes


def edit(site: Site, task_id: int, text: str, *, who: Who, now: float) -> Change[AdhocRow | None] | None:
    """Give a queued task other custom data, as JSON; return None if it runs, or is gone already.

    Raises CustomDataError.
    """
    row = site.store.adhoc.find(task_id)
    if row is None:
        return None
    data = decode_data(text)
    identity = dedupe_key(row.name, row.user, data)
    changes = _change_all(
        site,
        "adhoc edit",
        [task_id],
        lambda one: site.store.adhoc.edit(one, custom_data=encode_data(data), identity=identity),
        who=who,
        now=now,
    )
    return changes[0] if changes else None


def _change_all(
    site: Site, action: str, ids: Sequence[int], change: Callable[[int], bool], *, who: Who, now: float
) -> list[Change[AdhocRow | None]]:
    done = []
    with site.store.transaction():
        for task_id in ids:
            before = site.store.adhoc.find(task_id)
            if change(task_id):
                changed = Change(before, site.store.adhoc.find(task_id))
                states = Change(_state(changed.before), _state(changed.after))
                leave_row(site, action, str(task_id), states, who=who, now=now)
                done.append(changed)
    make_due(site, now)
    return done


def _state(row: AdhocRow | None) -> State:
    """Return what administrators change of a queued task; nothing if it is not queued any more."""
    if row is None:
        return {}
    return {
        "name": row.name,
        "custom_data": row.custom_data,
        "user": row.user,
        "next_run_at": row.next_run_at,
        "attempts_left": row.attempts_left,
    }


def _task(request: Request, text: str, number: int) -> NewTask:
    try:
        return new_task(
            request.task.name,
            decode_data(text),
            user=request.user,
            next_run_at=request.next_run_at,
            retry=request.task.retry,
            attempts=request.task.attempts,
        )
    except CustomDataError as error:
        where = f"line {number}: " if number else ""
        raise CustomDataError(f"{where}{error}; nothing was queued", hint=error.hint) from error
