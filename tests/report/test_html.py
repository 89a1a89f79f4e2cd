"""The page: needs nothing else, and shows hostile text as text."""

import re
from datetime import UTC
from html.parser import HTMLParser

import pytest

from taskrunner.report.durations import durations, lengths_of
from taskrunner.report.failures import histories_of, judge_all
from taskrunner.report.html import Findings, Totals, page
from taskrunner.report.load import Gap, LocalTime, Silences, heatmap, overlaps
from taskrunner.report.stagger import Slot, stagger
from taskrunner.report.statistics import thresholds
from tests.report.task_runs import HOUR, MONDAY, hourly, run_of

HOSTILE = "<script>alert(1)</script>\"'&\x1b[31m\u202e"
VOID = {"meta", "link", "br", "wbr", "line", "rect", "circle", "path"}


SILENCE = Gap(MONDAY + 2 * HOUR, MONDAY + 9 * HOUR, HOSTILE, 7 * HOUR, "cron1")


def made(runs, **said):
    local = LocalTime(UTC)
    histories = histories_of(runs, local)
    pile = [Slot(f"a.T{n}", (0,), (3,), "* * *", 60.0, True) for n in range(3)]
    known = {
        "origin": "the log",
        "first_at": runs[0].started_at if runs else None,
        "last_at": runs[-1].started_at if runs else None,
        "histories": histories,
        "failures": judge_all(histories),
        "durations": durations(lengths_of(runs)),
        "thresholds": thresholds(lengths_of(runs)),
        "crashes": [run for run in runs if run.outcome == "crashed"],
        "silences": Silences([SILENCE] if runs else [], 60.0),
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
    return made(sorted(runs, key=lambda run: run.started_at), origin=HOSTILE)


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


def test_every_picture_is_told_in_words_and_every_id_is_there_once(text):
    outline = Outline(text)

    ids = [attributes["id"] for _, attributes in outline.elements if "id" in attributes]
    pictures = [attributes for _, attributes in outline.elements if attributes.get("role") == "img"]
    assert len(ids) == len(set(ids))
    assert len(pictures) > 10 and all(attributes["aria-label"] for attributes in pictures)
    links = [attributes["href"] for tag, attributes in outline.elements if tag == "a"]
    assert {str(link).removeprefix("#") for link in links} <= set(ids)


def test_what_colour_says_is_said_by_a_sign_as_well(text):
    badges = re.findall(r'class="badge[^"]*">(.)', text)

    assert badges and not any(sign.isalpha() for sign in badges)
    assert "✕✕✕</i>" in text and "◆</i>" in text


def test_dark_and_print_have_styles_of_their_own(text):
    assert "prefers-color-scheme: dark" in text and "@media print" in text


def test_every_cell_of_a_card_has_its_heading(text):
    outline = Outline(text)

    cells = [attributes for tag, attributes in outline.elements if tag == "td" and "data-l" in attributes]
    assert cells and all(attributes["data-l"] for attributes in cells)


def test_a_long_class_path_is_shortened_and_whole_on_hover_and_paper():
    text = made(hourly("..F..", r"core\task\send_failed_login_notifications_task"))

    assert r'title="core\task\send_failed_login_notifications_task"' in text
    assert 'class="whole">core\\<wbr>task\\<wbr>' in text


def test_a_site_where_nothing_ran_has_a_page():
    Outline(made([], plan=None))


def test_the_page_says_what_is_wrong(text):
    assert "fails systematically." in text
    assert "Peak before 3.00 tasks at once, after 1.00." in text
    assert "<b>7 h</b>" in text and "1 time, 7 h in all." in text


def test_a_rate_that_has_risen_is_told_against_the_time_before():
    text = made(hourly("....F" * 10), before=Totals(runs=100, failed=1, crashed=0))

    assert "20 % lately, up from 1.0 % in the period before" in text
    assert 'class="tile alert"' in text


def test_a_page_of_many_runs_stays_small():
    def size(times: int) -> int:
        outcomes = ["...F" * times] * 6 + ["...." * times] * 54
        runs = [run for n, row in enumerate(outcomes) for run in hourly(row, rf"core\task\number_{n}_task")]
        return len(made(sorted(runs, key=lambda run: run.started_at)).encode())

    assert size(40) < min(500_000, 1.1 * size(20))
