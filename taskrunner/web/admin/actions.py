"""What a visitor does on several pages: pause cron, a task or a class, mute failures, start a task now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskrunner.administration import runs
from taskrunner.administration.audit import Change, State, leave_row
from taskrunner.errors import TaskrunnerError
from taskrunner.moments import parse_moment
from taskrunner.runner.manual import refuse_disabled
from taskrunner.views.find import scheduled_task
from taskrunner.web.admin.html import Field, Markup, button, element, form, hidden, link
from taskrunner.web.process import DetachedProcess, program_of

if TYPE_CHECKING:
    from taskrunner.web.admin.frame import View
    from taskrunner.web.admin.request import Response

EVERYTHING = "*"
LENGTHS = ("30m", "1h", "2h", "1d")
LONGEST_REASON = 500
HINT = "1h, 16:00 or monday; empty: until somebody ends it"
VERBS = {"pause": "Pause", "mute": "Mute failures"}
ERRORS = "web_run.stderr"
"""The file in `state_dir` with what the task that was started last has written to its stderr."""

STARTED: list[DetachedProcess] = []
"""The processes that are not known to have ended: each is asked at the next start."""


def suspend_form(view: View, what: str, name: str, *, back: str, error: str = "") -> Markup:
    """Return the form that pauses or mutes a task, a class or all of cron; it leads back to a page."""
    kept = {key: view.given(key) for key in ("until", "reason")} if error else {}
    until = Field("until", "Until", kept.get("until", ""), hint=HINT, error=error, size=12, list=LENGTHS)
    reason = Field("reason", "Reason", kept.get("reason", ""), size=28)
    return form(
        view.address(f"/{what}"),
        hidden({"name": name, "back": back}),
        until.shown(f"{what}-"),
        reason.shown(f"{what}-"),
        button(_title(what, name) if name == EVERYTHING else VERBS[what]),
        class_="row",
        label=_title(what, name),
    )


def _title(what: str, name: str) -> str:
    if name == EVERYTHING:
        return "Pause cron"
    return f"Pause {name}" if what == "pause" else f"Mute failures of {name}"


def pause(view: View) -> Response:
    """Pause a task, a class, or all of cron."""
    return _suspend(view, "pause")


def mute(view: View) -> Response:
    """Keep the failures of a task or a class from being heard of."""
    return _suspend(view, "mute")


def _suspend(view: View, what: str) -> Response:
    name, reason = view.given("name"), view.given("reason")[:LONGEST_REASON]
    names = [] if name == EVERYTHING and what == "pause" else [name]
    try:
        until = _until(view)
    except ValueError as error:
        shown = suspend_form(view, what, name, back=view.back, error=str(error))
        back = element("p", link(view.address(view.back), "Back"))
        return view.page(_title(what, name), shown, back, status=422)
    change = runs.pause if what == "pause" else runs.mute
    change(view.site, names, reason=reason, until=until, who=view.who, now=view.now)
    done = "cron-paused" if not names else "paused" if what == "pause" else "muted"
    return view.done(view.back, done, name=name)


def _until(view: View) -> float | None:
    """Return when something is to end by itself, None for never. Raises ValueError."""
    text = view.given("until")
    if not text:
        return None
    until = parse_moment(text, now=view.now, zone=view.context.zone, ahead=True)
    if until <= view.now:
        raise ValueError(f"{text} is in the past")
    return until


def resume(view: View) -> Response:
    """End a pause."""
    name = view.given("name")
    names = [] if name in ("", EVERYTHING) else [name]
    runs.resume(view.site, names, who=view.who, now=view.now)
    return view.done(view.back, "resumed" if names else "cron-resumed", name=name)


def unmute(view: View) -> Response:
    """Let failures be heard of again."""
    name = view.given("name")
    runs.unmute(view.site, [name], who=view.who, now=view.now)
    return view.done(view.back, "unmuted", name=name)


def start_task(view: View, name: str) -> None:
    """Start `taskrun run-task NAME`, which outlives this process. Raises TaskrunnerError."""
    site, config = view.site, view.site.config
    if not config.web.run_now:
        raise TaskrunnerError(
            "[web] run_now does not allow to start a task here", hint=f"taskrun run-task {name}"
        )
    declaration = scheduled_task(site, name)
    refuse_disabled(site, declaration.name)  # as it would itself, unseen
    STARTED[:] = [process for process in STARTED if process.poll() is None]
    command = (*program_of(config), "run-task", declaration.name)
    try:
        STARTED.append(DetachedProcess(command, errors=config.state_dir / ERRORS))
    except OSError as error:
        raise TaskrunnerError(
            f"{name} could not be started: {error}", hint="see `command` of [web]"
        ) from error
    with site.store.transaction():
        leave_row(site, "run now", declaration.name, Change[State]({}, {}), who=view.who, now=view.now)
