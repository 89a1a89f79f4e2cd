"""Queued tasks are moved to another time, and given other custom data, unless they run."""

import pytest

from tests.cli.conftest import site as site


def queued(site):
    return {row["id"]: row for row in site.reads("adhoc", "list")}


def test_a_task_is_moved_by_its_id(site):
    task_id = int(site.prints("adhoc", "queue", "Mail"))

    site.prints("adhoc", "reschedule", str(task_id), "--at", "2100-01-02 03:04")

    assert "2100-01-02T03:04:00+00:00" == queued(site)[task_id]["next_run_at"]
    site.prints("cron")
    assert [task_id] == list(queued(site))
    [change] = site.reads("audit")
    assert ("adhoc reschedule", str(task_id)) == (change["action"], change["target"])


def test_all_of_a_class_are_moved_with_one_command(site):
    site.prints(
        "adhoc", "queue", "Mail", "--data", "-", input="".join(f"{number}\n" for number in range(300))
    )

    code, told = site.refuses("adhoc", "reschedule", "--class", "Mail", "--in", "8h")
    assert (2, True) == (code, "this is for 300 tasks; confirm it with --yes" in told)
    shown = site.prints("adhoc", "reschedule", "--class", "Mail", "--in", "8h", "--yes")

    assert shown.startswith("300 tasks not before 20")
    assert (0, 300) == tuple(site.reads("adhoc", "summary")[0][key] for key in ("due", "waiting"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["1"], "give --at or --in"),
        (["1", "--at", "22:00", "--in", "1h"], "give --at or --in"),
        (["--in", "1h"], "give ids, or --class or --failed"),
    ],
)
def test_what_is_missing_is_a_usage_error(site, words, said):
    code, told = site.refuses("adhoc", "reschedule", *words)

    assert (2, True) == (code, said in told)


def test_the_custom_data_of_a_task_is_changed_and_its_dedupe_key_with_it(site):
    task_id = site.prints("adhoc", "queue", "Mail", "--data", '{"to": "ada"}').strip()

    shown = site.prints("adhoc", "edit", task_id, "--data", '{"to": "bob"}')

    assert f'forum.Mail {task_id}\n  was {{"to":"ada"}}\n  is  {{"to":"bob"}}\n' == shown.replace(": ", ":")
    again = site.prints("adhoc", "queue", "Mail", "--data", '{"to": "bob"}', "--check-for-existing").strip()
    assert task_id == again
    site.prints("cron")
    assert "bob" in site.prints("log", "show", "Mail")


@pytest.mark.parametrize("words", [["reschedule", "99", "--in", "1h"], ["edit", "99", "--data", "1"]])
def test_a_task_that_is_gone_is_told(site, words):
    code, told = site.refuses("adhoc", *words)

    assert 1 == code
    assert "99" in told


def test_custom_data_that_is_not_json_is_refused(site):
    task_id = site.prints("adhoc", "queue", "Mail").strip()

    code, told = site.refuses("adhoc", "edit", task_id, "--data", "{to}")

    assert 65 == code
    assert ["null"] == [row["custom_data"] for row in site.reads("adhoc", "list")], told
