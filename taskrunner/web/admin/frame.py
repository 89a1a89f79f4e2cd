"""What stands around every page of the administration, and what a page is made from."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from taskrunner import __version__
from taskrunner.administration.audit import Who
from taskrunner.diagnosis.check import cron_starts
from taskrunner.formatting import length, relative, short_moment
from taskrunner.web.admin.html import (
    NOTHING,
    Markup,
    element,
    joined,
    link,
    notice,
    one_button,
    soft,
)
from taskrunner.web.admin.login import LOGOUT
from taskrunner.web.admin.request import Request, Response, redirect
from taskrunner.web.admin.style import STYLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from taskrunner.errors import TaskrunnerError
    from taskrunner.installation import Site
    from taskrunner.records import Suspension
    from taskrunner.views.columns import Context

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
