"""The pages of runs: those that ended, one of them, those under way."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from taskrunner.administration import runs as changed_runs
from taskrunner.errors import TaskrunnerError
from taskrunner.formatting import length, parse_length, parse_moment, size
from taskrunner.liveness import DIED
from taskrunner.records import FAILURES, OUTCOMES
from taskrunner.store.runs import LogFilter
from taskrunner.views.columns import harmless
from taskrunner.views.runs import RUNS, label, progress_text, running_tasks, short_id, took
from taskrunner.web.admin.frame import EVERYTHING, suspend_form
from taskrunner.web.admin.html import (
    NOTHING,
    Field,
    Markup,
    bar,
    button,
    choice,
    downloads,
    element,
    facts,
    form,
    joined,
    link,
    listing_file,
    one_button,
    parts,
    section,
    small,
    soft,
    state,
    table,
    text_file,
)
from taskrunner.web.admin.live import follow, tail_of
from taskrunner.web.admin.request import Response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from taskrunner.records import Run, RunningRow
    from taskrunner.views.runs import RunningTask
    from taskrunner.web.admin.frame import View

ON_A_PAGE = 50
AT_ONCE = 1000
"""Rows fetched at once for a file."""

MOST_IN_A_FILE = 100_000
LONGEST_TRAIL = 40
TYPES = (("", "any"), ("scheduled", "scheduled"), ("adhoc", "adhoc"))
FILTERS = ("task", "type", "outcome", "text", "from", "to", "least", "most", "host", "user")


def log(view: View) -> Response:
    """Show the runs that ended, newest first, those that were asked for."""
    wanted, errors = _filter(view)
    before = view.asked("before")
    rows = [] if errors else view.site.store.log.list(wanted._replace(before=before, limit=ON_A_PAGE + 1))
    asked = {name: view.asked(name) for name in FILTERS}
    shown = rows[:ON_A_PAGE]
    content = [
        _search(view, errors),
        runs_table(view, shown, caption="Runs, newest first") if shown else soft("No such run is kept."),
        _neighbours(view, asked, shown, more=len(rows) > ON_A_PAGE),
        downloads(view, "/log", f" ({MOST_IN_A_FILE:,} runs at most)", **asked),
    ]
    return view.page("Log", *content, under="/log", status=422 if errors else 200)


def download(view: View, kind: str) -> Response:
    """Return the same runs as a file, made while it is sent."""
    wanted, errors = _filter(view)
    if errors:
        return view.refused(TaskrunnerError("; ".join(errors.values())), back="/log", text="Log")
    return listing_file(_pages(view, wanted), RUNS, view.context, name="runs", kind=kind)


def _pages(view: View, wanted: LogFilter) -> Iterator[Run]:
    sent = 0
    while sent < MOST_IN_A_FILE:
        rows = view.site.store.log.list(wanted._replace(limit=AT_ONCE))
        yield from rows
        sent += len(rows)
        if len(rows) < AT_ONCE:
            return
        wanted = wanted._replace(before=rows[-1].run_id)


def _filter(view: View) -> tuple[LogFilter, dict[str, str]]:
    """Return what was asked for, and what is wrong about it, by the names of the fields."""
    readers: dict[str, Callable[[str], object]] = {
        "from": lambda text: parse_moment(text, now=view.now, zone=view.context.zone),
        "to": lambda text: parse_moment(text, now=view.now, zone=view.context.zone),
        "least": parse_length,
        "most": parse_length,
    }
    fields = {"from": "since", "to": "until", "least": "min_duration", "most": "max_duration"}
    fields |= {"text": "grep", "host": "hostname", "type": "type", "user": "user"}
    wanted: dict[str, object] = {}
    errors: dict[str, str] = {}
    for name, field in fields.items():
        if text := view.asked(name):
            try:
                wanted[field] = readers[name](text) if name in readers else text
            except ValueError as error:
                errors[name] = str(error)
    outcome = view.asked("outcome")
    wanted |= {"failed_only": True} if outcome == "failures" else {"outcome": outcome}
    if task := view.asked("task"):
        wanted["names"] = _names(view, task)
    return LogFilter(**wanted), errors  # type: ignore[arg-type]  # each from the field it is for


def _names(view: View, text: str) -> tuple[str, ...]:
    """Return the tasks that a text means: a whole name, or a part of several."""
    known = {*view.site.registry.tasks, *view.site.store.log.names()}
    if text in known:
        return (text,)
    lower = text.lower()
    return tuple(sorted(name for name in known if lower in name.lower())) or (text,)


def _search(view: View, errors: dict[str, str]) -> Markup:
    outcomes = [("", "any"), ("failures", "any failure"), *((one, one) for one in OUTCOMES)]
    names = tuple(sorted(view.site.registry.tasks))

    def text(name: str, label: str, size: int, names: tuple[str, ...] = ()) -> Markup:
        value, error = view.asked(name), errors.get(name, "")
        return Field(name, label, value, size=size, error=error, list=names).shown()

    first = (
        text("task", "Task", 24, names),
        choice("outcome", "Outcome", outcomes, view.asked("outcome")),
        text("text", "Text in output or message", 18),
        text("from", "From", 14),
        text("to", "To", 14),
    )
    rare = (
        choice("type", "Type", TYPES, view.asked("type")),
        text("least", "Took at least", 6),
        text("most", "Took at most", 6),
        text("host", "Host", 12),
        text("user", "User", 12),
    )
    is_open = any(view.asked(name) for name in ("type", "least", "most", "host", "user"))
    more = element("details", element("summary", "More"), element("div", *rare, class_="row"), open=is_open)
    hint = soft("Times as 13:57, yesterday, monday, 2d (ago) or 2026-11-21 13:57; lengths as 90, 5m, 2h.")
    fields = element("div", *first, button("Show"), class_="row")
    return form(view.address("/log"), fields, more, hint, method="get", label="Find runs")


def _neighbours(view: View, asked: dict[str, str], shown: Sequence[Run], *, more: bool) -> Markup:
    """Return links to newer and older runs; the way back is in the address."""
    before, trail = view.asked("before"), [one for one in view.asked("trail").split(".") if one]
    links = []
    if before:
        back = trail[:-1]
        newer = {"before": trail[-1] if trail else "", "trail": ".".join(back)}
        links += [
            link(view.address("/log", **asked), "Newest"),
            " ",
            link(view.address("/log", **asked, **newer), "Newer"),
            " ",
        ]
    if more:
        passed = ".".join([*trail, *([before] if before else [])][-LONGEST_TRAIL:])
        links.append(link(view.address("/log", **asked, before=shown[-1].run_id, trail=passed), "Older"))
    return element("p", *links) if links else NOTHING


def runs_table(view: View, runs: Sequence[Run], *, caption: str, names: bool = True) -> Markup:
    """Return runs as a table; without `names` they are all of one task."""
    columns = [
        ("Started", "nw"), *([("Task", "")] if names else []), ("Outcome", "nw"), ("Took", "n"),
        ("Message", "wide"), ("Host", ""), ("Run", ""),
    ]  # fmt: skip
    return table(caption, columns, (_cells(view, run, names=names) for run in runs))


def _cells(view: View, run: Run, *, names: bool) -> tuple[str, ...]:
    task = joined(link(view.address(f"/task/{run.name}"), parts(run.name)), small(_of_queue(run)))
    message = (run.message or "").strip().splitlines()
    first = message[0][:200] if message else ""
    cells = (
        element("time", view.moment(run.started_at), title=view.full(run.started_at)),
        task,
        outcome_of(run),
        took(run),
        first,
        run.hostname,
        link(view.address(f"/run/{run.run_id}"), short_id(run), aria_label=f"Run {short_id(run)}"),
    )
    return cells if names else (cells[0], *cells[2:])


def _of_queue(run: Run) -> str:
    user = f", for {run.user}" if run.user else ""
    return f"task {run.adhoc_id}{user}" if run.adhoc_id is not None else ""


def outcome_of(run: Run) -> Markup:
    """Return how a run ended."""
    return state(run.outcome, "bad" if run.outcome in FAILURES else "")


def run(view: View, run_id: str) -> Response:
    """Show one run in full, with what it printed."""
    found = _kept(view, run_id)
    if found is None:
        return _not_kept(view, run_id)
    output = (
        element("pre", found.output, tabindex=0, aria_label="Output")
        if found.output
        else soft("It printed nothing.")
    )
    many = size(len(found.output.encode("utf-8", "replace")))
    file = link(view.address(f"/run/{found.run_id}/output.txt"), f"Download the output ({many})")
    return view.page(
        f"{label(found)}: {found.outcome}",
        soft(f"Run {found.run_id}"),
        facts(_facts_of(view, found)),
        section("Output", output, element("p", file) if found.output else NOTHING),
        under="/log",
    )


def output(view: View, run_id: str) -> Response:
    """Return what a run printed, as a file; control characters are shown."""
    found = _kept(view, run_id)
    return _not_kept(view, run_id) if found is None else text_file(harmless(found.output), name=found.run_id)


def _kept(view: View, run_id: str) -> Run | None:
    found = view.site.store.log.find(run_id) if run_id.isalnum() and run_id.isascii() else []
    return found[0] if len(found) == 1 and found[0].run_id == run_id else None


def _not_kept(view: View, run_id: str) -> Response:
    if _row(view, run_id) is not None:
        return Response(303, b"", headers=(("Location", view.address(f"/running/{run_id}")),))
    error = TaskrunnerError("no such run is kept: it never was, or it was cleaned up", hint="taskrun log")
    return view.refused(error, back="/log", text="Log", status=404)


def _facts_of(view: View, run: Run) -> list[tuple[str, str]]:
    ended = f"{view.full(run.ended_at)}" if run.noticed_at is None else "nobody saw it"
    noticed = "" if run.noticed_at is None else f"{view.full(run.noticed_at)}: its process had died"
    due = "" if run.due_at is None else view.full(run.due_at)
    return [
        ("Task", view.task(run.name)),
        ("Queued task", str(run.adhoc_id) if run.adhoc_id is not None else ""),
        ("For", run.user or ""),
        ("Outcome", outcome_of(run)),
        ("Message", run.message or ""),
        ("Due", due),
        ("Started", view.full(run.started_at)),
        ("Ended", ended),
        ("Noticed", noticed),
        ("Took", took(run)),
        ("Attempt", str(run.attempt)),
        ("Processor time", length(run.cpu_seconds) if run.cpu_seconds else ""),
        ("Memory at most", size(run.max_rss) if run.max_rss else ""),
        (
            "Database",
            f"{run.db_reads:,} reads, {run.db_writes:,} writes" if run.db_reads + run.db_writes else "",
        ),
        ("Host", f"{run.hostname}, pid {run.pid}"),
        ("Log file", run.log_file or "none"),
    ]


RUNNING = (("Task", ""), ("For", "n"), ("Usually", "n"), ("Progress", "wide"), ("Where", "nw"), ("Run", ""))


def running(view: View) -> Response:
    """Show the runs under way, and what stops or pauses them."""
    tasks = running_tasks(view.site)
    rows = (_running_cells(view, task) for task in tasks)
    return view.page(
        "Running now",
        table(f"Under way: {len(tasks)}", RUNNING, rows) if tasks else soft("Nothing is running."),
        _cron_forms(view) if view.may_change else NOTHING,
        under="/running",
    )


def _cron_forms(view: View) -> Markup:
    stop = one_button(view.address("/running/stop"), "Stop after the current tasks")
    pause = suspend_form(view, "pause", EVERYTHING, back="/running")
    return section(
        "All of cron",
        element("p", "Every runner leaves after the task it is at; the next cron starts as usual. ", stop),
        element("p", "Start nothing more for a while:"),
        pause,
    )


def _running_cells(view: View, task: RunningTask) -> tuple[str, ...]:
    row = task.row
    taken = view.now - row.started_at
    usual = task.usual_duration
    is_long = usual is not None and taken > max(2 * usual, 60)
    return (
        joined(link(view.address(f"/task/{row.name}"), parts(row.name)), small(_queued(row))),
        state(length(taken), "late" if is_long else ""),
        "not known" if usual is None else length(usual),
        _progress(view, row),
        f"{row.hostname}, pid {row.pid}",
        link(view.address(f"/running/{row.run_id}"), f"Watch {short_id(row)}"),
    )


def _queued(row: RunningRow) -> str:
    return f"task {row.adhoc_id}" if row.adhoc_id is not None else ""


def _progress(view: View, row: RunningRow) -> Markup:
    if row.runner_id in view.context.dead_runners:
        return state(DIED, "bad")
    if row.progress_done is None:
        return NOTHING
    return joined(bar(row.progress_done, row.progress_total or 0.0), small(progress_text(row)))


def under_way(view: View, run_id: str) -> Response:
    """Show one run under way: how far it is, what it has printed lately."""
    row = _row(view, run_id)
    if row is None:
        return _ended(view, run_id)
    usual = next((one.usual_duration for one in running_tasks(view.site) if one.row.run_id == run_id), None)
    known = facts(
        [
            ("Task", view.task(row.name)),
            ("Queued task", str(row.adhoc_id) if row.adhoc_id is not None else ""),
            ("For", row.user or ""),
            ("Running for", length(view.now - row.started_at)),
            ("Usually takes", "" if usual is None else length(usual)),
            ("Progress", _progress(view, row)),
            ("Attempt", str(row.attempt)),
            ("Host", f"{row.hostname}, pid {row.pid}"),
            ("Log file", row.log_file or "none"),
        ]
    )
    return view.page(
        f"{row.name} is running", soft(f"Run {row.run_id}"), known, _end(view, row), _output(view, row),
        under="/running",
    )  # fmt: skip


def _end(view: View, row: RunningRow) -> Markup:
    if not view.may_change:
        return NOTHING
    if row.hostname != view.site.hostname:
        there = element("code", f"ssh {row.hostname} taskrun kill {row.run_id}")
        return element("p", f"It runs on {row.hostname}, and can be killed there only: ", there)
    return element("p", link(view.address(f"/running/{row.run_id}/kill"), "Kill it …"))


def _output(view: View, row: RunningRow) -> Markup:
    if row.hostname != view.site.hostname:
        there = element("code", f"ssh {row.hostname} taskrun log follow {row.run_id}")
        return section("Output", element("p", f"Its log file is on {row.hostname}: ", there))
    text = tail_of(row)
    live = link(view.address(f"/running/{row.run_id}/output.txt"), "Follow its output live")
    shown = (
        element("pre", text, tabindex=0, aria_label="Output") if text else soft("It has printed nothing yet.")
    )
    return section("Output", element("p", live), shown)


def live_output(view: View, run_id: str) -> Response:
    """Return what a run prints, as text that grows while it is read."""
    row = _row(view, run_id)
    if row is None:
        return _ended(view, run_id)
    if row.hostname != view.site.hostname:
        error = TaskrunnerError(
            f"{row.name} runs on {row.hostname}: its log file is there",
            hint=f"ssh {row.hostname} taskrun log follow {row.run_id}",
        )
        return view.refused(error, back="/running", text="Running now", status=409)
    return Response(200, follow(view.site, row, clock=time.monotonic), "text/plain; charset=utf-8")


def _row(view: View, run_id: str) -> RunningRow | None:
    return next((row for row in view.site.store.runners.running() if row.run_id == run_id), None)


def _ended(view: View, run_id: str) -> Response:
    """Return the way to a run that is not under way any more."""
    if _kept(view, run_id) is not None:
        return Response(303, b"", headers=(("Location", view.address(f"/run/{run_id}")),))
    error = TaskrunnerError("no such run is under way, or kept", hint="taskrun running")
    return view.refused(error, back="/running", text="Running now", status=404)


def stop(view: View) -> Response:
    """Let every runner leave after its current task."""
    changed_runs.stop(view.site, who=view.who, now=view.now)
    return view.done("/running", "stopping")


def confirm_kill(view: View, run_id: str) -> Response:
    """Ask whether a run is to be killed, and say what comes of it."""
    row = _row(view, run_id)
    if row is None:
        return _ended(view, run_id)
    text = (
        f"It has been running for {length(view.now - row.started_at)} on {row.hostname}, pid {row.pid}. "
        f"It is asked to end, and killed if it has not after {changed_runs.GRACE:g} s; the process that "
        "runs it ends with it. What ends when it is asked is recorded as interrupted and is due again at "
        "once; what has to be killed is recorded as crashed, and waits as after any failure."
    )
    kill = form(
        view.address(f"/running/{run_id}/kill"), button(f"Kill {label(row)}", class_="danger"), " ",
        link(view.address(f"/running/{run_id}"), "Leave it running"),
    )  # fmt: skip
    return view.page(f"Kill {label(row)}?", element("p", text), kill, under="/running")


def kill(view: View, run_id: str) -> Response:
    """End a run of this host."""
    row = _row(view, run_id)
    if row is None:
        return _ended(view, run_id)
    try:
        killed = changed_runs.kill(view.site, run_id, who=view.who, now=view.now)
    except TaskrunnerError as error:
        return view.refused(error, back=f"/running/{run_id}", text="The run", status=409)
    path = f"/run/{run_id}" if killed.run else "/running"
    return view.done(path, "killed")
