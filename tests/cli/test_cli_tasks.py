"""taskrun list, show, schedule, enable, disable, retry, run-task."""

import csv
import io
import re
from datetime import datetime

import pytest

from tests.cli.program import Program


def state(site, name):
    return {row["name"]: row["state"] for row in site.reads("list")}[name]


def test_the_list_shows_schedule_last_run_next_run_and_state(used):
    lines = {line.split()[0]: line for line in used.prints("list").splitlines()}

    assert list(lines)[:1] == ["TASK"]
    time = r"(\d\d-\d\d )?\d\d:\d\d"  # with its date if that is not today's: the test may run before midnight
    assert re.search(rf"every 1h +{time} ok +{time} in \d+ min +ok$", lines["forum.SendDigest"])
    assert re.search(rf"{time} failed +.* failing since {time} \(1×\)$", lines["forum.Broken"])
    assert re.search(r"17 4 \* \* \* \(?\*\)? +never +- +disabled$", lines["forum.Quiet"])


def test_the_list_as_json_has_plain_values(used):
    rows = {row["name"]: row for row in used.reads("list")}

    digest = rows["forum.SendDigest"]
    assert (digest["title"], digest["plugin"], digest["last_outcome"]) == ("Send digests", "forum", "ok")
    assert digest["last_message"] is None
    assert rows["forum.Broken"]["fail_delay"] == 60
    assert rows["forum.Quiet"]["customised"] is True and rows["forum.Quiet"]["disabled"] is True


@pytest.mark.parametrize(
    "command",
    [("list",), ("show", "SendDigest"), ("show", "Mail"), ("plugins",), ("log",), ("config",)],
    ids=str,
)
def test_json_has_snake_case_keys_and_times_with_an_offset(used, command):
    records = used.reads(*command)

    assert isinstance(records, list) and records
    for record in records:
        assert [key for key in record if not re.fullmatch(r"[a-z][a-z0-9_]*", key)] == []
        moments = [value for key, value in record.items() if key.endswith(("_at", "_since")) and value]
        assert [moment for moment in moments if not str(moment).endswith("+00:00")] == []
        assert [datetime.fromisoformat(moment).tzinfo is None for moment in moments] == [False] * len(moments)


@pytest.mark.parametrize(
    "command",
    [
        ("list", "--plugin", "core", "--failing"),
        ("running",),
        ("log", "--outcome", "crashed"),
        ("list", "--failing", "--disabled"),
    ],
    ids=str,
)
def test_json_of_nothing_is_an_empty_array(used, command):
    assert used.reads(*command) == []


@pytest.mark.parametrize("command", [("list",), ("plugins",), ("log",)], ids=str)
def test_csv_has_the_columns_of_json(used, command):
    rows = list(csv.DictReader(io.StringIO(used.prints(*command, "--csv"))))
    records = used.reads(*command)

    assert [list(row) for row in rows] == [list(record) for record in records]


@pytest.mark.parametrize(
    ("full", "empty"),
    [(("list",), ("list", "--plugin", "core", "--failing")), (("log",), ("log", "--outcome", "crashed"))],
    ids=str,
)
def test_csv_of_nothing_has_the_same_header(used, full, empty):
    header = used.prints(*full, "--csv").splitlines()[0]

    assert used.prints(*empty, "--csv").splitlines() == [header]


def test_nothing_to_list_is_told_on_stderr_alone(used):
    done = used.run("list", "--plugin", "core", "--failing")

    assert (done.stdout, done.stderr.count("\n")) == ("", 1)


@pytest.mark.parametrize(
    ("option", "names"),
    [
        (("--failing",), ["forum.Broken"]),
        (("--disabled",), ["forum.Quiet"]),
        (("--plugin", "forum"), ["forum.Broken", "forum.Quiet", "forum.SendDigest"]),
        (("--due",), []),
    ],
    ids=str,
)
def test_the_list_can_be_narrowed(used, option, names):
    assert [row["name"] for row in used.reads("list", *option)] == names


def test_the_list_can_be_sorted_by_the_next_run(used):
    rows = used.reads("list", "--sort", "next", "--plugin", "forum")

    moments = [row["next_run_at"] for row in rows if row["next_run_at"]]
    assert moments == sorted(moments)


def test_the_list_as_of_another_moment_has_other_tasks_due(used):
    rows = used.reads("list", "--due", "--at", "2099-01-01 00:00", "--plugin", "forum")

    assert [row["name"] for row in rows] == ["forum.Broken", "forum.SendDigest"]


def test_a_moment_that_is_none_is_a_usage_error(used):
    code, told = used.refuses("list", "--at", "someday")

    assert code == 2
    assert "someday" in told


@pytest.mark.parametrize("command", [("list",), ("log",), ("plugins",), ("show", "SendDigest")], ids=str)
def test_what_is_piped_has_no_escape_codes_and_cuts_nothing(site, command):
    title = "A" + "b" * 120
    site.write(
        "forum",
        f"class {title}(ScheduledTask):\n    schedule = Every(hours=1)\n    def execute(self): pass\n"
        "class SendDigest(ScheduledTask):\n    schedule = Every(hours=1)\n    def execute(self): pass\n",
    )
    site.environ |= {"COLUMNS": "40", "TERM": "xterm-256color"}
    site.prints("cron")

    printed = site.prints(*command)

    assert "\x1b" not in printed
    assert title in printed or command[0] in ("plugins", "show")


@pytest.mark.parametrize("command", [("list",), ("log",), ("plugins",), ("running",)], ids=str)
def test_lines_fit_a_terminal_of_80_columns(used, command):
    seen = re.sub(r"\x1b\[[0-9;]*m", "", used.shows(*command))

    assert [line for line in seen.splitlines() if len(line) > 80] == []
    assert seen.strip()


@pytest.mark.parametrize(
    ("environ", "escapes"),
    [({}, {"\x1b[31m", "\x1b[2m"}), ({"NO_COLOR": "1"}, set()), ({"TERM": "dumb"}, set())],
    ids=["colours", "no colours", "dumb"],
)
def test_a_terminal_gets_the_colours_it_wants(used, environ, escapes):
    seen = Program(used.root, environ).shows("list")

    assert set(re.findall(r"\x1b\[\d+m", seen)) - {"\x1b[0m"} == escapes
    assert ("\x1b" in seen) == bool(escapes)


def test_one_task_is_shown_in_full(used):
    shown = used.prints("show", "forum.SendDigest")

    assert shown.startswith("forum.SendDigest: Send digests\n")
    assert re.search(rf"defined in +{used.root}/plugins/forum.py, line 7\n", shown)
    assert re.search(r"schedule +every 1h(?: \(UTC\))?: every hour\n", shown)
    assert len(re.findall(r"^ +(?:next runs)? +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+0000$", shown, re.M)) == 5
    assert re.search(r"last runs +.* ok in ", shown)


def test_a_failing_task_shows_its_last_message(used):
    assert re.search(r"last failure +ValueError: disk is full\n", used.prints("show", "Broken"))


def test_a_disabled_task_has_no_next_run(used):
    [record] = used.reads("show", "Quiet")

    assert (record["next_runs"], record["next_run_at"], record["state"]) == ([], None, "disabled")


def test_an_adhoc_class_is_shown_without_a_schedule(used):
    [record] = used.reads("show", "Mail")

    assert (record["kind"], "schedule" in record) == ("adhoc", False)
    assert [run["outcome"] for run in record["last_runs"]] == ["ok"]


@pytest.mark.parametrize(
    "command", [("show",), ("enable",), ("disable",), ("retry",), ("run-task",), ("log",)], ids=str
)
def test_an_unknown_task_gets_the_nearest_name(used, command):
    code, told = used.refuses(*command, "forum.SendDigset")

    assert code == 65
    assert told.startswith("taskrun: no plugin declares forum.SendDigset; did you mean forum.SendDigest?\n")


def test_a_name_that_two_plugins_have_must_be_written_in_full(site):
    site.write(
        "shop", "class SendDigest(ScheduledTask):\n    schedule = '@daily'\n    def execute(self): pass\n"
    )

    code, told = site.refuses("show", "SendDigest")

    assert code == 65
    assert "forum.SendDigest or shop.SendDigest" in told


def test_a_schedule_of_ones_own_is_set_and_reset(site):
    told = site.prints("schedule", "SendDigest", "17 3 * * *")
    [changed] = site.reads("show", "SendDigest")
    site.prints("schedule", "SendDigest", "--reset")
    [reset] = site.reads("show", "SendDigest")

    assert re.search(
        r"was +every 1h: every hour \(as declared\)\n +is +17 3 \* \* \*: .*03:17.* \(customised\)\n", told
    )
    assert len(re.findall(r"\d{4}-\d\d-\d\d 03:17:00 \+0000", told)) == 3
    assert (changed["schedule"], changed["own_schedule"], changed["customised"]) == ("17 3 * * *",) * 2 + (
        True,
    )
    assert (reset["schedule"], reset["own_schedule"], reset["customised"]) == ("every 1h", None, False)


def test_a_wrong_schedule_on_the_command_line_is_refused_and_nothing_changes(site):
    code, told = site.refuses("schedule", "SendDigest", "61 * * * *")

    assert code == 65
    assert "minute" in told and "61" in told
    assert site.reads("show", "SendDigest")[0]["customised"] is False


@pytest.mark.parametrize("arguments", [(), ("17 3 * * *", "--reset")], ids=str)
def test_schedule_wants_an_expression_or_reset(site, arguments):
    code, _ = site.refuses("schedule", "SendDigest", *arguments)

    assert code == 2


def test_an_adhoc_class_has_no_schedule_to_change(site):
    code, told = site.refuses("schedule", "Mail", "17 3 * * *")

    assert (code, told) == (65, "taskrun: forum.Mail is an adhoc task: it has no schedule\n")


@pytest.mark.parametrize(
    ("arguments", "config"),
    [
        (("schedule", "SendDigest", "1 * * * *"), 'schedule = "5 * * * *"'),
        (("schedule", "SendDigest", "--reset"), 'schedule = "5 * * * *"'),
        (("disable", "SendDigest"), "disabled = false"),
        (("enable", "SendDigest"), "disabled = true"),
    ],
    ids=str,
)
def test_what_the_config_decides_is_not_changed_and_file_and_line_are_named(site, arguments, config):
    site.configure(f'[tasks."forum.*"]\n{config}')

    code, told = site.refuses(*arguments)

    assert code == 1
    assert f'taskrunner.toml line {site.line(2)} ([tasks."forum.*"]) decides' in told
    assert site.reads("show", "SendDigest")[0]["customised"] is False


def test_a_task_is_disabled_and_enabled(site):
    site.prints("disable", "SendDigest")
    disabled = state(site, "forum.SendDigest")
    site.prints("cron")
    site.prints("enable", "SendDigest")

    assert (disabled, state(site, "forum.SendDigest")) == ("disabled", "ok")
    assert [row["name"] for row in site.reads("log")] == ["forum.Broken"]


def test_retry_makes_a_failing_task_due_now(site):
    site.prints("cron")

    told = site.prints("retry", "Broken")
    site.prints("cron")

    assert told == "forum.Broken is due now.\n"
    assert [row["attempt"] for row in site.reads("log", "Broken")] == [2, 1]


def test_retry_of_a_disabled_task_says_that_it_will_not_run(site):
    done = site.run("retry", "Quiet")

    assert (done.returncode, done.stderr) == (0, "It will not run, though: disabled.\n")


def test_run_task_runs_a_task_now_and_plans_it_like_any_run(site):
    printed = site.prints("run-task", "SendDigest")

    assert "\nto Ada\n" in printed
    assert [(row["name"], row["outcome"]) for row in site.reads("log")] == [("forum.SendDigest", "ok")]
    assert "forum.SendDigest" not in [row["name"] for row in site.reads("list", "--due")]


def test_run_task_of_a_failing_task_ends_with_1(site):
    done = site.run("run-task", "Broken")

    assert done.returncode == 1
    assert "Scheduled task failed: Broken (forum.Broken),disk is full" in done.stdout


def test_a_disabled_task_is_run_by_force_only(site):
    code, told = site.refuses("run-task", "Quiet")
    forced = site.prints("run-task", "Quiet", "--force")

    assert (code, told.splitlines()[0]) == (1, "taskrun: forum.Quiet is not run: disabled")
    assert "\nhush\n" in forced


def test_a_task_that_does_not_want_to_run_says_why_and_is_run_by_force(site):
    site.write(
        "forum",
        "class Shy(ScheduledTask):\n    schedule = '@daily'\n    def execute(self): mtrace('ran')\n"
        "    def is_runnable(self): return 'no mail server is set'\n",
    )

    code, told = site.refuses("run-task", "Shy")
    forced = site.prints("run-task", "Shy", "--force")

    assert (code, told.splitlines()[0]) == (
        1,
        "taskrun: forum.Shy refuses to run: no mail server is set",
    )
    assert "\nran\n" in forced


def test_an_adhoc_class_is_run_once_without_being_queued(site):
    printed = site.prints("run-task", "Mail", "--data", '{"to": "Ada"}')

    assert "\nmail {'to': 'Ada'}\n" in printed
    assert [(row["name"], row["type"], row["adhoc_id"]) for row in site.reads("log")] == [
        ("forum.Mail", "adhoc", None)
    ]


@pytest.mark.parametrize("data", ["{", "NaN", "Infinity", "-Infinity"])
def test_custom_data_that_is_no_json_is_refused(site, data):
    code, told = site.refuses("run-task", "Mail", "--data", data)

    assert code in (2, 65)
    assert "JSON" in told


def test_a_scheduled_task_takes_no_custom_data(site):
    code, _ = site.refuses("run-task", "SendDigest", "--data", "1")

    assert code == 2
