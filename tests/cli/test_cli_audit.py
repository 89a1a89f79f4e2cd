"""taskrun audit: who changed what."""

import os
import pwd
from collections.abc import Callable

import pytest

from tests.cli.program import FORUM, Program


@pytest.fixture
def site(make: Callable[[], Program]) -> Program:
    return make()


@pytest.fixture
def make(tmp_path) -> Callable[[], Program]:
    def make() -> Program:
        program = Program(tmp_path)
        program.configure()
        program.write("forum", FORUM)
        return program

    return make


def changes(site: Program) -> list[tuple[str, str, dict, dict]]:
    """Return (action, target, before, after) of what was done, oldest first."""
    rows = reversed(site.reads("audit"))
    return [(row["action"], row["target"], row["before"], row["after"]) for row in rows]


def changed(before: dict, after: dict) -> dict:
    """Return what differs, as (before, after); moments aside."""
    keys = [key for key in after if before.get(key) != after[key] and not key.endswith("_at")]
    return {key: (before.get(key), after[key]) for key in keys}


def test_each_change_of_a_scheduled_task_leaves_a_row(site: Program) -> None:
    site.prints("schedule", "SendDigest", "17 4 * * *")
    site.prints("disable", "SendDigest")
    site.prints("enable", "SendDigest")
    site.prints("schedule", "SendDigest", "--reset")
    site.prints("retry", "SendDigest")

    found = [(action, target, changed(before, after)) for action, target, before, after in changes(site)]
    assert [
        (
            "schedule",
            "forum.SendDigest",
            {"schedule": ("every 1h", "17 4 * * *"), "customised": (False, True)},
        ),
        ("disable", "forum.SendDigest", {"disabled": (False, True)}),
        ("enable", "forum.SendDigest", {"disabled": (True, False)}),
        (
            "schedule --reset",
            "forum.SendDigest",
            {"schedule": ("17 4 * * *", "every 1h"), "customised": (True, False)},
        ),
        ("retry", "forum.SendDigest", {}),
    ] == found


def test_each_change_of_the_queue_leaves_a_row_with_what_is_gone(site: Program) -> None:
    site.prints("adhoc", "queue", "Mail", "--data", '{"to": "Ada"}', "--in", "1h")
    site.prints("adhoc", "retry", "1")
    site.prints("adhoc", "cancel", "1")

    (retry, first, _, retried), (cancel, second, before, after) = changes(site)
    assert ("adhoc retry", "1", "adhoc cancel", "1") == (retry, first, cancel, second)
    assert before == retried
    assert ("forum.Mail", '{"to":"Ada"}', {}) == (before["name"], before["custom_data"], after)


def test_pauses_and_stops_leave_a_row(site: Program) -> None:
    site.prints("pause", "--reason", "backup")
    site.prints("resume")
    site.prints("stop")

    paused = {"paused": True, "reason": "backup"}
    assert [
        ("pause", "cron", {"paused": False, "reason": None}, paused),
        ("resume", "cron", paused, {"paused": False, "reason": None}),
        ("stop", "all runners", {}, {}),
    ] == changes(site)


def test_who_did_it_is_told_also_behind_sudo(site: Program) -> None:
    site.environ["SUDO_USER"] = "ada"

    site.prints("pause")

    [row] = site.reads("audit")
    assert f"{pwd.getpwuid(os.getuid()).pw_name} (ada)" == row["login"]
    assert os.getuid() == row["uid"]
    assert row["done_at"].endswith("+00:00")


def test_what_was_refused_leaves_no_row(site: Program) -> None:
    site.run("adhoc", "cancel", "99")
    site.run("schedule", "SendDigest", "nonsense")

    assert [] == changes(site)


def test_people_are_shown_the_change_in_one_line(site: Program) -> None:
    site.prints("disable", "SendDigest")

    printed = site.prints("audit").splitlines()[1]

    assert "forum.SendDigest" in printed
    assert "disabled: False -> True; customised: False -> True" in printed
    assert "nobody has changed anything" in site.run("audit", "--since", "2099-01-01").stderr
