"""The page of one task: why it does not run, its schedule, how it does; and what is done about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from taskrunner.administration import tasks as changed_tasks
from taskrunner.diagnosis.why import why
from taskrunner.errors import ChangedMeanwhileError, InvalidScheduleError, TaskrunnerError
from taskrunner.formatting import length, plural
from taskrunner.records import FAILURES
from taskrunner.report.durations import summary_of
from taskrunner.schedule import Every
from taskrunner.store.runs import LogFilter, usual_duration
from taskrunner.views.find import Subject
from taskrunner.views.runs import length_or_unknown, percent, trend_of
from taskrunner.views.site import IN_WORDS, IS_OPEN
from taskrunner.views.tasks import SCHEDULED, describe, state_of, upcoming
from taskrunner.web.admin.frame import LONGEST_REASON, start_task, suspend_form
from taskrunner.web.admin.html import (
    NOTHING,
    Field,
    Markup,
    button,
    element,
    facts,
    form,
    hidden,
    joined,
    link,
    notice,
    one_button,
    section,
    soft,
    state,
    table,
)
from taskrunner.web.admin.runs import runs_table
from taskrunner.web.admin.site import changes_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from taskrunner.plugins import Declaration
    from taskrunner.records import Run, ScheduledRow
    from taskrunner.web.admin.frame import View
    from taskrunner.web.admin.request import Response

LOOKED_AT = 100
"""The newest runs from which chart and verdict are made."""

LAST_RUNS = 20
LAST_CHANGES = 10
PREVIEWED = 5
WEEKS = 28 * 86_400.0


class Subjects(NamedTuple):
    """A task that is known by its name: declared, or only its row, its queued tasks or its runs are left."""

    name: str
    row: ScheduledRow | None
    declaration: Declaration | None

    @property
    def title(self) -> str:
        """What its class says of it."""
        return self.declaration.title if self.declaration else self.row.title if self.row else ""


def page(view: View, name: str) -> Response:
    """Show one task."""
    try:
        subject = _known(view, name)
    except TaskrunnerError as error:
        return view.refused(error, back="/", text="All tasks", status=404)
    expression = view.asked("schedule")
    if not expression:
        return _page(view, subject)
    try:
        preview = _preview(view, subject, expression)
    except TaskrunnerError as error:
        return _page(view, subject, expression=expression, errors={"schedule": str(error)})
    return _page(view, subject, expression=expression, preview=preview)


def save(view: View, name: str) -> Response:
    """Give a task a schedule of the administrator's own, or back the one that its plugin declares."""
    subject, expression, what = _known(view, name), view.given("schedule"), view.given("do")
    seen = view.given("seen")
    try:
        if what == "reset":
            changed_tasks.reset(view.site, name, who=view.who, now=view.now, seen=seen)
            return view.done(f"/task/{name}", "reset", name=name)
        if not expression:
            raise InvalidScheduleError("write a schedule, as 17 3 * * * or every 2h")
        changed_tasks.schedule(view.site, name, expression, who=view.who, now=view.now, seen=seen)
    except ChangedMeanwhileError:
        return _page(view, _known(view, name), expression=expression, conflict=True)
    except InvalidScheduleError as error:
        return _page(view, subject, expression=expression, errors={"schedule": str(error)})
    except TaskrunnerError as error:
        return _page(view, subject, refusal=error)
    return view.done(f"/task/{name}", "saved", name=name)


def change(view: View, name: str, what: str) -> Response:
    """Enable, disable, retry or start a task."""
    subject = _known(view, name)
    try:
        return _change(view, name, what)
    except ChangedMeanwhileError:
        return _page(view, _known(view, name), conflict=True)
    except TaskrunnerError as error:
        return _page(view, subject, refusal=error)


def _change(view: View, name: str, what: str) -> Response:
    site, who, now = view.site, view.who, view.now
    seen = view.given("seen") or None
    if what == "enable":
        changed_tasks.enable(site, name, who=who, now=now, seen=seen)
    elif what == "disable":
        reason = view.given("reason")[:LONGEST_REASON]
        changed_tasks.disable(site, name, reason=reason, who=who, now=now, seen=seen)
    elif what == "retry":
        changed_tasks.retry(site, name, who=who, now=now)
    else:
        start_task(view, name)
    back = view.back if view.given("back") else f"/task/{name}"
    return view.done(back, DONE_WORDS[what], name=name)


DONE_WORDS = {
    "enable": "enabled",
    "disable": "disabled",
    "retry": "due",
    "run": "started",
}


def _known(view: View, name: str) -> Subjects:
    """Return a task that is known. Raises UnknownTaskError."""
    site = view.site
    row, declaration = site.store.scheduled.find(name), site.registry.tasks.get(name)
    if row is None and declaration is None:
        left = {one.name for one in site.store.adhoc.summary(0.0)} | set(site.store.log.names())
        if name not in left:
            site.registry.get(name)
    return Subjects(name, row, declaration)


def _preview(view: View, subject: Subjects, expression: str) -> ScheduledRow:
    """Return the row as it would be with another schedule. Raises TaskrunnerError."""
    row, declaration = subject.row, subject.declaration
    if row is None or declaration is None:
        raise TaskrunnerError(f"{subject.name} has no schedule")
    fields = view.site.planner.declared(declaration, row, view.now, own_schedule=expression)
    return row._replace(schedule=fields.schedule, next_run_at=fields.next_run_at)


def _page(
    view: View,
    subject: Subjects,
    *,
    expression: str = "",
    preview: ScheduledRow | None = None,
    errors: Mapping[str, str] | None = None,
    refusal: TaskrunnerError | None = None,
    conflict: bool = False,
) -> Response:
    errors = errors or {}
    runs = view.site.store.log.list(LogFilter(names=(subject.name,), limit=LOOKED_AT))
    content = [
        soft(subject.title),
        _conflict(view, subject) if conflict else NOTHING,
        notice(str(refusal), style="bad") if refusal else NOTHING,
        _head(view, subject, runs),
        _actions(view, subject),
        _why(view, subject),
    ]
    if subject.row is not None:
        content.append(_schedule(view, subject, subject.row, expression, preview, errors))
    content += [
        _results(view, subject, runs),
        section("Last runs", *_last_runs(view, subject, runs[:LAST_RUNS])),
        section("Changes", _changes(view, subject)),
    ]
    status = 409 if conflict else 422 if errors or refusal else 200
    return view.page(subject.name, *content, under="/", status=status)


def _conflict(view: View, subject: Subjects) -> Markup:
    """Return what somebody else has changed since the page was made that was sent from here."""
    newest = view.site.store.audit.list(since=0.0, limit=1, target=subject.name)
    who = f" by {newest[0].login} at {view.moment(newest[0].done_at)}" if newest else ""
    text = f"Nothing was saved: {subject.name} was changed meanwhile{who}. This page shows it as it is now."
    return notice(text, link("#changes", "See the change"), style="bad")


def _head(view: View, subject: Subjects, runs: Sequence[Run]) -> Markup:
    row, declaration = subject.row, subject.declaration
    usual = usual_duration(runs)
    where = f"{declaration.path}, line {declaration.line}" if declaration else ""
    queued = NOTHING
    if row is None:
        queued = link(view.address(f"/queue/{subject.name}"), "its queue")
    return facts(
        [
            ("State", _state(view, row) if row else ""),
            ("Last failure", (row.last_message or "") if row and row.failing_since else ""),
            ("Next run", _next(view, row) if row else ""),
            ("Queued", queued),
            ("Usually takes", "" if usual is None else length(usual)),
            ("Declared in", where),
        ]
    )


def _state(view: View, row: ScheduledRow) -> Markup:
    shown = state(state_of(row, view.context), SCHEDULED.style(row, view.context))
    if row.run_id is None:
        return shown
    return joined(shown, " ", link(view.address(f"/running/{row.run_id}"), "Watch it"))


def _next(view: View, row: ScheduledRow) -> str:
    if row.blocked is not None or row.disabled or row.run_id is not None:
        return ""
    return "now" if row.next_run_at <= view.now else view.moment_and_distance(row.next_run_at)


def _actions(view: View, subject: Subjects) -> Markup:
    """Return what can be done about a task: one click for the usual, a form for what needs a reason."""
    if not view.may_change or subject.declaration is None:
        return NOTHING
    row, name = subject.row, subject.name
    here, buttons = f"/task/{name}", []
    if row is not None:
        if row.run_id is None and row.next_run_at > view.now:
            text = "Clear delay" if row.fail_delay else "Run soon"
            buttons.append(one_button(view.address(f"/task/{name}/retry"), text, class_="main"))
        if row.disabled:
            seen = changed_tasks.version_of(row)
            buttons.append(
                one_button(view.address(f"/task/{name}/enable"), "Enable", class_="main", seen=seen)
            )
        if view.site.config.web.run_now:
            buttons.append(one_button(view.address(f"/task/{name}/run"), "Run now"))
    paused = view.site.pause_of(name, view.now)
    if paused is not None:
        fields = {"name": paused.pattern, "back": here}
        buttons.append(one_button(view.address("/resume"), "Resume", class_="main", **fields))
    if (muted := view.site.mute_of(name, view.now)) is not None:
        buttons.append(one_button(view.address("/unmute"), "Unmute", name=muted.pattern, back=here))
    forms = element(
        "details",
        element("summary", "Pause, mute or disable"),
        suspend_form(view, "pause", name, back=here),
        suspend_form(view, "mute", name, back=here),
        _disable_form(view, subject) if row is not None and not row.disabled else NOTHING,
    )
    return joined(element("div", *buttons, class_="row") if buttons else NOTHING, forms)


def _disable_form(view: View, subject: Subjects) -> Markup:
    if subject.row is None:
        return NOTHING
    if decider := view.site.config.decided_by(subject.name, "disabled"):
        return soft(f"Whether it is disabled is decided by {decider}.")
    reason = Field("reason", "Reason", view.given("reason"), size=28).shown("disable-")
    seen = hidden({"seen": changed_tasks.version_of(subject.row)})
    action = view.address(f"/task/{subject.name}/disable")
    return form(action, seen, reason, button("Disable", class_="danger"), class_="row", label="Disable")


GATES = (("Gate", ""), ("State", "nw"), ("Because", "wide"), ("Command", ""))


def _why(view: View, subject: Subjects) -> Markup:
    """Return each gate between a task and its run; what keeps it comes first, in a sentence."""
    row = subject.row
    answer = why(view.site, Subject(subject.name, row), now=view.now, ask=lambda _: _last_answer(row))
    reasons = [element("li", f"{gate.area}: {gate.message}") for gate in answer.closed]
    rows = [
        (
            gate.area,
            state(IN_WORDS[IS_OPEN[gate.level]], "bad" if IS_OPEN[gate.level] is False else ""),
            gate.message,
            element("code", gate.hint) if gate.hint and IS_OPEN[gate.level] is False else "",
        )
        for gate in answer.gates
    ]
    every = element(
        "details", element("summary", f"Every gate ({len(rows)})"), table("Gates in order", GATES, rows)
    )
    end = ":" if reasons else "."
    return section(
        "Why",
        element("p", answer.conclusion + end),
        element("ul", *reasons) if reasons else NOTHING,
        every,
        id="why",
    )


def _last_answer(row: ScheduledRow | None) -> str | None:
    """Return why a task said no when it was asked last; it is not asked in this process."""
    return row.off_reason if row is not None else None


def _schedule(
    view: View,
    subject: Subjects,
    row: ScheduledRow,
    expression: str,
    preview: ScheduledRow | None,
    errors: Mapping[str, str],
) -> Markup:
    zone = "" if row.schedule.startswith("every") else f" ({row.timezone})"
    decider = view.site.config.decided_by(row.name, "schedule")
    runs_at_all = row.blocked is None and not row.disabled
    following = _moments(view, row) if runs_at_all else ""
    known = facts(
        [
            ("In force", f"{row.schedule}{zone}: {describe(view.site, row)}"),
            ("As declared", row.default_schedule if row.default_schedule != row.schedule else ""),
            ("Your own", row.own_schedule or ""),
            ("Decided by", decider or ""),
            ("Next runs", following),
        ]
    )
    editable = view.may_change and decider is None and subject.declaration is not None
    form_ = _schedule_form(view, row, expression, preview, errors) if editable else NOTHING
    return section("Schedule", known, form_, id="when")


def _moments(view: View, row: ScheduledRow) -> Markup:
    moments = upcoming(view.site, row, now=view.now, count=PREVIEWED)
    shown = [element("li", view.moment_and_distance(at)) for at in moments]
    return element("ol", *shown, class_="plain")


def _schedule_form(
    view: View,
    row: ScheduledRow,
    expression: str,
    preview: ScheduledRow | None,
    errors: Mapping[str, str],
) -> Markup:
    """Return the form for another schedule: Enter shows the next runs, and Save is beside them."""
    field = Field(
        "schedule",
        "Another schedule",
        expression or row.own_schedule or row.schedule,
        hint="Five fields as 17 3 * * *, an alias as @daily, or every 2h",
        error=errors.get("schedule", ""),
        size=20,
    )
    here, there = view.address(f"/task/{row.name}"), view.address(f"/task/{row.name}/schedule")
    saves = {"formmethod": "post", "formaction": there, "name": "do"}
    buttons = [
        button("Preview", formaction=f"{here}#when"),
        button("Save", class_="main", value="save", **saves),
    ]
    if row.customised:
        buttons.append(button("Back to the declared one", value="reset", **saves))
    shown = NOTHING
    if preview is not None:
        words = _words(view, preview)
        shown = element(
            "div",
            element("h3", "Preview"),
            element("p", f"{preview.schedule}: {words}. The next {PREVIEWED} runs would be:"),
            _moments(view, preview),
            soft("Nothing is saved yet."),
            role="status",
        )
    seen = hidden({"seen": changed_tasks.version_of(row)})
    fields = element("div", field.shown(), *buttons, class_="row")
    return form(here, seen, shown, fields, method="get", label="Schedule")


def _words(view: View, row: ScheduledRow) -> str:
    schedule = view.site.planner.schedule(row.schedule, name=row.name, timezone=row.timezone)
    where = "" if isinstance(schedule, Every) else f", in {row.timezone}"
    return f"{schedule.describe()}{where}"


def _results(view: View, subject: Subjects, runs: Sequence[Run]) -> Markup:
    """Return how a task does: the verdict with its reason, and a picture of how long it took."""
    since = view.now - WEEKS
    lately = [run for run in runs if run.started_at >= since]
    zone = view.context.zone
    summary = summary_of(view.site.store, subject.name, since=since, now=view.now, zone=zone, newest=lately)
    if summary is None:
        return section("How it does", soft("No run of the last 28 days is kept."))
    style = "bad" if summary.verdict == "systematic" else ""
    times = ("p50", summary.p50), ("p95", summary.p95), ("longest", summary.longest)
    takes = ", ".join(f"{word} {length_or_unknown(value)}" for word, value in times)
    trend = trend_of(summary, "rate")
    return section(
        "How it does",
        element("p", state(summary.verdict, style), f": {summary.reason}."),
        facts(
            [
                ("Runs in 28 days", f"{summary.runs:,}, {percent(summary.rate)} failed"),
                ("Takes", takes),
                ("Failures this week", trend if summary.failed else ""),
            ]
        ),
        _chart(list(reversed(runs))),
    )


def _chart(runs: Sequence[Run]) -> Markup:
    """Return how long the newest runs took, oldest left; a failed one has a square on top."""
    longest = max((run.duration for run in runs), default=0.0)
    if len(runs) < 2 or longest <= 0:
        return NOTHING
    drawn = {False: "", True: ""}
    for at, run in enumerate(runs):
        height = max(1.5, 90 * run.duration / longest)
        failed = run.outcome in FAILURES
        drawn[failed] += f"M{at + 0.12:g} 100v-{height:.1f}h.76V100z"
        drawn[failed] += f"M{at + 0.12:g} 0h.76v6h-.76z" if failed else ""
    failures = sum(run.outcome in FAILURES for run in runs)
    usual = usual_duration(runs)
    line = [] if usual is None else [100 - 90 * usual / longest]
    words = f"How long the last {len(runs)} runs took: at most {length(longest)}"
    words += "" if usual is None else f", usually {length(usual)} (the line)"
    words += f"; {failures} failed (with a square on top)" if failures else "; none failed"
    picture = element(
        "svg",
        *(element("rect", x=0, y=y, width=len(runs), height=0.6, class_="usual") for y in line),
        element("path", d=drawn[False] or "M0 0", class_="bar"),
        element("path", d=drawn[True] or "M0 0", class_="bad-ink"),
        viewBox=f"0 0 {len(runs)} 100",
        preserveAspectRatio="none",
        role="img",
        aria_label=words,
    )
    return element("figure", picture, element("figcaption", f"{words}. Oldest left."))


def _last_runs(view: View, subject: Subjects, runs: Sequence[Run]) -> list[Markup]:
    if not runs:
        return [soft("No run of it is kept.")]
    more = link(view.address("/log", task=subject.name), "All its runs")
    return [runs_table(view, runs, caption=f"The last {plural(len(runs), 'run')}", names=False), soft(more)]


def _changes(view: View, subject: Subjects) -> Markup:
    changes = view.site.store.audit.list(since=0.0, limit=LAST_CHANGES, target=subject.name)
    if not changes:
        return element("p", "Nobody has changed anything.", id="changes", class_="soft")
    return element("div", changes_table(view, changes, caption="The last changes", of=False), id="changes")
