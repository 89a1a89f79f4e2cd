"""Tasks whose class is gone, has another name, or lies in a file that is not trusted."""

import json

import pytest

from tests.cli.program import FORUM, Program
from tests.databases import ask

RENAMED = FORUM.replace("class SendDigest", "class MailDigest").replace("class Mail(", "class Letter(")


@pytest.fixture
def renamed(site: Program) -> Program:
    """A site with history and a queue, whose classes have got other names since."""
    return rename_classes(site)


@pytest.fixture(scope="module")
def left_as_it_is(tmp_path_factory: pytest.TempPathFactory, module_database_line: str) -> Program:
    """The same, for tests that change nothing."""
    site = Program(tmp_path_factory.mktemp("renamed"), database_line=module_database_line)
    site.configure()
    site.write("forum", FORUM)
    return rename_classes(site)


def rename_classes(site: Program) -> Program:
    site.prints("run-task", "SendDigest")
    site.prints("schedule", "SendDigest", "17 4 * * *")
    for number in (1, 2, 2):
        site.prints("adhoc", "queue", "Mail", "--data", json.dumps({"to": number}), "--check-for-existing")
    site.write("forum", RENAMED)
    site.prints("list")
    return site


def hints(site: Program) -> list[str]:
    return [finding["hint"] for finding in json.loads(site.run("doctor", "--json").stdout)]


def tasks(site: Program) -> dict[str, dict[str, object]]:
    return {row["name"]: row for row in site.reads("list")}


def test_a_renamed_task_keeps_its_schedule_and_its_history(renamed: Program) -> None:
    before = tasks(renamed)["forum.SendDigest"]

    said = renamed.prints("rename", "SendDigest", "MailDigest")

    after = tasks(renamed)
    assert "forum.SendDigest is forum.MailDigest now, with 1 kept run and 0 queued.\n" == said
    assert "forum.SendDigest" not in after
    kept = ("schedule", "customised", "last_run_at", "last_outcome", "last_success_at")
    assert {key: before[key] for key in kept} == {key: after["forum.MailDigest"][key] for key in kept}
    assert "ok" == after["forum.MailDigest"]["state"]
    assert ["forum.MailDigest"] == [run["name"] for run in renamed.reads("log")]
    [change] = [row for row in renamed.reads("audit") if row["action"] == "rename"]
    assert "forum.MailDigest" == change["target"]


def test_what_is_queued_goes_along_and_is_still_queued_once(renamed: Program) -> None:
    renamed.prints("rename", "Mail", "Letter")

    renamed.prints("adhoc", "queue", "Letter", "--data", '{"to": 2}', "--check-for-existing")

    queued = [(row["name"], json.loads(row["custom_data"])["to"]) for row in renamed.reads("adhoc", "list")]
    assert [("forum.Letter", 1), ("forum.Letter", 2)] == sorted(queued)


def test_a_task_that_has_run_under_its_new_name_keeps_that_state(renamed: Program) -> None:
    renamed.prints("run-task", "MailDigest")

    renamed.prints("rename", "SendDigest", "MailDigest")

    task = tasks(renamed)["forum.MailDigest"]
    assert (True, "17 4 * * *") == (task["customised"], task["schedule"])
    assert 2 == len(renamed.reads("log", "MailDigest"))


def test_a_forgotten_task_leaves_its_kept_runs(renamed: Program) -> None:
    said = renamed.prints("forget", "forum.SendDigest", "Mail")

    assert (
        "forum.SendDigest is forgotten; its kept runs stay.\n"
        "forum.Mail is forgotten, and 2 queued with it; its kept runs stay.\n"
    ) == said
    assert "forum.SendDigest" not in tasks(renamed)
    assert [] == renamed.reads("adhoc", "list")
    assert ["forum.SendDigest"] == [run["name"] for run in renamed.reads("log")]
    assert {"forum.SendDigest", "forum.Mail"} == {
        row["target"] for row in renamed.reads("audit") if row["action"] == "forget"
    }


def test_doctor_says_what_to_type_and_then_is_content(renamed: Program) -> None:
    advice = [hint for hint in hints(renamed) if "forget" in hint]

    assert "taskrun rename forum.SendDigest forum.MailDigest, or taskrun forget forum.SendDigest" in advice
    assert any(hint.endswith("taskrun forget forum.Mail") for hint in advice)

    renamed.prints("rename", "forum.SendDigest", "forum.MailDigest")
    renamed.prints("forget", "forum.Mail")

    assert [] == [hint for hint in hints(renamed) if "forget" in hint]


@pytest.mark.parametrize(
    "command", ["enable {}", "disable {}", "show {}", "schedule {} --reset", "retry {}", "schedule {} @daily"]
)
@pytest.mark.parametrize("name", ["forum.SendDigest", "SendDigest"])
def test_every_command_says_that_a_missing_task_is_missing(
    left_as_it_is: Program, command: str, name: str
) -> None:
    code, said = left_as_it_is.refuses(*command.format(name).split())

    assert 65 == code
    assert said == (
        "taskrun: forum.SendDigest is missing: its plugin does not declare it any more\n"
        "  hint: taskrun rename forum.SendDigest forum.MailDigest, or taskrun forget forum.SendDigest\n"
    )


def test_a_declared_task_is_not_forgotten_nor_renamed(renamed: Program) -> None:
    for command in (("forget", "Broken"), ("rename", "Broken", "MailDigest")):
        code, said = renamed.refuses(*command)

        assert 1 == code
        assert "forum.Broken is declared by its plugin: it is not missing" in said


def test_nothing_is_forgotten_if_one_name_is_wrong(renamed: Program) -> None:
    code, _ = renamed.refuses("forget", "forum.SendDigest", "forum.Nowhere")

    assert 65 == code
    assert "forum.SendDigest" in tasks(renamed)


def test_a_plugin_that_others_can_write_is_named_as_that_everywhere(site: Program) -> None:
    site.prints("list")
    site.prints("adhoc", "queue", "Mail")
    path = site.root / "plugins" / "forum.py"
    path.chmod(0o666)
    reason = f"{path}: is writable by group or others (chmod go-w)"

    assert f"missing: {reason}" == tasks(site)["forum.SendDigest"]["blocked"]
    for command in ("show", "enable", "disable", "run-task", "forget"):
        code, said = site.refuses(command, "forum.SendDigest")
        assert reason in said, command
    assert reason in site.refuses("adhoc", "queue", "forum.Mail")[1]
    assert reason in site.run("why", "SendDigest").stdout
    assert reason in site.run("doctor").stdout
    assert not [hint for hint in hints(site) if "forget" in hint]


FORMER = """\
class MailDigest(ScheduledTask):
    schedule = Every(hours=1)
    former_names = ("SendDigest", "older.Digest")

    def execute(self):
        mtrace("to Ada")


class Letter(AdhocTask):
    former_names = ("Mail",)

    def execute(self):
        mtrace(self.custom_data)
"""


@pytest.fixture
def to_rename(site: Program) -> Program:
    site.prints("run-task", "SendDigest")
    site.prints("schedule", "SendDigest", "17 4 * * *")
    site.prints("adhoc", "queue", "Mail", "--data", "1", "--check-for-existing", "--in", "1d")
    return site


def test_former_names_carry_everything_over(to_rename: Program) -> None:
    before = tasks(to_rename)["forum.SendDigest"]
    to_rename.write("forum", FORMER)

    after = tasks(to_rename)

    assert "forum.SendDigest" not in after
    kept = ("schedule", "customised", "last_run_at", "last_outcome", "next_run_at")
    assert {key: before[key] for key in kept} == {key: after["forum.MailDigest"][key] for key in kept}
    assert ["forum.MailDigest"] == [run["name"] for run in to_rename.reads("log")]
    assert ["forum.Letter"] == [row["name"] for row in to_rename.reads("adhoc", "list")]
    to_rename.prints("adhoc", "queue", "Letter", "--data", "1", "--check-for-existing", "--in", "1d")
    assert 1 == len(to_rename.reads("adhoc", "list"))


def test_what_runs_under_its_former_name_is_carried_over_when_it_has_ended(
    to_rename: Program, database_url: str
) -> None:
    ask(
        database_url,
        "update task_scheduled set run_id = 'R', runner_id = 'X', hostname = 'elsewhere', pid = 1,"
        " started_at = 5 where name = 'forum.SendDigest'",
    )
    to_rename.write("forum", FORMER)
    assert "forum.SendDigest" in tasks(to_rename)

    ask(database_url, "update task_scheduled set run_id = null, runner_id = null")

    assert "forum.SendDigest" not in tasks(to_rename)
    assert tasks(to_rename)["forum.MailDigest"]["customised"]


def test_a_former_name_that_is_no_name_is_found(site: Program) -> None:
    site.write("forum", FORMER.replace('("Mail",)', '"Mail"'))

    assert "former_names must be a tuple of names" in site.run("doctor").stdout
