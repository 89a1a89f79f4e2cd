"""taskrun adhoc: the queue looked at, filled, run, changed from the command line."""

import csv
import io
import json
import time
from datetime import datetime
from typing import Any

import pytest

from taskrunner.views.runs import CLASSES, QUEUED
from tests.cli.program import Program

FORUM = """\
class Mail(AdhocTask):
    def execute(self):
        mtrace(f"mail {self.custom_data} for {self.user}")


class Broken(AdhocTask):
    attempts = 2

    def execute(self):
        raise ValueError("disk is full")


class Once(AdhocTask):
    retry = False

    def execute(self):
        raise ValueError("no paper")


class Digest(ScheduledTask):
    schedule = Every(hours=1)
    disabled = True

    def execute(self):
        mtrace("digest")
"""
LATER = "2099-01-01 00:00"


@pytest.fixture
def site(program: Program) -> Program:
    program.write("forum", FORUM)
    return program


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory, module_database_line: str) -> Program:
    """A queue with due, waiting, failing and given up tasks; its tests only read."""
    program = Program(tmp_path_factory.mktemp("filled"), database_line=module_database_line)
    program.configure('[tasks."core.*"]\ndisabled = true')
    program.write("forum", FORUM)
    queue(program, "Once")
    queue(program, "Broken")
    program.run("adhoc", "run")
    queue(program, "Mail", "--data", '{"to": "ann"}', "--user", "ann")
    queue(program, "Mail", "--at", LATER)
    return program


def queue(site: Program, name: str, *arguments: str) -> int:
    return int(site.prints("adhoc", "queue", name, *arguments))


def ids(site: Program, *arguments: str) -> list[int]:
    return [record["id"] for record in site.reads("adhoc", "list", *arguments)]


def record(site: Program, task_id: int) -> dict[str, Any]:
    (found,) = site.reads("adhoc", "show", str(task_id))
    return dict(found)


def wait_of(site: Program, task_id: int) -> float:
    """Return the seconds until a task may run."""
    moment = record(site, task_id)["next_run_at"]
    return datetime.fromisoformat(moment).timestamp() - time.time()


def test_a_queued_task_is_listed_with_what_it_was_given(site):
    task_id = queue(site, "Mail", "--data", '{"to": "ann"}', "--user", "ann")

    (found,) = site.reads("adhoc", "list")
    expected = {
        "id": task_id,
        "name": "forum.Mail",
        "plugin": "forum",
        "custom_data": '{"to":"ann"}',
        "user": "ann",
        "attempts_left": 12,
        "failures": 0,
        "run_id": None,
        "state": "ok",
    }
    assert expected == {key: found[key] for key in expected}


def test_a_queued_task_is_run_by_the_next_cron(site):
    queue(site, "forum.Mail", "--data", "7")

    printed = site.prints("cron")

    assert "mail 7 for None" in printed.splitlines()
    assert [] == ids(site)


def test_quietly_a_task_is_queued_without_a_word(site):
    assert "" == site.prints("adhoc", "queue", "Mail", "--quiet")
    assert 1 == len(ids(site))


def test_the_same_task_is_queued_once_if_asked(site):
    first = queue(site, "Mail", "--data", '{"a": 1, "b": 2}', "--check-for-existing")
    second = queue(site, "Mail", "--data", '{"b": 2, "a": 1}', "--check-for-existing")
    third = queue(site, "Mail", "--data", '{"a": 1, "b": 2}')

    assert first == second
    assert [first, third] == ids(site)


@pytest.mark.parametrize(("length", "seconds"), [("90", 90), ("5m", 300), ("1h30m", 5400), ("2d", 172_800)])
def test_a_task_may_be_put_off_by_a_length_of_time(site, length, seconds):
    task_id = queue(site, "Mail", "--in", length)

    assert seconds - 30 < wait_of(site, task_id) <= seconds


@pytest.mark.parametrize("moment", [LATER, "2099-01-01T00:00:00+00:00", "2099-01-01T01:00+01:00"])
def test_a_task_may_be_put_off_to_a_moment(site, moment):
    task_id = queue(site, "Mail", "--at", moment)

    assert "2099-01-01T00:00:00+00:00" == record(site, task_id)["next_run_at"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("Mail", "--at", LATER, "--in", "5m"), 2, "give --at or --in, not both"),
        (("Mail", "--in", "soon"), 2, "'soon' cannot be read as a length of time"),
        (("Mail", "--at", "soon"), 2, "'soon' cannot be read as a time"),
        (("Mail", "--data", "{"), 65, "custom data is not JSON"),
        (("Mail", "--data", "NaN"), 65, "custom data has NaN"),
        (("Mial",), 65, "did you mean"),
        (("Digest",), 1, "forum.Digest is a scheduled task: it is not queued"),
        (("Mail", "--in", "nan"), 2, "'nan'"),
        (("Mail", "--in", "1e400"), 2, "'1e400'"),
        (("Mail", "--in", "1e300"), 2, "'1e300'"),
        (("Mail", "--user", b"\xff"), 65, "half a character"),
        (("Mail", "--data", b'"\xff"'), 65, "half a character"),
        ((), 2, "Missing argument"),
    ],
    ids=str,
)
def test_what_cannot_be_queued_is_refused_and_leaves_nothing(site, arguments, code, said):
    ended, told = site.refuses("adhoc", "queue", *arguments)

    assert code == ended
    assert said in told
    assert [] == ids(site)


def test_ten_thousand_lines_are_ten_thousand_tasks_in_their_order(site):
    lines = "".join(f'{{"number": {number}}}\n' for number in range(10_000))

    printed = site.prints("adhoc", "queue", "Mail", "--data", "-", input=lines)

    queued = [int(line) for line in printed.split()]
    (summary,) = site.reads("adhoc", "summary")
    assert (10_000, 10_000) == (len(set(queued)), summary["due"])
    assert sorted(queued) == queued
    assert '{"number":9999}' == record(site, queued[-1])["custom_data"]


def test_empty_lines_are_no_tasks_and_the_last_needs_no_line_break(site):
    printed = site.prints("adhoc", "queue", "Mail", "--data", "-", input='1\n\n  \r\n"zwei"')

    assert 2 == len(printed.split())
    assert ["1", '"zwei"'] == [found["custom_data"] for found in site.reads("adhoc", "list")]


def test_no_lines_are_no_tasks(site):
    assert "" == site.prints("adhoc", "queue", "Mail", "--data", "-", input="")


@pytest.mark.parametrize(
    ("bad", "said", "once"),
    [
        ("{x}", "not JSON", ()),
        ("{x}", "not JSON", ("--check-for-existing",)),
        ("[Infinity]", "Infinity", ()),
        ("[" * 101 + "]" * 101, "deeper", ()),
        ('"\\u0000"', "NUL", ()),
    ],
    ids=["not JSON", "not JSON, once", "Infinity", "deep", "NUL"],
)
def test_a_bad_line_is_named_and_nothing_is_queued(site, bad, said, once):
    lines = "".join(f"{number}\n" for number in range(2000)) + f"\n{bad}\n3\n"

    code, told = site.refuses("adhoc", "queue", "Mail", "--data", "-", *once, input=lines)

    assert 65 == code
    assert "taskrun: line 2002: " in told
    assert said in told
    assert "nothing was queued" in told
    assert [] == ids(site)


def test_a_line_that_is_longer_than_custom_data_may_be_is_named(site):
    lines = f'1\n"{"x" * 3_000_000}"\n2\n'

    code, told = site.refuses("adhoc", "queue", "Mail", "--data", "-", input=lines)

    assert (65, True, []) == (code, told.startswith("taskrun: line 2: "), ids(site))


@pytest.mark.parametrize(("command", "table"), [("list", QUEUED), ("summary", CLASSES)])
def test_json_and_csv_have_the_same_keys_and_values(filled, command, table):
    records = filled.reads("adhoc", command)
    rows = list(csv.DictReader(io.StringIO(filled.prints("adhoc", command, "--csv"))))

    assert [table.keys] * len(records) == [list(found) for found in records]
    assert [table.keys] * len(records) == [list(row) for row in rows]
    assert [found["name"] for found in records] == [row["name"] for row in rows]


@pytest.mark.parametrize("command", ["list", "summary"])
def test_an_empty_queue_is_an_empty_array_and_a_csv_of_one_line(site, command):
    table = QUEUED if command == "list" else CLASSES

    assert [] == site.reads("adhoc", command)
    assert ",".join(table.keys) == site.prints("adhoc", command, "--csv").strip()
    assert "" == site.prints("adhoc", command)


def test_the_list_says_in_which_state_each_task_is(filled):
    states = {found["id"]: found["state"] for found in filled.reads("adhoc", "list")}

    assert "given up: ValueError: no paper" == states[1]
    assert states[2].startswith("failing since ")
    assert states[2].endswith(": ValueError: disk is full")
    assert ["ok", "ok"] == [states[3], states[4]]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (("--failed",), [1, 2]),
        (("--due",), [3]),
        (("Mail",), [3, 4]),
        (("forum.Mail", "--due"), [3]),
        (("Mail", "--failed"), []),
        (("--limit", "1", "Mail"), [3]),
    ],
    ids=str,
)
def test_the_list_is_filtered(filled, filters, expected):
    assert expected == sorted(ids(filled, *filters))


def test_the_list_on_a_terminal_shows_ids_and_states(filled):
    seen = filled.shows("adhoc", "list", columns=160)

    assert "forum.Mail" in seen
    assert "given up: ValueError: no paper" in seen


def test_the_summary_counts_by_class(filled):
    counts = {
        found["name"]: [found[key] for key in ("running", "due", "waiting", "failing", "given_up")]
        for found in filled.reads("adhoc", "summary")
    }

    expected = {"forum.Broken": [0, 0, 1, 1, 0], "forum.Mail": [0, 1, 1, 0, 0], "forum.Once": [0, 0, 0, 1, 1]}
    assert expected == counts


def test_show_tells_all_of_one_task(filled):
    shown = filled.prints("adhoc", "show", "3")
    found = record(filled, 3)

    assert QUEUED.keys == list(found)
    assert 'custom_data      {"to":"ann"}' in shown.splitlines()
    assert "user             ann" in shown.splitlines()


@pytest.mark.parametrize("command", ["show", "retry", "cancel"])
def test_an_unknown_id_is_told_with_exit_code_1(filled, command):
    code, told = filled.refuses("adhoc", command, "99")

    assert 1 == code
    assert "99" in told


def test_an_unknown_id_is_not_run(filled):
    code, told = filled.refuses("adhoc", "run", "--id", "99")

    assert 1 == code
    assert "no task 99 is queued" in told


@pytest.mark.parametrize(
    "arguments",
    [
        ("list", "--limit"),
        ("show",),
        ("retry",),
        ("cancel",),
        ("run", "--id"),
        ("run", "--failed", "--limit"),
    ],
    ids=" ".join,
)
def test_a_number_larger_than_any_id_is_no_traceback(filled, arguments):
    done = filled.run("adhoc", *arguments, "99999999999999999999")

    assert "Traceback" not in done.stderr


def test_what_is_due_is_run_by_hand(site):
    queue(site, "Mail", "--data", "1")
    later = queue(site, "Mail", "--in", "1h")

    printed = site.prints("adhoc", "run")

    assert "mail 1 for None" in printed.splitlines()
    assert [later] == ids(site)


def test_scheduled_tasks_are_not_run_with_the_queue(site):
    site.prints("enable", "Digest")

    assert "digest" not in site.prints("adhoc", "run")


def test_the_exit_code_tells_that_a_task_failed(site):
    queue(site, "Broken")
    queue(site, "Mail")

    done = site.run("adhoc", "run")

    assert 1 == done.returncode
    assert "Adhoc task failed: forum.Broken,disk is full" in done.stdout
    assert "Adhoc task complete: forum.Mail" in done.stdout


def test_with_nothing_to_run_the_exit_code_is_0(site):
    assert 0 == site.run("adhoc", "run").returncode
    assert 0 == site.run("adhoc", "run", "--failed").returncode


def test_one_class_is_run_by_hand(site):
    queue(site, "Mail")
    stays = queue(site, "Broken")

    site.prints("adhoc", "run", "--class", "Mail")

    assert [stays] == ids(site)


def test_as_many_are_run_by_hand_as_asked_for(site):
    site.prints("adhoc", "queue", "Mail", "--data", "-", input="1\n2\n3\n4\n")

    site.prints("adhoc", "run", "--limit", "3")

    assert ["4"] == [found["custom_data"] for found in site.reads("adhoc", "list")]


def test_where_the_queue_is_left_to_other_hosts_it_is_run_only_without_limits(site):
    site.configure('[cron]\nadhoc_concurrency_limit = 0\n[tasks."core.*"]\ndisabled = true')
    task_id = queue(site, "Mail")

    site.prints("adhoc", "run")
    left = ids(site)
    site.prints("adhoc", "run", "--ignore-limits")

    assert [task_id] == left
    assert [] == ids(site)


def test_a_task_is_run_by_its_id_before_its_time(site):
    task_id = queue(site, "Mail", "--at", LATER)
    due = queue(site, "Mail")

    site.prints("adhoc", "run", "--id", str(task_id))

    assert [due] == ids(site)


def test_a_given_up_task_is_run_by_its_id(site):
    task_id = queue(site, "Once")
    site.run("adhoc", "run")
    given_up = record(site, task_id)["attempts_left"]
    site.write("forum", FORUM.replace('raise ValueError("no paper")', 'mtrace("printed")'))

    printed = site.prints("adhoc", "run", "--id", str(task_id))

    assert 0 == given_up
    assert "printed" in printed.splitlines()
    assert [] == ids(site)


def test_a_task_run_by_its_id_that_fails_again_ends_with_1_and_stays_given_up(site):
    task_id = queue(site, "Once")
    site.run("adhoc", "run")

    done = site.run("adhoc", "run", "--id", str(task_id))

    found = record(site, task_id)
    assert (1, 0, 2) == (done.returncode, found["attempts_left"], found["failures"])


def test_a_task_that_cannot_be_loaded_is_not_run_by_its_id_and_the_exit_code_tells(site):
    task_id = queue(site, "Mail")
    site.write("forum", "")

    done = site.run("adhoc", "run", "--id", str(task_id))

    assert 0 != done.returncode
    assert 12 == record(site, task_id)["attempts_left"]


def test_what_has_failed_is_run_by_hand_whatever_its_delay(site):
    queue(site, "Once")
    queue(site, "Broken")
    site.run("adhoc", "run")
    fresh = queue(site, "Mail")
    site.write("forum", FORUM.replace("raise ValueError", "str"))

    site.prints("adhoc", "run", "--failed")

    assert [fresh] == ids(site)


def test_of_what_has_failed_one_class_or_so_many_are_run(site):
    first, second = queue(site, "Broken"), queue(site, "Broken")
    once = queue(site, "Once")
    site.run("adhoc", "run")
    site.write("forum", FORUM.replace("raise ValueError", "str"))

    site.prints("adhoc", "run", "--failed", "--class", "Broken", "--limit", "1")

    assert 2 == len(ids(site))
    assert once in ids(site)
    assert {first, second} & set(ids(site))


def test_a_retried_task_is_due_now(site):
    task_id = queue(site, "Once")
    site.run("adhoc", "run")

    printed = site.prints("adhoc", "retry", str(task_id))

    assert "1 task due now\n" == printed
    assert 1 == record(site, task_id)["attempts_left"]
    assert [task_id] == ids(site, "--due")


def test_a_cancelled_task_is_gone(site):
    first, second, third = (queue(site, "Mail") for _ in range(3))

    printed = site.prints("adhoc", "cancel", str(first), str(third))

    assert "2 tasks cancelled\n" == printed
    assert [second] == ids(site)


@pytest.mark.parametrize("command", ["retry", "cancel"])
def test_of_several_ids_those_that_are_there_are_changed_and_the_rest_told(site, command):
    task_id = queue(site, "Mail", "--at", LATER)

    done = site.run("adhoc", command, "98", str(task_id), "99")

    assert 1 == done.returncode
    assert done.stdout.startswith("1 ")
    assert "Not changed, because they are running or gone: 98, 99\n" == done.stderr


@pytest.mark.parametrize("command", ["retry", "cancel"])
def test_a_filter_needs_a_yes_and_says_for_how_many(site, command):
    for _ in range(2):
        queue(site, "Once")
    queue(site, "Mail", "--at", LATER)
    site.run("adhoc", "run")
    before = site.reads("adhoc", "list")

    code, told = site.refuses("adhoc", command, "--failed")

    assert 2 == code
    assert "this is for 2 tasks; confirm it with --yes" in told
    assert before == site.reads("adhoc", "list")


@pytest.mark.parametrize("command", ["retry", "cancel"])
def test_without_ids_and_filter_nothing_is_changed(site, command):
    code, told = site.refuses("adhoc", command, "--yes")

    assert 2 == code
    assert "give ids, or --class or --failed" in told


def test_all_that_failed_are_retried(site):
    queue(site, "Once")
    queue(site, "Broken")
    later = queue(site, "Mail", "--at", LATER)
    site.run("adhoc", "run")

    printed = site.prints("adhoc", "retry", "--failed", "--yes")

    assert "2 tasks due now\n" == printed
    assert later not in ids(site, "--due")
    assert 2 == len(ids(site, "--due"))


def test_a_whole_class_is_cancelled_also_one_that_is_missing(site):
    queue(site, "Mail")
    queue(site, "Mail", "--at", LATER)
    stays = queue(site, "Once")
    site.write("forum", FORUM.replace("class Mail", "class Post"))

    printed = site.prints("adhoc", "cancel", "--class", "forum.Mail", "--yes")

    assert "2 tasks cancelled\n" == printed
    assert [stays] == ids(site)


def test_json_has_data_with_any_text(site):
    data = json.dumps({"text": "über \U0001f980 \x1b[31m"})
    queue(site, "Mail", "--data", data)

    (found,) = site.reads("adhoc", "list")

    assert json.loads(data) == json.loads(found["custom_data"])
    assert "\x1b" not in site.prints("adhoc", "list")
