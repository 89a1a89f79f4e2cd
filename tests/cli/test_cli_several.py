"""Several tasks are changed at once: by names, by patterns, by whether they fail."""

import pytest

MANY = "".join(
    f"""
class Task{number:02}(ScheduledTask):
    schedule = Every(hours=1)

    def execute(self):
        raise ValueError("no")

"""
    for number in range(12)
)


def disabled(site):
    return {row["name"] for row in site.reads("list", "--disabled")}


def test_several_names_are_disabled_and_enabled(site):
    site.prints("disable", "SendDigest", "forum.Broken")
    assert {"forum.SendDigest", "forum.Broken", "forum.Quiet"} == disabled(site)

    shown = site.prints("enable", "SendDigest", "Broken", "Quiet")

    assert set() == disabled(site)
    assert shown.endswith("3 tasks enabled.\n")


def test_a_pattern_stands_for_all_it_matches(site):
    site.prints("disable", "forum.*")

    assert {"forum.SendDigest", "forum.Broken", "forum.Quiet"} == disabled(site)
    assert "no scheduled task has a name like shop.*" in site.refuses("disable", "shop.*")[1]


def test_what_fails_is_retried_with_one_command(site):
    site.prints("retry", "Broken", "SendDigest")
    site.prints("cron")

    assert "forum.Broken is due now.\n" == site.prints("retry", "--failing")

    [row] = [row for row in site.reads("list", "--due") if row["name"].startswith("forum.")]
    assert ("forum.Broken", 0) == (row["name"], row["fail_delay"])


def test_more_than_ten_are_asked_about(site):
    site.write("many", MANY)

    code, told = site.refuses("disable", "many.*")

    assert (2, True) == (code, "this is for 12 tasks; confirm it with --yes" in told)
    assert {"forum.Quiet"} == disabled(site)
    site.prints("disable", "many.*", "--yes")
    assert 13 == len(disabled(site))
    assert "Change 12 tasks?" in site.shows("enable", "many.*", typed="n\n")
    assert 13 == len(disabled(site))
    site.shows("enable", "many.*", typed="y\n")
    assert {"forum.Quiet"} == disabled(site)


@pytest.mark.parametrize("command", ["enable", "disable", "retry"])
def test_no_name_is_a_usage_error(site, command):
    code, told = site.refuses(command)

    assert (2, True) == (code, "name a task" in told)


def test_what_the_configuration_decides_is_told_and_the_rest_is_changed(site):
    site.configure('[tasks."forum.Broken"]\ndisabled = false')

    code, told = site.refuses("disable", "forum.*")

    assert 1 == code
    assert "taskrun: forum.Broken: taskrunner.toml line " in told
    assert {"forum.SendDigest", "forum.Quiet"} == disabled(site)
