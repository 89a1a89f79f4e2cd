"""Some tasks are paused, and known failures muted, by name or pattern, until a moment or for good."""

import json
import re

import pytest


def state(site, name):
    [row] = [row for row in site.reads("list") if row["name"] == name]
    return row["state"]


def fail_delay(site):
    checks = json.loads(site.run("check", "--json").stdout)
    return next(check for check in checks if check["check"] == "fail delay")


def due(site, *names):
    for name in names:
        site.prints("retry", name)


def ran(site):
    return {row["name"] for row in site.reads("log")}


def test_a_paused_task_does_not_run_until_it_is_resumed(site):
    due(site, "SendDigest", "Broken")
    site.prints("pause", "SendDigest", "--reason", "catalogue migration")

    site.prints("cron")
    assert {"forum.Broken"} == {name for name in ran(site) if name.startswith("forum.")}
    assert "paused" == state(site, "forum.SendDigest")

    site.prints("resume", "SendDigest")
    site.prints("cron")
    assert "forum.SendDigest" in ran(site)


def test_an_adhoc_class_is_paused(site):
    site.prints("adhoc", "queue", "Mail")
    site.prints("pause", "Mail")

    site.prints("cron")
    assert "forum.Mail" not in ran(site)
    assert ["paused"] == [row["state"] for row in site.reads("adhoc", "summary")]

    site.prints("resume", "Mail")
    site.prints("cron")
    assert "forum.Mail" in ran(site)


def test_a_pattern_pauses_all_it_matches_and_is_resumed_as_such(site):
    due(site, "SendDigest", "Broken")
    site.prints("adhoc", "queue", "Mail")
    site.prints("pause", "forum.*", "--for", "1h")

    site.prints("cron")

    assert set() == {name for name in ran(site) if name.startswith("forum.")}
    assert re.fullmatch(r"paused until .*\d\d:\d\d", state(site, "forum.Broken"))
    code, told = site.refuses("resume", "Broken")
    assert 1 == code
    assert "forum.Broken is not paused by this name, but with forum.*" in told
    site.prints("resume", "forum.*")
    site.prints("cron")
    assert {"forum.SendDigest", "forum.Broken", "forum.Mail"} <= ran(site)


@pytest.mark.parametrize("names", [[], ["SendDigest"]])
def test_a_pause_ends_by_itself(site, names):
    due(site, "SendDigest")
    site.prints("pause", *names, "--for", "0.01s")

    site.prints("cron")

    assert "forum.SendDigest" in ran(site)
    assert "paused" not in site.run("list").stderr


def test_a_pause_of_everything_leaves_those_of_tasks(site):
    site.prints("pause", "SendDigest")
    site.prints("pause")

    done = site.run("resume")

    assert "The next cron starts tasks again.\n" == done.stdout
    assert "Still paused: forum.SendDigest.\n" == done.stderr
    assert "paused" == state(site, "forum.SendDigest")


def test_why_and_status_name_the_pause(site):
    site.prints("pause", "forum.*", "--until", "tomorrow", "--reason", "migration")

    [gate] = [row for row in site.reads("why", "SendDigest") if row["gate"] == "paused"]
    assert (False, "taskrun resume 'forum.*'") == (gate["open"], gate["hint"])
    assert re.search(r"forum\.\* as a whole is paused until .*, since .*, by .*: migration", gate["message"])
    assert re.search(r"^PAUSED  forum\.\*  until .* \(migration, \w+\)$", site.prints("status"), re.M)
    assert ["forum.*"] == [one["pattern"] for one in site.reads("status")[0]["paused"]]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["pause", "--until", "2020-01-01"], "is in the past"),
        (["pause", "--for", "1h", "--until", "monday"], "not both"),
        (["pause", "--until", "whenever"], "cannot be read as a time"),
        (["mute", "Broken", "--until", "2020-01-01"], "is in the past"),
    ],
)
def test_an_end_that_cannot_be_is_a_usage_error(site, words, said):
    code, told = site.refuses(*words)

    assert (2, True) == (code, said in told)


@pytest.mark.parametrize("command", ["pause", "mute"])
def test_an_unknown_name_is_refused(site, command):
    assert "did you mean" in site.refuses(command, "forum.Brokn")[1]
    assert "no task has a name like shop.*" in site.refuses(command, "shop.*")[1]
    assert "is not" in site.refuses({"pause": "resume", "mute": "unmute"}[command], "Broken")[1]


def test_a_pause_is_in_the_trail_with_iso_times(site):
    site.prints("pause", "forum.*", "--for", "1h", "--reason", "migration")
    site.prints("resume", "forum.*")

    shown = site.prints("audit")

    assert ["resume", "pause"] == [row["action"] for row in site.reads("audit")]
    assert re.search(r"until_at: - -> \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", shown)


def test_a_muted_failure_is_heard_of_neither_by_check_nor_by_the_command(site):
    site.configure(f"[notify]\ncommand = ['/bin/sh', '-c', 'cat >> {site.root}/told']")
    site.prints("mute", "Broken", "--until", "monday", "--note", "known")

    due(site, "Broken")
    site.prints("cron")

    [finding] = [
        row for row in json.loads(site.run("check", "--json").stdout) if row["check"] == "fail delay"
    ]
    assert ("ok", "no task is failing") == (finding["level"], finding["message"])
    assert not (site.root / "told").exists()
    assert state(site, "forum.Broken").endswith(", muted")
    assert re.search(r"^MUTED  forum\.Broken  until .*\(known, \w+\)$", site.prints("status"), re.M)
    site.prints("unmute", "Broken")
    [finding] = [
        row for row in json.loads(site.run("check", "--json").stdout) if row["check"] == "fail delay"
    ]
    assert "1 failing" in finding["message"]
