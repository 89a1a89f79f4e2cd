"""What is changed in the browser: done once, as on the command line, told, refused, or overtaken."""

import json
import os
import socket
from collections.abc import Callable

import pytest

from taskrunner.administration import tasks
from taskrunner.administration.audit import Who
from taskrunner.records import ClaimInfo
from tests.databases import ON_POSTGRES
from tests.runner.runner_site import RunnerSite, adhoc, scheduled
from tests.web.admin_site import AdminSite, Page, hidden_fields, read

BOB = Who("bob", 1001)
PLUGINS = {
    "forum": [
        scheduled("Digest", "raise OSError('no network')"),
        scheduled("Fixed"),
        adhoc("Mail", "raise OSError('no network')"),
        adhoc("Copy"),
    ]
}
CONFIG = '[tasks."forum.Fixed"]\nschedule = "5 4 * * *"\ndisabled = false\n'


@pytest.fixture
def admin(make_site: Callable[..., RunnerSite]) -> AdminSite:
    return AdminSite(make_site(plugins=PLUGINS, config=CONFIG))


def trail(admin: AdminSite) -> list[tuple[str, str, str]]:
    with admin.site.opened() as opened:
        rows = opened.store.audit.list(since=0.0, limit=50)
    return [(row.login, row.action, row.target) for row in rows]


def seen_in(page: Page, name: str = "forum.Digest") -> str:
    return hidden_fields(page, f"/task/{name}")["seen"]


def test_a_schedule_is_previewed_before_it_is_saved_and_both_show_the_next_runs(admin: AdminSite) -> None:
    preview = admin.page("/task/forum.Digest", schedule="17 3 * * *")
    before = admin.site.row("forum.Digest").schedule
    saved = read(
        admin.done("/task/forum.Digest/schedule", do="save", schedule="17 3 * * *", seen=seen_in(preview))
    )

    assert (
        "17 3 * * *: at 03:17 every day, in UTC. The next 5 runs would be: 01-05 03:17, in 15 h"
        in preview.text
    )
    assert "Nothing is saved yet." in preview.text and "* * * * *" == before
    assert "The schedule of forum.Digest has been changed." in saved.text
    assert "In force 17 3 * * * (UTC): at 03:17 every day" in saved.text
    assert "17 3 * * *" == admin.site.row("forum.Digest").own_schedule
    assert [("web:ann", "schedule", "forum.Digest")] == trail(admin)


def test_a_task_gets_back_what_its_plugin_declares(admin: AdminSite) -> None:
    page = admin.page("/task/forum.Digest")
    admin.done("/task/forum.Digest/schedule", do="save", schedule="@daily", seen=seen_in(page))
    seen = seen_in(admin.page("/task/forum.Digest"))
    after = read(admin.done("/task/forum.Digest/schedule", do="reset", schedule="@daily", seen=seen))

    assert "has the schedule again that its plugin declares" in after.text
    assert None is admin.site.row("forum.Digest").own_schedule


@pytest.mark.parametrize("sent", ["preview", "save"])
def test_a_wrong_schedule_comes_back_with_what_is_wrong_tied_to_its_field(
    admin: AdminSite, sent: str
) -> None:
    if sent == "preview":
        answer = admin.get("/task/forum.Digest", schedule="99 3 * * *")
    else:
        answer = admin.post("/task/forum.Digest/schedule", do="save", schedule="99 3 * * *")
    page = read(answer)
    [field] = page.all("input", name="schedule")

    assert (422, "99 3 * * *", "true", []) == (
        answer.status, field["value"], field["aria-invalid"], page.faults
    )  # fmt: skip
    assert "schedule-error" in field["aria-describedby"]
    assert "minute" in page.text and [] == trail(admin)


def test_what_the_configuration_decides_is_not_offered_and_is_refused(admin: AdminSite) -> None:
    page = admin.page("/task/forum.Fixed")
    refused = admin.post("/task/forum.Fixed/schedule", do="save", schedule="@daily", seen=seen_of(admin))

    assert [] == page.all("input", name="schedule")
    assert "Decided by taskrunner.toml line" in page.text
    assert 422 == refused.status and "decides the schedule of forum.Fixed" in refused.text
    assert 422 == admin.post("/task/forum.Fixed/disable").status


def seen_of(admin: AdminSite, name: str = "forum.Fixed") -> str:
    return tasks.version_of(admin.site.row(name))


@pytest.mark.parametrize("what", ["schedule", "disable"])
def test_the_second_of_two_is_told_what_changed_meanwhile(admin: AdminSite, what: str) -> None:
    seen = seen_in(admin.page("/task/forum.Digest"))
    with admin.site.opened() as opened:
        tasks.schedule(opened, "forum.Digest", "@hourly", who=BOB, now=admin.site.clock())
    form = {"do": "save", "schedule": "@daily"} if what == "schedule" else {"reason": "old"}
    answer = admin.post(f"/task/forum.Digest/{what}", **form, seen=seen)
    page = read(answer)

    assert 409 == answer.status
    assert "Nothing was saved: forum.Digest was changed meanwhile by bob at 12:00." in page.text
    assert "schedule: * * * * * → 0 * * * *" in page.text
    row = admin.site.row("forum.Digest")
    assert ("0 * * * *", 0) == (row.schedule, row.disabled)
    if what == "schedule":
        assert "@daily" == page.value("schedule")
        admin.done("/task/forum.Digest/schedule", **form, seen=seen_in(page))
        assert "0 0 * * *" == admin.site.row("forum.Digest").schedule


def test_a_task_is_disabled_for_a_reason_that_why_tells_and_enabled_again(admin: AdminSite) -> None:
    disabled = read(admin.done("/task/forum.Digest/disable", reason="old <CRM>"))
    enabled = read(admin.done("/task/forum.Digest/enable"))

    assert "forum.Digest is disabled: nothing starts it." in disabled.text
    assert "by web:ann: old <CRM>" in disabled.text
    assert "forum.Digest is enabled." in enabled.text
    assert ["enable", "disable"] == [action for _, action, _ in trail(admin)]


def test_a_fail_delay_is_cleared_from_the_list(admin: AdminSite) -> None:
    admin.site.cron(after=60)
    assert "Clear delay" in admin.page("/").text

    after = read(admin.done("/task/forum.Digest/retry", back="/"))

    assert "forum.Digest is due now: the next cron runs it." in after.text
    assert 0.0 == admin.site.waits("forum.Digest")


def test_a_task_is_paused_until_a_time_and_resumed(admin: AdminSite) -> None:
    paused = read(admin.done("/pause", name="forum.Digest", back="/", until="1h", reason="new disk"))
    wrong = admin.post("/pause", name="forum.Digest", until="soonish", reason="new disk")
    resumed = read(admin.done("/resume", name="forum.Digest", back="/task/forum.Digest"))

    assert "forum.Digest is paused until 13:00: new disk, web:ann." in paused.text
    assert 422 == wrong.status
    page = read(wrong)
    assert ("soonish", []) == (page.value("until"), page.faults)
    assert "'soonish' cannot be read as a time" in page.text
    assert "The next cron starts forum.Digest again." in resumed.text


def test_all_of_cron_is_paused_and_resumed(admin: AdminSite) -> None:
    paused = read(admin.done("/pause", name="*", until="", reason="move"))
    wrong = admin.post("/pause", name="*", until="yesterday")
    resumed = read(admin.done("/resume", name="*", back="/log"))

    assert "Cron is paused since 12:00: move, web:ann." in paused.text
    assert 422 == wrong.status and "yesterday is in the past" in wrong.text
    assert "The next cron starts tasks again." in resumed.text


def test_failures_are_muted_and_unmuted(admin: AdminSite) -> None:
    muted = read(admin.done("/mute", name="forum.Digest", until="monday", reason="known"))
    unmuted = read(admin.done("/unmute", name="forum.Digest"))

    assert "Failures of forum.Digest are muted." in muted.text
    assert "Failures of forum.Digest are no longer muted." in unmuted.text


def test_a_sentence_of_what_was_done_names_only_tasks_that_there_are(admin: AdminSite) -> None:
    text = admin.page("/", done="disabled", name="all.of.it at evil.example").text

    assert "evil" not in text
    assert "is disabled" not in admin.page("/", done="disabled", name="forum.Nope").text


def test_runners_are_asked_to_stop(admin: AdminSite) -> None:
    assert "Every runner leaves after its current task." in read(admin.done("/running/stop")).text
    assert [("web:ann", "stop", "all runners")] == trail(admin)


def test_run_now_is_there_only_where_the_configuration_allows_it(admin: AdminSite) -> None:
    answer = admin.post("/task/forum.Digest/run")

    assert "Run now" not in admin.page("/task/forum.Digest").text
    assert 422 == answer.status and "[web] run_now does not allow" in answer.text


def test_run_now_starts_the_program_and_leaves_a_row(make_site: Callable[..., RunnerSite]) -> None:
    site = make_site(plugins=PLUGINS, config="")
    started = site.root / "started"
    site.configure(f"[web]\nrun_now = true\ncommand = ['/bin/sh', '-c', 'echo \"$0 $@\" > {started}']\n")
    admin = AdminSite(site)
    admin.done("/task/forum.Digest/run")
    from tests.patience import until

    until(lambda: started.exists() and started.read_text(), "it has started")
    assert f"--config {site.root}/taskrunner.toml run-task forum.Digest\n" == started.read_text()
    assert [("web:ann", "run now", "forum.Digest")] == trail(admin)


def test_a_task_that_is_off_is_not_started(make_site: Callable[..., RunnerSite]) -> None:
    """It would refuse to run in its own process, where nobody reads why."""
    admin = AdminSite(make_site(plugins=PLUGINS, config="[web]\nrun_now = true\n"))
    admin.done("/task/forum.Digest/disable")
    answer = admin.post("/task/forum.Digest/run")

    assert 422 == answer.status
    assert "forum.Digest is not run: disabled" in answer.text


def failing_queue(admin: AdminSite) -> list[int]:
    ids = [admin.site.queue("forum.Mail", str(number)) for number in range(3)]
    admin.site.cron(after=60)
    admin.site.queue("forum.Copy")
    return ids


def confirmed(admin: AdminSite, **asked: str) -> tuple[Page, dict[str, str]]:
    page = admin.page("/queue-change", **asked)
    assert [] == page.faults
    return page, hidden_fields(page, "/queue-change")


def test_all_that_failed_is_retried_after_a_question_with_the_count(admin: AdminSite) -> None:
    failing_queue(admin)
    page, fields = confirmed(admin, do="retry", which="failed")
    after = read(admin.done("/queue-change", **fields))

    for path in ("/changes", "/changes.csv", "/changes.json"):
        assert "custom_data" not in admin.get(path).text
    assert "Make due now: 3 tasks?" in page.text and "forum.Mail 1: OSError: no network" in page.text
    assert "Due now: 3 tasks." in after.text
    assert [0.0] * 3 == [row.next_run_at - admin.site.clock() for row in admin.site.adhoc() if row.failures]


def test_chosen_tasks_are_postponed(admin: AdminSite) -> None:
    ids = failing_queue(admin)
    asked = {
        "do": "postpone",
        "which": "ids",
        "task": "forum.Mail",
        f"id.{ids[0]}": "on",
        f"id.{ids[2]}": "on",
    }
    page, fields = confirmed(admin, **asked)
    wrong = admin.post("/queue-change", **fields, until="never")
    after = read(admin.done("/queue-change", **fields, until="2h"))

    assert "Postpone: 2 tasks of forum.Mail?" in page.text
    assert 422 == wrong.status and "never" == read(wrong).value("until")
    assert "Postponed: 2 tasks." in after.text
    moved = {row.id for row in admin.site.adhoc() if row.next_run_at == admin.site.clock() + 7200}
    assert {ids[0], ids[2]} == moved


def test_a_class_is_deleted_but_for_what_runs(admin: AdminSite) -> None:
    ids = failing_queue(admin)
    with admin.site.opened() as opened:
        claim = ClaimInfo("R1", "RUN1", admin.site.clock(), opened.hostname, os.getpid())
        opened.store.adhoc.claim_id(ids[0], claim)
    page, fields = confirmed(admin, do="delete", which="all", task="forum.Mail")
    admin.done("/queue-change", **fields)

    assert "Delete: 2 tasks of forum.Mail?" in page.text and "gone for good" in page.text
    assert {ids[0]} == {row.id for row in admin.site.adhoc() if row.name == "forum.Mail"}


def test_a_question_is_asked_again_if_there_are_more_tasks_by_now(admin: AdminSite) -> None:
    failing_queue(admin)
    _, fields = confirmed(admin, do="delete", which="all", task="forum.Copy")
    admin.site.queue("forum.Copy", "2")
    answer = admin.post("/queue-change", **fields)
    page = read(answer)

    assert (409, []) == (answer.status, page.faults)
    assert "it was for 1 when you were asked, and there are 2 now" in page.text
    assert 2 == len([row for row in admin.site.adhoc() if row.name == "forum.Copy"])
    admin.done("/queue-change", **hidden_fields(page, "/queue-change"))
    assert [] == [row for row in admin.site.adhoc() if row.name == "forum.Copy"]


def test_nothing_chosen_changes_nothing(admin: AdminSite) -> None:
    failing_queue(admin)

    assert "Choose a task first." in admin.page("/queue-change", do="delete", which="ids").text
    assert 303 == admin.get("/queue-change", do="burn", which="all").status


def running_elsewhere(admin: AdminSite, hostname: str) -> str:
    """Let a host run a task, as its claim writes it down."""
    with admin.site.opened() as opened:
        store, now = opened.store, admin.site.clock()
        store.runners.add(
            "R1",
            hostname=hostname,
            pid=os.getpid(),
            started_at=now,
            command="cron",
            log_file="/log/other.log",
        )
        store.scheduled.claim_named("forum.Digest", ClaimInfo("R1", "RUN1", now, hostname, os.getpid()))
        store.runners.progress("R1", "RUN1", now=now, done=61, total=100, text="<courses>")
    return "RUN1"


@ON_POSTGRES
def test_a_run_of_another_host_is_shown_and_its_kill_refused_with_where_to_go(admin: AdminSite) -> None:
    run = running_elsewhere(admin, "web2")
    listed, page = admin.page("/running"), admin.page(f"/running/{run}")
    killed, output = admin.post(f"/running/{run}/kill"), admin.get(f"/running/{run}/output.txt")

    assert "61/100 <courses>" in listed.text and "web2, pid" in listed.text
    assert "It runs on web2, and can be killed there only: ssh web2 taskrun kill RUN1" in page.text
    assert (409, []) == (killed.status, read(killed).faults)
    assert "runs on web2, pid" in killed.text and "ssh web2 taskrun kill RUN1" in killed.text
    assert 409 == output.status and "ssh web2 taskrun log follow RUN1" in output.text
    assert "RUN1" == admin.site.row("forum.Digest").run_id


def test_a_run_here_is_killed_after_a_question(admin: AdminSite) -> None:
    """Its process has died before: a living one is killed in the tests of `taskrun kill`."""
    run = running_elsewhere(admin, socket.gethostname())
    with admin.site.opened() as opened:
        lock = opened.locks.acquire("runner-R1")
        assert lock is not None
        lock.release()
    question = admin.page(f"/running/{run}/kill")
    after = read(admin.done(f"/running/{run}/kill"))

    assert "Kill forum.Digest?" in question.text and "recorded as crashed" in question.text
    assert "The run has been ended." in after.text and "forum.Digest: crashed" in after.text
    assert 303 == admin.get(f"/running/{run}").status
    assert [("web:ann", "kill", "forum.Digest")] == trail(admin)


def test_changes_are_listed_with_who_and_what_and_can_be_those_of_one_task(admin: AdminSite) -> None:
    admin.done("/task/forum.Digest/disable", reason="old")
    admin.done("/running/stop")
    page, of_one = admin.page("/changes"), admin.page("/changes", of="forum.Digest")

    assert "web:ann stop all runners" in page.text
    assert "disabled: no → yes reason: old" in of_one.text and "all runners" not in of_one.text
    assert ["stop", "disable"] == [row["action"] for row in json.loads(admin.get("/changes.json").body)]
