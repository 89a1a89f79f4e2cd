"""plan: what runs when, in the coming days."""

import re

from tests.databases import ON_SQLITE

NIGHTLY = """
class Backup(ScheduledTask):
    schedule = "0 3 * * *"

    def execute(self):
        pass


class Report(ScheduledTask):
    schedule = "0 3 * * *"

    def execute(self):
        pass
"""


@ON_SQLITE
def test_the_coming_days_are_shown_and_some_tasks_only(site):
    site.write("night", NIGHTLY)
    site.prints("list")

    shown = site.run("plan", "--days", "2")

    assert re.search(r"^WHEN +TASK +USUALLY +OFTEN +AT ONCE +WAITS\n", shown.stdout)
    assert 2 == len(re.findall(r"(?m)^\w{3} \w{3} [ \d]\d 03:00  night\.Backup +\? +[23]", shown.stdout))
    assert re.search(r"forum\.SendDigest +\? +24 a day", shown.stdout)
    assert "1 task has no start in this time: taskrun list\n" in shown.stderr  # forum.Quiet
    assert {"night.Backup"} == {row["name"] for row in site.reads("plan", "Backup")}
    assert 2 == len(site.reads("plan", "night.*", "--days", "1"))


@ON_SQLITE
def test_clashes_are_told_with_the_names_of_their_tasks(site):
    site.write("night", NIGHTLY)
    site.prints("cron", "--quiet")

    clashes = site.reads("plan", "--clashes", "--days", "5")

    assert [(["night.Backup", "night.Report"], 5)] == [
        (clash["names"], clash["times"]) for clash in clashes if "night.Backup" in clash["names"]
    ]
    assert site.prints("plan", "--clashes").startswith("FIRST ")


@ON_SQLITE
def test_a_number_of_days_that_cannot_be_counted_is_refused(site):
    code, complaint = site.refuses("plan", "--days", "4000")

    assert (2, True) == (code, "4000 is too many; the most is 400" in complaint)
