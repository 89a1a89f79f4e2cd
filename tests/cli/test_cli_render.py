"""Tables: one line a row at every width, nothing lost where all is asked for, colour on the state only."""

import re

import pytest

from taskrunner.cli.render import cut_middle, fitted, lines_of, width_of
from taskrunner.views.columns import Column
from tests.cli.program import Program

LONG = "AnnounceEverythingThatIsNewToAllWhoHaveSubscribedToIt"
MIDDLE = "ImportProductsOfShop"
PLUGIN = f"""
class {LONG}(ScheduledTask):
    schedule = "30 4 1,15 * *"

    def execute(self):
        raise ValueError("customer\\nsecond line\\tof it \\u2028 third \\x0b fourth \\x85 last: " + "x" * 150)


class {MIDDLE}(ScheduledTask):
    schedule = "*/10 8-18 * * 1-5"

    def execute(self):
        print("hello")


class Späße日本語(AdhocTask):
    def execute(self):
        raise ValueError("first\\nsecond")
"""
TABLES = [
    ["list"],
    ["list", "--wide"],
    ["plan"],
    ["log"],
    ["stats"],
    ["adhoc", "list"],
    ["adhoc", "summary"],
    ["plugins"],
    ["audit"],
]
WHEN = re.compile(r"\bin \d+ \w+|\bnow\b")
"""How long it is until a moment: another second may have begun between two commands."""

ESCAPE = re.compile(r"\x1b\[[\d;?]*[A-Za-z]")


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Program:
    program = Program(tmp_path_factory.mktemp("busy"))
    program.configure("")
    program.write("catalogue", PLUGIN)
    for number in range(3):
        data = f'{{"text": "{"long " * 40}", "number": {number}}}'
        program.prints("adhoc", "queue", "Späße日本語", "--data", data)
    program.prints("retry", LONG)
    program.prints("run-task", MIDDLE)
    program.prints("disable", MIDDLE)
    program.prints("cron", "--quiet")
    return program


def rows_of(text: str) -> list[str]:
    """Return the lines of a table without its title and without what follows it."""
    lines = text.splitlines()
    end = lines.index("") if "" in lines else len(lines)
    return lines[1:end]


@pytest.mark.parametrize("columns", [40, 80, 100, 120, 200])
@pytest.mark.parametrize("words", TABLES, ids=" ".join)
def test_a_row_is_one_line_that_fits_into_the_terminal(busy: Program, words: list[str], columns: int) -> None:
    seen = ESCAPE.sub("", busy.shows(*words, columns=columns))

    assert len(busy.reads(*words)) == len(rows_of(seen))
    assert [] == [line for line in seen.splitlines() if width_of(line) > columns]


@pytest.mark.parametrize("words", TABLES, ids=" ".join)
def test_a_piped_table_has_one_line_a_row_whatever_a_message_contains(
    busy: Program, words: list[str]
) -> None:
    shown = busy.prints(*words)

    assert len(busy.reads(*words)) + 1 == len(shown.splitlines())
    assert "…" not in shown


@pytest.mark.parametrize("words", [["list"], ["log"], ["stats"]], ids=" ".join)
def test_nothing_is_cut_where_all_is_asked_for(busy: Program, words: list[str]) -> None:
    seen = ESCAPE.sub("", busy.shows(*words, "--full", columns=80)).splitlines()

    printed = busy.prints(*words).splitlines()
    assert [WHEN.sub("", line).split() for line in seen] == [WHEN.sub("", line).split() for line in printed]
    assert any(f"catalogue.{LONG}" in line for line in seen)


def test_all_of_a_message_is_in_the_piped_log(busy: Program) -> None:
    [row] = [line for line in busy.prints("log", LONG).splitlines() if LONG in line]

    assert r"customer\nsecond line\tof it \u2028 third \x0b fourth \x85 last: " + "x" * 150 in row


def test_a_terminal_is_shown_the_first_line_of_a_message(busy: Program) -> None:
    seen = busy.shows("log", LONG, columns=200)

    assert "customer" in seen
    assert "second line" not in seen


def test_only_the_state_is_coloured(busy: Program) -> None:
    seen = busy.shows("list", columns=200)

    assert ["failing ×1", "disabled"] == re.findall(r"\x1b\[\d+m(.*?)\x1b\[0m", seen)


def test_numbers_stand_at_the_right() -> None:
    columns = [Column("name", "Task"), Column("runs", "Runs", right=True)]
    cells = [["a", "7"], ["b", "1234567"]]

    lines = lines_of(cells, columns, fitted(cells, columns, 40))

    assert [["TASK", "   RUNS"], ["a   ", "      7"], ["b   ", "1234567"]] == lines


def test_columns_leave_in_their_order() -> None:
    columns = [
        Column("a", "Aaaaaaaa"),
        Column("b", "Bbbbbbbb", leaves=2),
        Column("c", "Cccccccc", leaves=1),
        Column("d", "Dddddddd"),
    ]

    shown = [fitted([["a"] * 4], columns, room).shown for room in (38, 37, 27, 18, 10)]

    assert [[0, 1, 2, 3], [0, 1, 3], [0, 3], [0, 3], [0, 3]] == shown


@pytest.mark.parametrize("room", range(1, 40))
def test_a_name_keeps_its_beginning_and_its_end(room: int) -> None:
    name = "crm.SynchroniseDirectory日本語Number03"

    shown = cut_middle(name, room)

    head, dots, tail = shown.partition("…")
    assert width_of(shown) <= room
    assert not dots or (name.startswith(head) and name.endswith(tail))
