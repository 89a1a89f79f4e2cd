"""What stands around every page of the administration, and what a visitor does on several of them.

The looks are light, dark and print; colour says what a word says as well. On several pages cron, a task or
a class is paused, failures are muted, and a task is started now.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from taskrunner import __version__
from taskrunner.administration import runs
from taskrunner.administration.audit import Change, State, Who, leave_row
from taskrunner.diagnosis.check import cron_starts
from taskrunner.errors import TaskrunnerError
from taskrunner.formatting import length, parse_moment, relative, short_moment
from taskrunner.report.markup import THEME
from taskrunner.runner.manual import refuse_disabled
from taskrunner.views.find import scheduled_task
from taskrunner.web.admin.html import (
    NOTHING,
    Field,
    Markup,
    button,
    element,
    form,
    hidden,
    joined,
    link,
    notice,
    one_button,
    soft,
)
from taskrunner.web.admin.login import LOGOUT
from taskrunner.web.admin.request import Request, Response, redirect
from taskrunner.web.ticker import DetachedProcess, program_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from taskrunner.installation import Site
    from taskrunner.records import Suspension
    from taskrunner.views.columns import Context

STYLE = f"{THEME}\n{Path(__file__).with_name('style.css').read_text('utf-8')}"


PAGES = (
    ("/", "Tasks"),
    ("/log", "Log"),
    ("/running", "Running"),
    ("/queue", "Queue"),
    ("/plan", "Plan"),
    ("/health", "Health"),
    ("/changes", "Changes"),
)

DONE = {
    "due": "{name} is due now: the next cron runs it.",
    "saved": "The schedule of {name} has been changed.",
    "reset": "{name} has the schedule again that its plugin declares.",
    "enabled": "{name} is enabled.",
    "disabled": "{name} is disabled: nothing starts it.",
    "paused": "{name} is paused: nothing of it is started.",
    "cron-paused": "Cron is paused: nothing more is started.",
    "resumed": "The next cron starts {name} again.",
    "cron-resumed": "The next cron starts tasks again.",
    "muted": "Failures of {name} are muted.",
    "unmuted": "Failures of {name} are no longer muted.",
    "started": "{name} is being started; it appears here once it runs.",
    "stopping": "Every runner leaves after its current task.",
    "retried": "Due now: {count}.",
    "postponed": "Postponed: {count}.",
    "deleted": "Deleted: {count}.",
    "left": "Left alone, as they run or are gone: {count}.",
    "killed": "The run has been ended.",
}
"""What a page says after something was done; the address it was sent to names the sentence, no more."""

LONGEST_NAME = 300


@dataclass(frozen=True, slots=True)
class View:
    """One request of the administration, and the site it is about."""

    request: Request
    site: Site
    context: Context

    @property
    def now(self) -> float:
        """The moment of the request."""
        return self.context.now

    @property
    def may_change(self) -> bool:
        """Whether this person may do more than look."""
        return self.request.may_change

    @property
    def who(self) -> Who:
        """Who asks, for the trail of changes."""
        return Who(self.request.who, os.getuid())

    @property
    def here(self) -> str:
        """The path of this page, or of the first one where this is the answer to a form."""
        return "/" if self.request.method == "POST" else self.request.path

    @property
    def back(self) -> str:
        """The page to which a form leads: the path that it names, or the first one."""
        path = self.given("back")
        is_path = path.startswith("/") and not path.startswith("//") and path.isascii() and path.isprintable()
        return path if is_path else "/"

    def asked(self, name: str) -> str:
        """Return what the address says under a name, "" for nothing."""
        return self.request.query.get(name, "").strip()

    def given(self, name: str) -> str:
        """Return what the form says under a name, "" for nothing."""
        return self.request.form.get(name, "").strip()

    def number(self, name: str, *, most: int) -> int:
        """Return the number from 1 on that the address says under a name; 1 for anything else."""
        text = self.asked(name)
        number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 1
        return max(1, min(number, most))

    def address(self, path: str, **query: str) -> str:
        """Return the address of a page; what is "" is left out of its query."""
        return self.request.address(path, **{name: value for name, value in query.items() if value})

    def task(self, name: str) -> Markup:
        """Return a link to a task."""
        return link(self.address(f"/task/{name}"), name)

    def moment(self, epoch: float | None) -> str:
        """Return a moment for people."""
        return short_moment(epoch, now=self.now, zone=self.context.zone)

    def moment_and_distance(self, epoch: float) -> str:
        """Return a moment, and how far it is from now."""
        return f"{self.moment(epoch)}, {relative(epoch, self.now)}"

    def full(self, epoch: float) -> str:
        """Return a moment to the second."""
        return f"{datetime.fromtimestamp(epoch, self.context.zone):%Y-%m-%d %H:%M:%S}"

    def done(self, path: str, what: str, *, name: str = "", **query: str) -> Response:
        """Return the answer to a form that was carried out: a page that says so."""
        return redirect(self.address(path, **query, done=what, name=name))

    def page(self, title: str, *content: str, under: str = "", status: int = 200) -> Response:
        """Return a page; `under` is the address of the one of PAGES that it belongs to."""
        site_name = self.site.config.file.parent.name
        head = element(
            "head",
            element("meta", charset="utf-8"),
            element("meta", name="viewport", content="width=device-width, initial-scale=1"),
            element("title", f"{title} – {site_name} – taskrunner"),
            Markup(f"<style>{STYLE}</style>"),
        )
        body = element(
            "body",
            link("#main", "Skip to the content", class_="skip"),
            element("header", self._navigation(site_name, under), *self._banners()),
            element("main", self._done(), element("h1", title), *content, id="main"),
            element("footer", self._footer()),
        )
        text = joined(Markup("<!doctype html>"), element("html", head, body, lang="en"))
        return Response(status, text.encode("utf-8", "replace"))

    def refused(self, error: TaskrunnerError, *, back: str, text: str, status: int = 422) -> Response:
        """Return a page that says why something was not done."""
        content = [notice(str(error), style="bad")]
        if error.hint:
            content.append(soft("On the command line: ", element("code", error.hint)))
        content.append(element("p", link(self.address(back), text)))
        title = "Nothing was changed" if self.request.method == "POST" else "This cannot be shown"
        return self.page("Not found" if status == 404 else title, *content, status=status)

    def _navigation(self, site_name: str, under: str) -> Markup:
        links = [
            link(self.address(path), text, **({"aria_current": "page"} if path == under else {}))
            for path, text in PAGES
        ]
        return element("nav", element("b", site_name), *links, aria_label="Pages")

    def _banners(self) -> Iterator[Markup]:
        """Yield what keeps tasks from running, on top of every page."""
        everything = self.site.store.settings.pause(self.now)
        for pause in [*filter(None, [everything]), *self.site.pauses]:
            yield self._paused(pause)
        if everything is None:
            yield self._overdue()

    def _paused(self, pause: Suspension) -> Markup:
        what = "Cron is" if pause.pattern == "*" else f"{pause.pattern} is"
        until = f" until {self.moment(pause.until)}" if pause.until is not None else ""
        since = f" since {self.moment(pause.since)}" if pause.until is None else ""
        why = ", ".join(part for part in (pause.reason, pause.by) if part)
        button = NOTHING
        if self.may_change:
            button = one_button(
                self.address("/resume"), "Resume", pause.pattern, name=pause.pattern, back=self.here
            )
        return notice(f"{what} paused{until}{since}{f': {why}' if why else ''}.", button, style="late")

    def _overdue(self) -> Markup:
        starts = cron_starts(self.site, self.now)
        if starts.last_at is None:
            return notice("No cron has ever started here: is there a crontab line?", style="late")
        age = self.now - starts.last_at
        if age <= self.site.config.check.cron_warning:
            return NOTHING
        where = f" on {starts.hostname}" if self.site.store.is_shared else ""
        text = f"The last cron started {length(age)} ago{where}: tasks wait."
        return notice(text, link(self.address("/health"), "Health"), style="late")

    def _done(self) -> Markup:
        sentence = DONE.get(self.asked("done"), "")
        name, count = self.asked("name")[:LONGEST_NAME], self.asked("count")
        if not sentence or ("{name}" in sentence and not self.is_known(name)):
            return NOTHING
        number = int(count) if count.isascii() and count.isdigit() and len(count) < 10 else 0
        shown = "1 task" if number == 1 else f"{number:,} tasks"
        return notice(sentence.format(name=name, count=shown))

    def is_known(self, name: str) -> bool:
        """Return whether a name is that of a task that is declared, or a pattern that matches one."""
        from taskrunner.config.schema import matches

        tasks = self.site.registry.tasks
        return name in tasks or ("*" in name and any(matches(name, task) for task in tasks))

    def _footer(self) -> Markup:
        at = f"{datetime.fromtimestamp(self.now, self.context.zone):%H:%M:%S}"
        query = {
            name: value for name, value in self.request.query.items() if name not in ("done", "name", "count")
        }
        here = f"{self.address(self.here)}{'?' + urlencode(query) if query else ''}"
        who = self.request.who.removeprefix("web").removeprefix(":")
        says = f" · {who}{'' if self.may_change else ', only looking'}" if who else ""
        logout = self.request.environ.get(LOGOUT)
        leave = one_button(self.address(str(logout)), "Log out") if logout else NOTHING
        return element(
            "div",
            f"As of {at}, times in {self.site.config.timezone}. ",
            link(here, "Tasks" if self.request.method == "POST" else "Refresh"),
            f"{says} · taskrunner {__version__} ",
            leave,
        )


EVERYTHING = "*"
LENGTHS = ("30m", "1h", "2h", "1d")
LONGEST_REASON = 500
UNTIL_HINT = "1h, 16:00 or monday; empty: until somebody ends it"
VERBS = {"pause": "Pause", "mute": "Mute failures"}
RUN_ERRORS = "web_run.stderr"
"""The file in `state_dir` with what the task that was started last has written to its stderr."""

STARTED: list[DetachedProcess] = []
"""The processes that are not known to have ended: each is asked at the next start."""


def suspend_form(view: View, what: str, name: str, *, back: str, error: str = "") -> Markup:
    """Return the form that pauses or mutes a task, a class or all of cron; it leads back to a page."""
    kept = {key: view.given(key) for key in ("until", "reason")} if error else {}
    until = Field(
        "until", "Until", kept.get("until", ""), hint=UNTIL_HINT, error=error, size=12, list=LENGTHS
    )
    reason = Field("reason", "Reason", kept.get("reason", ""), size=28)
    return form(
        view.address(f"/{what}"),
        hidden({"name": name, "back": back}),
        until.shown(f"{what}-"),
        reason.shown(f"{what}-"),
        button(_title_of_suspension(what, name) if name == EVERYTHING else VERBS[what]),
        class_="row",
        label=_title_of_suspension(what, name),
    )


def _title_of_suspension(what: str, name: str) -> str:
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
        return view.page(_title_of_suspension(what, name), shown, back, status=422)
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
        STARTED.append(DetachedProcess(command, errors=config.state_dir / RUN_ERRORS))
    except OSError as error:
        raise TaskrunnerError(
            f"{name} could not be started: {error}", hint="see `command` of [web]"
        ) from error
    with site.store.transaction():
        leave_row(site, "run now", declaration.name, Change[State]({}, {}), who=view.who, now=view.now)
