"""The page: needs nothing else, and shows hostile text as text."""

import re
from datetime import UTC
from html.parser import HTMLParser

import pytest

from taskrunner.report.durations import durations
from taskrunner.report.failures import crashes, failures
from taskrunner.report.gaps import gaps, signs_of
from taskrunner.report.html import Findings, page
from taskrunner.report.load import LocalTime, heatmap, overlaps
from taskrunner.report.stagger import Slot, stagger
from taskrunner.report.threshold import thresholds
from tests.report.task_runs import HOUR, MONDAY, hourly, run_of

HOSTILE = "<script>alert(1)</script>\"'&\x1b[31m\u202e"
VOID = {"meta", "link", "br", "wbr", "line", "rect", "circle", "path"}


def made(runs, **said):
    local = LocalTime(UTC)
    silent, usual = gaps(signs_of([], runs))
    pile = [Slot(f"a.T{n}", (0,), (3,), "* * *", 60.0, True) for n in range(3)]
    known = {
        "told": "the log",
        "first_at": runs[0].started_at if runs else None,
        "last_at": runs[-1].started_at if runs else None,
        "failures": failures(runs, local),
        "durations": durations(runs),
        "thresholds": thresholds(runs),
        "crashes": list(crashes(runs)),
        "gaps": silent,
        "usual_interval": usual,
        "overlaps": overlaps(runs),
        "heatmap": heatmap(runs, local),
        "plan": stagger(pile),
    }
    return page(Findings(**(known | said)), zone=UTC, now=MONDAY)


class Outline(HTMLParser):
    """Checks that elements are closed in order, and collects what is asked for."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert tag in VOID or self.open.pop() == tag


@pytest.fixture(scope="module")
def text() -> str:
    runs = [
        *hourly("." * 30 + "FFF", HOSTILE, message=HOSTILE),
        *hourly("..C", "a.Crash", last_lines=HOSTILE, path=HOSTILE, seconds=9000.0),
        run_of("a.Late", started_at=MONDAY + 900 * HOUR),
    ]
    return made(sorted(runs, key=lambda run: run.started_at), told=HOSTILE)


def test_hostile_names_and_messages_are_text(text):
    outline = Outline(text)

    assert "script" not in {tag for tag, _ in outline.elements}
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert [code for code in ("\x1b", "\u202e") if code in text] == []


def test_nothing_is_asked_for_from_anywhere(text):
    outline = Outline(text)

    addresses = [
        value
        for _, attributes in outline.elements
        for name, value in attributes.items()
        if name in ("src", "href", "srcset", "action", "data", "xlink:href", "style")
    ]
    assert [value for value in addresses if not str(value).startswith("#")] == ["data:,"]
    assert not re.search(r"url\(|@import|https?:", text)


def test_every_figure_is_labelled_and_every_id_is_there_once(text):
    outline = Outline(text)

    ids = [attributes["id"] for _, attributes in outline.elements if "id" in attributes]
    pictures = [attributes for tag, attributes in outline.elements if tag == "svg"]
    named = {name for attributes in pictures for name in str(attributes["aria-labelledby"]).split()}
    assert len(ids) == len(set(ids))
    assert len(pictures) == 6 and named <= set(ids)
    assert [tag for tag, _ in outline.elements].count("figcaption") == 6
    links = [attributes["href"] for tag, attributes in outline.elements if tag == "a"]
    assert {str(link).removeprefix("#") for link in links} <= set(ids)


def test_colour_says_nothing(text):
    colours = set(re.findall(r"#([0-9a-f]{3}|[0-9a-f]{6})\b(?=[;} ])", text))

    assert {colour for colour in colours if len(set(colour)) > 1} == set()


def test_a_site_where_nothing_ran_has_a_page():
    Outline(made([], plan=None))


def test_the_page_says_what_is_wrong(text):
    assert "Failing systematically: " in text
    assert "Peak before: 3.00 tasks at once; after: 1.00." in text
    assert "1 silence." in text
