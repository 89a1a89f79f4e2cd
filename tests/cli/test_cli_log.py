"""taskrun log: runs that ended, found again, shown without harm."""

import pytest

NASTY = "\\x1b]0;owned\\x07\\x1b[2J\\u202eevil\\x9b31m"


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ((), ["forum.Mail", "forum.Broken", "forum.SendDigest"]),
        (("--failed",), ["forum.Broken"]),
        (("--outcome", "ok"), ["forum.Mail", "forum.SendDigest"]),
        (("SendDigest",), ["forum.SendDigest"]),
        (("--limit", "1"), ["forum.Mail"]),
        (("--since", "1h"), ["forum.Mail", "forum.Broken", "forum.SendDigest"]),
        (("--until", "1h"), []),
        (("--since", "2099-01-01T00:00:00Z"), []),
        (("--grep", "to Ada"), ["forum.SendDigest"]),
        (("--grep", "disk is full"), ["forum.Broken"]),
        (("--grep", "%"), []),
        (("--min-duration", "5m"), []),
        (("--max-duration", "5m", "--limit", "1"), ["forum.Mail"]),
        (("--max-duration", "0"), []),
        (("--type", "adhoc"), ["forum.Mail"]),
        (("--type", "scheduled", "--failed"), ["forum.Broken"]),
        (("--plugin", "forum", "--limit", "2"), ["forum.Mail", "forum.Broken"]),
        (("--plugin", "shop"), []),
        (("--user", "nobody"), []),
        (("--host", "elsewhere.example"), []),
    ],
    ids=str,
)
def test_kept_runs_are_listed_newest_first_and_can_be_narrowed(used, options, names):
    assert [row["name"] for row in used.reads("log", *options)] == names


def test_the_next_page_begins_after_the_last_run_of_the_one_before(used):
    first, second, third = (row["run_id"] for row in used.reads("log"))

    assert [second] == [row["run_id"] for row in used.reads("log", "--before", first, "--limit", "1")]
    assert [third] == [row["run_id"] for row in used.reads("log", "--before", second.lower())]
    assert 1 == used.refuses("log", "--before", "nothing")[0]


def test_the_table_has_task_outcome_message_and_run(used):
    [row] = used.reads("log", "--failed")

    line = used.prints("log", "--failed").splitlines()[1]

    assert line.endswith(f"disk is full  {row['run_id']}")


@pytest.mark.parametrize("options", [("--since", "soon"), ("--outcome", "fine"), ("--limit", "0")], ids=str)
def test_a_wrong_option_is_a_usage_error(used, options):
    assert used.refuses("log", *options)[0] == 2


def test_one_run_is_shown_by_the_beginning_of_its_id_in_any_case(used):
    [row] = used.reads("log", "SendDigest")

    shown = used.prints("log", "show", row["run_id"][:24].lower())

    assert shown.startswith("forum.SendDigest: ok\nstarted ")
    assert shown.endswith(f"run {row['run_id']}, log file {row['log_file']}\n\nto Ada\n")


def test_one_run_as_json_has_its_output(used):
    [row] = used.reads("log", "SendDigest")

    [shown] = used.reads("log", "show", row["run_id"])

    assert (shown["output"], shown["db_reads"], shown["attempt"]) == ("to Ada\n", 0, 1)


@pytest.mark.parametrize(
    ("run", "problem"), [("XYZ", "no kept run has an id"), ("0", "several kept runs have an id")]
)
def test_an_id_that_is_not_one_run_is_refused(used, run, problem):
    code, told = used.refuses("log", "show", run)

    assert code == 1
    assert told.startswith(f"taskrun: {problem} that begins or ends with {run}\n")


def test_escapes_in_the_output_are_harmless_when_shown_and_raw_in_the_file(site):
    site.write(
        "forum",
        f"class Nasty(ScheduledTask):\n    schedule = Every(hours=1)\n"
        f"    def execute(self):\n        print('{NASTY}')\n        raise ValueError('{NASTY}')\n",
    )
    site.prints("cron", "--quiet")
    [row] = site.reads("log")

    shown = [
        site.prints("log", "show", row["run_id"]),
        site.prints("log"),
        site.prints("list"),
        site.shows("log"),
    ]

    for text in shown:
        assert [code for code in ("\x1b]", "\x07", "\x1b[2J", "\u202e", "\x9b") if code in text] == []
    assert "\\x1b[2J" in shown[0]
    with open(row["log_file"], "rb") as file:
        assert b"\x1b]0;owned\x07\x1b[2J" in file.read()


def test_the_runs_of_a_task_that_vanished_are_still_found_by_its_name(site):
    site.prints("cron")
    site.write("forum", "class Other(ScheduledTask):\n    schedule = '@daily'\n    def execute(self): pass\n")

    assert [row["name"] for row in site.reads("log", "forum.SendDigest")] == ["forum.SendDigest"]


def test_a_task_that_vanished_is_listed_as_missing(site):
    site.prints("cron")
    (site.root / "plugins" / "forum.py").unlink()

    states = {row["name"]: row["state"] for row in site.reads("list")}

    assert states["forum.SendDigest"] == "missing"
