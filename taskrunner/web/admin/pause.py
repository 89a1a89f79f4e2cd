"""What ends by itself or when somebody ends it: pauses of cron, a task or a class, and muted failures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskrunner.administration import runs
from taskrunner.moments import parse_moment
from taskrunner.web.admin.html import Field, Markup, button, element, form, hidden, link

if TYPE_CHECKING:
    from taskrunner.web.admin.frame import View
    from taskrunner.web.admin.request import Response

EVERYTHING = "*"
LENGTHS = ("30m", "1h", "2h", "1d")
LONGEST_REASON = 500
HINT = "1h, 16:00 or monday; empty: until somebody ends it"
VERBS = {"pause": "Pause", "mute": "Mute failures"}


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
