"""status: how a site stands, on one screen."""

import re

import pytest

from taskrunner.cli.render import width_of


def test_a_site_where_all_is_well_says_so_in_few_lines(site):
    site.prints("cron", "--quiet")
    site.prints("disable", "Broken")
    site.prints("cron", "--quiet")

    shown = site.prints("status")

    assert re.match(
        rf"{site.root.name}  on \S+   last cron \d\d:\d\d, .*slots 0/3 scheduled, 0/3 adhoc\n", shown
    )
    assert not re.search("FAILING|BROKEN|RUNNING|PAUSED|Next:", shown)
    assert "\nNEXT\n" in shown
    assert "QUEUE empty\n" in shown


def test_what_fails_is_broken_or_waits_is_named_with_what_to_type(site):
    site.prints("retry", "Broken")
    site.prints("cron")
    site.write("bad", "import nothing_of_this_name\n")
    site.prints("adhoc", "queue", "Mail")
    site.prints("pause", "--reason", "catalogue migration")

    shown = site.prints("status")

    assert re.search(r"^PAUSED  everything  since \d\d:\d\d \(catalogue migration, \w+\)$", shown, re.M)
    assert re.search(
        r"^FAILING 1\n  forum\.Broken +since \d\d:\d\d, once +ValueError: disk is full$", shown, re.M
    )
    assert re.search(r"^BROKEN 1\n  .*bad\.py:\d+: .*nothing_of_this_name", shown, re.M)
    assert re.search(r"^QUEUE 1 due, 0 later   oldest .* \(forum\.Mail\)$", shown, re.M)
    assert "Next: taskrun resume · taskrun why forum.Broken · taskrun log show forum.Broken" in shown


def test_the_same_is_read_by_programs(site):
    site.prints("retry", "Broken")
    site.prints("cron")
    site.prints("adhoc", "queue", "Mail")

    [status] = site.reads("status")

    assert ["forum.Broken"] == [row["name"] for row in status["failing"]]
    assert "ValueError: disk is full" == status["failing"][0]["last_message"]
    assert [("forum.Mail", 1)] == [(row["name"], row["due"]) for row in status["queue"]]
    assert {"taken": 0, "limit": 3} == status["scheduled_slots"]
    assert ([], [], []) == (status["paused"], status["running"], status["broken"])


@pytest.mark.parametrize("columns", [40, 80, 100, 120, 200])
def test_no_line_is_longer_than_the_terminal(site, columns):
    site.write("many", "".join(MANY.format(number=number) for number in range(10)))
    site.prints("disable", "Broken")
    site.prints("retry", "many.*")
    site.prints("cron")

    seen = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", site.shows("status", columns=columns))

    assert [] == [line for line in seen.splitlines() if width_of(line) > columns]
    assert "FAILING 10" in seen
    assert "  and 2 more\n" in seen


NAME = "AnnounceEverythingThatIsNewToAllWhoHaveSubscribedToIt{number}"
MANY = f"""
class {NAME}(ScheduledTask):
    schedule = Every(hours=1)

    def execute(self):
        raise ValueError("customer " * 30 + "\\nand more")

"""
