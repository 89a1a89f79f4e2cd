"""The pages of the queue: how each class stands, its tasks, and what is done about many of them at once."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from taskrunner.administration import queue as changed_queue
from taskrunner.errors import TaskrunnerError
from taskrunner.formatting import parse_moment, plural, relative
from taskrunner.views.runs import QUEUED, class_queues, is_waiting, queued_tasks, state_of
from taskrunner.web.admin.frame import suspend_form
from taskrunner.web.admin.html import (
    NOTHING,
    Field,
    Markup,
    button,
    downloads,
    element,
    form,
    hidden,
    joined,
    link,
    listing_file,
    notice,
    parts,
    small,
    soft,
    state,
    table,
)
from taskrunner.web.admin.request import Response, redirect

if TYPE_CHECKING:
    from collections.abc import Sequence

    from taskrunner.records import AdhocRow
    from taskrunner.views.columns import Listing
    from taskrunner.views.runs import ClassQueue, QueuedTask
    from taskrunner.web.admin.frame import View

SHOWN = 100
"""Tasks of a class that are shown."""

MOST_AT_ONCE = 10_000
"""Tasks that one form changes."""

CLASS_COLUMNS = (
    ("Class", ""), ("Running", "n"), ("Due", "n"), ("Waiting", "n"), ("Failing", "n"), ("Given up", "n"),
    ("Next run", "nw"), ("State", ""), ("Do", ""),
)  # fmt: skip
ACTIONS = {"retry": "Make due now", "postpone": "Postpone", "delete": "Delete"}
WHICH = {"failed": "that failed", "given-up": "that were given up", "all": "that do not run"}


def page(view: View) -> Response:
    """Show how the queue of each class stands."""
    counts = view.site.store.adhoc.summary(view.now)
    classes = class_queues(view.site, counts)
    if not classes:
        return view.page("Queue", soft("The queue is empty."), under="/queue")
    due, waiting = sum(one.due for one in counts), sum(one.waiting for one in counts)
    failing = sum(one.failing for one in counts)
    summary = f"{due:,} due, {waiting:,} waiting, {failing:,} failing or given up."
    everything = NOTHING
    if view.may_change and failing:
        address = view.address("/queue-change", do="retry", which="failed")
        everything = element("p", link(address, f"Retry all that failed ({failing:,}) …"))
    rows = (_class_cells(view, one) for one in classes)
    return view.page(
        "Queue", soft(summary), everything, table("Classes of queued tasks", CLASS_COLUMNS, rows),
        under="/queue",
    )  # fmt: skip


def _class_cells(view: View, one: ClassQueue) -> tuple[str | int, ...]:
    counts = one.counts
    shown = one.state if one.state != "ok" else view.context.paused(counts.name) or "ok"
    style = "" if shown == "ok" else "late" if one.state == "ok" else "bad"
    offers: list[str] = []
    if view.may_change and counts.failing:
        address = view.address("/queue-change", do="retry", which="failed", task=counts.name)
        offers = [link(address, "Retry …", aria_label=f"Retry …: {counts.name}"), " "]
    if view.may_change and counts.given_up:
        address = view.address("/queue-change", do="delete", which="given-up", task=counts.name)
        offers.append(link(address, "Delete given up …", aria_label=f"Delete given up …: {counts.name}"))
    at = counts.next_run_at
    return (
        link(view.address(f"/queue/{counts.name}"), parts(counts.name)),
        counts.running,
        counts.due,
        counts.waiting,
        counts.failing,
        counts.given_up,
        "–" if at is None else relative(max(at, view.now), view.now),
        state(shown, style),
        joined(*offers),
    )


def of_class(view: View, name: str) -> Response:
    """Show the queued tasks of a class, the oldest due first."""
    counts = next((one for one in view.site.store.adhoc.summary(view.now) if one.name == name), None)
    if counts is None and name not in view.site.registry.tasks:
        error = TaskrunnerError(f"no task of {name} is queued", hint="taskrun adhoc summary")
        return view.refused(error, back="/queue", text="Queue", status=404)
    rows = view.site.store.adhoc.list(name=name, limit=SHOWN)
    total = 0 if counts is None else counts.running + counts.due + counts.waiting + counts.given_up
    more = f", the first {SHOWN}" if total > SHOWN else ""
    about = soft("Its runs, its limits, and why it does not run: ", view.task(name))
    pause = _pause(view, name)
    if not rows:
        return view.page(name, about, soft("No task of it is queued."), pause, under="/queue")
    tasks = queued_tasks(view.site, rows)
    users = any(row.user for row in rows)
    cells = (_cells(view, one, users=users) for one in tasks)
    listed = table(f"{plural(total, 'queued task')}{more}", _columns(view, users=users), cells)
    return view.page(
        name,
        about,
        pause,
        _chooser(view, name, listed) if view.may_change else listed,
        downloads(view, f"/queue/{name}/tasks"),
        under="/queue",
    )


def _pause(view: View, name: str) -> Markup:
    if not view.may_change or name not in view.site.registry.tasks:
        return NOTHING
    shown = suspend_form(view, "pause", name, back=f"/queue/{name}")
    return element("details", element("summary", "Pause it"), shown)


def _columns(view: View, *, users: bool) -> list[tuple[str, str]]:
    data = [("Custom data", "wide")] if view.site.config.web.show_custom_data else []
    choose = [("Choose", "")] if view.may_change else []
    for_whom = [("For", "")] if users else []
    return [
        ("Task", "nw"), *data, *for_whom, ("Queued", "nw"), ("Next run", "nw"), ("Attempts left", "n"),
        ("State", "wide"), *choose,
    ]  # fmt: skip


def _cells(view: View, task: QueuedTask, *, users: bool) -> tuple[str, ...]:
    row = task.row
    shown = state_of(row, task.why_not, view.context)
    number = joined("Task ", str(row.id))
    running = small("running") if row.run_id is not None else NOTHING
    priority = small(f"priority {row.priority}") if row.priority else NOTHING
    cells: list[str] = [joined(number, running, priority)]
    if view.site.config.web.show_custom_data:
        cells.append(element("code", row.custom_data[:2000]))
    cells += [row.user or ""] if users else []
    cells += [
        view.moment(row.created_at),
        _next(view, row),
        str(row.attempts_left),
        state(shown[:300], QUEUED.style(task, view.context)),
    ]
    if view.may_change:
        box = element("input", type="checkbox", name=f"id.{row.id}", aria_label=f"Choose task {row.id}")
        cells.append(box if row.run_id is None else "")
    return tuple(cells)


def _next(view: View, row: AdhocRow) -> str:
    if not is_waiting(row):
        return "–"
    return "now" if row.next_run_at <= view.now else view.moment_and_distance(row.next_run_at)


def _chooser(view: View, name: str, listed: Markup) -> Markup:
    """Return the list with its boxes, and what can be done with those that are chosen, or with all."""
    buttons = [
        button(text, name="do", value=action, class_="danger" if action == "delete" else "")
        for action, text in ACTIONS.items()
    ]
    which = element(
        "div",
        element("label", "Tasks", for_="which"),
        element(
            "select",
            element("option", "chosen below", value="ids"),
            *(element("option", f"all {text}", value=value) for value, text in WHICH.items()),
            id="which",
            name="which",
        ),
        class_="field",
    )
    return form(
        view.address("/queue-change"),
        hidden({"task": name}),
        element("div", which, *buttons, class_="row"),
        listed,
        method="get",
        label="Queued tasks",
    )


def download(view: View, name: str, kind: str) -> Response:
    """Return the queued tasks of a class as a file; custom data only where it may be seen."""
    tasks = queued_tasks(view.site, view.site.store.adhoc.list(name=name))
    return listing_file(tasks, _seen(view), view.context, name=f"queue-{name}", kind=kind)


def _seen(view: View) -> Listing[QueuedTask]:
    if view.site.config.web.show_custom_data:
        return QUEUED
    return QUEUED._replace(columns=tuple(one for one in QUEUED.columns if one.key != "custom_data"))


def confirm(view: View, *, error: str = "") -> Response:
    """Ask whether so many tasks are to be changed."""
    asked = view.request.form or view.request.query
    if not _is_understood(asked):
        return redirect(view.address("/queue"))
    action, which, name = (asked.get(key, "") for key in ("do", "which", "task"))
    back = f"/queue/{name}" if name else "/queue"
    rows = _chosen(view, asked)
    if not rows:
        empty = "Choose a task first." if which == "ids" else "There is no such task."
        return view.page(
            "Nothing to change", soft(empty), element("p", link(view.address(back), "Back")), under="/queue"
        )
    count = plural(len(rows), "task")
    fields = {"do": action, "which": which, "task": name, "count": str(len(rows)), "seen": _digest(rows)}
    fields |= {key: "on" for key in asked if key.startswith("id.")} if which == "ids" else {}
    until = NOTHING
    if action == "postpone":
        hint = "2h, 22:00, tomorrow, or 2026-12-01 03:00"
        until = Field("until", "Not before", asked.get("until", ""), hint=hint, error=error).shown()
    text = f"{ACTIONS[action]}: {count}"
    buttons = (
        button(text, class_="danger" if action == "delete" else "main"),
        link(view.address(back), "Leave them as they are"),
    )
    content = [
        element("p", _consequence(action)),
        _sample(view, rows),
        form(view.address("/queue-change"), hidden(fields), element("div", until, *buttons, class_="row")),
    ]
    of = f" of {name}" if name else ""
    return view.page(f"{text}{of}?", *content, under="/queue", status=422 if error else 200)


def _consequence(action: str) -> str:
    return {
        "retry": "They are due at once, with one attempt at least; crons run them as their slots are free.",
        "postpone": "They wait until then, whatever they were waiting for.",
        "delete": "They are gone for good: nothing of them is kept but this change.",
    }[action]


def _sample(view: View, rows: Sequence[AdhocRow]) -> Markup:
    shown = [
        element("li", f"{row.name} {row.id}{f': {row.last_message}' if row.last_message else ''}"[:200])
        for row in rows[:8]
    ]
    if len(rows) > len(shown):
        shown.append(element("li", f"and {len(rows) - len(shown):,} more"))
    return element("ul", *shown)


def _is_understood(asked: dict[str, str]) -> bool:
    return asked.get("do") in ACTIONS and asked.get("which") in (*WHICH, "ids")


def _digest(rows: Sequence[AdhocRow]) -> str:
    """Return what tells whether as many tasks are also the same."""
    return sha256(" ".join(str(row.id) for row in rows).encode()).hexdigest()[:16]


def _chosen(view: View, asked: dict[str, str]) -> list[AdhocRow]:
    """Return the queued tasks that are meant and do not run."""
    which, name = asked.get("which", ""), asked.get("task", "")
    adhoc = view.site.store.adhoc
    if which == "ids":
        ids = [key.removeprefix("id.") for key in asked if key.startswith("id.")]
        found = [adhoc.find(int(one)) for one in ids if one.isascii() and one.isdigit() and len(one) < 19]
        return [row for row in found if row is not None and row.run_id is None]
    rows = adhoc.list(name=name, failed=which != "all", limit=MOST_AT_ONCE)
    is_meant = (lambda row: row.attempts_left <= 0) if which == "given-up" else (lambda _: True)
    return [row for row in rows if row.run_id is None and is_meant(row)]


def change(view: View) -> Response:
    """Change the tasks that were asked about; if they are others by now, ask again."""
    asked = view.request.form
    if not _is_understood(asked):
        return redirect(view.address("/queue"))
    action, name = asked["do"], asked.get("task", "")
    rows = _chosen(view, asked)
    if not rows or _digest(rows) != asked.get("seen"):
        return _asked_again(view, len(rows))
    ids = [row.id for row in rows]
    try:
        done = _change(view, action, ids)
    except ValueError as error:
        return confirm(view, error=str(error))
    path = f"/queue/{name}" if name else "/queue"
    word = {"retry": "retried", "postpone": "postponed", "delete": "deleted"}[action]
    return redirect(view.address(path, done=word, count=str(done)))


def _asked_again(view: View, count: int) -> Response:
    before = view.given("count")
    page = confirm(view)
    if page.status != 200 or not isinstance(page.body, bytes):
        return page
    now = f"there are {count} now" if str(count) != before else "these are others"
    text = f"Nothing was changed: it was for {before} when you were asked, and {now}."
    shown = notice(text, style="bad").encode("utf-8", "replace")
    return Response(409, page.body.replace(b'<main id="main">', b'<main id="main">' + shown, 1))


def _change(view: View, action: str, ids: Sequence[int]) -> int:
    """Change queued tasks; return how many could be. Raises ValueError."""
    site, who, now = view.site, view.who, view.now
    if action == "retry":
        return len(changed_queue.retry(site, ids, who=who, now=now))
    if action == "delete":
        return len(changed_queue.cancel(site, ids, who=who, now=now))
    text = view.given("until")
    if not text:
        raise ValueError("say until when")
    moment = parse_moment(text, now=now, zone=view.context.zone, ahead=True)
    if moment <= now:
        raise ValueError(f"{text} is in the past")
    return len(changed_queue.reschedule(site, ids, moment, who=who, now=now))
