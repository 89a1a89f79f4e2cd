"""A site and its administration, asked in this process; pages are read as a browser reads them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlencode

from taskrunner.web.admin import admin_app
from tests.runner.runner_site import RunnerSite
from tests.web.asking import OWN, Answer, ask

VOID = {"meta", "link", "br", "wbr", "input", "hr", "img"}
SVG = {"path", "rect", "line"}


@dataclass
class AdminSite:
    """A site whose administration somebody may see, and change unless told otherwise."""

    site: RunnerSite
    may_change: bool = True
    person: str = "ann"

    def __post_init__(self) -> None:
        self.app = admin_app(
            self.site.root / "taskrunner.toml",
            may_view=lambda _: True,
            may_change=lambda _: self.may_change,
            who=lambda _: self.person,
            clock=self.site.clock,
        )

    def get(self, path: str, **query: str) -> Answer:
        return ask(self.app, f"{path}?{urlencode(query)}" if query else path)

    def post(self, path: str, **form: str) -> Answer:
        return ask(self.app, path, "POST", form=form, headers=OWN)

    def done(self, path: str, **form: str) -> Answer:
        """Send a form that is to be carried out, and return the page that it leads to."""
        answer = self.post(path, **form)
        assert 303 == answer.status, answer.text
        return ask(self.app, answer.headers["Location"].partition("#")[0])

    def page(self, path: str, status: int = 200, **query: str) -> Page:
        """Return a page as it is read."""
        answer = self.get(path, **query)
        assert status == answer.status, f"{path}: {answer.status}"
        return read(answer)


@dataclass
class Page:
    """What stands in a page: its text, its elements with their attributes, and what is wrong with it."""

    text: str = ""
    elements: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def all(self, tag: str, **attributes: str) -> list[dict[str, str]]:
        wanted = {name.rstrip("_"): value for name, value in attributes.items()}
        return [found for name, found in self.elements if name == tag and wanted.items() <= found.items()]

    def value(self, name: str) -> str:
        """Return what a field of a form holds."""
        return self.all("input", name=name)[0]["value"]

    @property
    def links(self) -> Iterator[str]:
        return (link["href"].partition("#")[0] for link in self.all("a") if not link["href"].startswith("#"))


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.page = Page()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        self.page.elements.append((tag, attributes))
        self.page.text += "" if tag == "wbr" else " "
        if len(attributes) < len(attrs):
            self.page.faults.append(f"{tag} has an attribute twice")
        self.page.faults += [
            f"{tag} has {name}" for name in attributes if name == "style" or name[:2] == "on"
        ]
        if tag == "script":
            self.page.faults.append("a script")
        if tag not in VOID | SVG:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in SVG and (not self.open or self.open.pop() != tag):
            self.page.faults.append(f"{tag} is closed where it is not open")

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.page.text += data


def read(answer: Answer) -> Page:
    """Return a page as it is read, with what is wrong with its elements."""
    reader = Reader()
    reader.feed(answer.text)
    reader.close()
    page = reader.page
    page.text = " ".join(page.text.split())
    page.faults += [f"{tag} stays open" for tag in reader.open]
    page.faults += list(_faults(page))
    return page


def _faults(page: Page) -> Iterator[str]:
    ids = [found["id"] for _, found in page.elements if "id" in found]
    yield from (f"the id {one} stands twice" for one in set(ids) if ids.count(one) > 1)
    labelled = {found["for"] for found in page.all("label")}
    for tag, found in page.elements:
        is_field = tag in ("input", "select") and found.get("type") != "hidden"
        if is_field and found.get("id") not in labelled and "aria-label" not in found:
            yield f"{tag} {found.get('name')} has no label"
        for reference in found.get("aria-describedby", "").split():
            if reference not in ids:
                yield f"{reference} is not there"
        if tag == "th" and "scope" not in found:
            yield "a th has no scope"
    if len(page.all("h1")) != 1:
        yield f"{len(page.all('h1'))} headings of the page"
    if len(page.all("caption")) != len(page.all("table")):
        yield "a table has no caption"


def hidden_fields(page: Page, action: str) -> dict[str, str]:
    """Return what the form with an action sends though nobody sees it."""
    found: dict[str, str] = {}
    inside = False
    for tag, attributes in page.elements:
        if tag == "form":
            inside = attributes.get("action") == action
        elif inside and tag == "input" and attributes.get("type") == "hidden":
            found[attributes["name"]] = attributes["value"]
    return found
