"""Attacks on the pages of the administration, by what is in the database and by what is sent to them."""

import csv
import io
import json
import os
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from taskrunner.administration import tasks
from taskrunner.administration.audit import Who
from taskrunner.db.postgres.tables import Roles, grants
from taskrunner.records import ClaimInfo
from taskrunner.web.admin import ROUTES
from tests.databases import ON_POSTGRES
from tests.runner.runner_site import RunnerSite, adhoc, scheduled
from tests.web.admin_site import AdminSite, hidden_fields, read
from tests.web.asking import OWN, answer_of, ask, environment

MARK = "<script>alert(1)</script>"
HOSTILE = (
    f"\"'><img src=x onerror=alert(1)>{MARK}</title></style></pre></textarea>&lt;\x1b[2J\x07\u202e{{name}}"
)
FORMULAS = ("=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1+1", "\uff0b1")
PLUGINS = {
    "forum": [
        scheduled("Digest", f"print({HOSTILE!r}); raise OSError({HOSTILE!r})"),
        scheduled("Quiet"),
        adhoc("Mail", f"print({HOSTILE!r}); raise OSError({HOSTILE!r})"),
    ]
}


@pytest.fixture
def admin(make_site: Callable[..., RunnerSite]) -> AdminSite:
    return AdminSite(make_site(plugins=PLUGINS, config="[web]\nshow_custom_data = true\n"))


@pytest.fixture
def used(admin: AdminSite) -> AdminSite:
    """The same after a minute: its tasks have failed and are due again."""
    admin.site.queue("forum.Mail", json.dumps({"to": HOSTILE}))
    admin.site.cron()
    admin.site.cron(after=60)
    return admin


def put_in(admin: AdminSite, table: str, column: str, value: str) -> None:
    """Write a text into a column as somebody with another program could."""
    quoted = value.replace("'", "''")
    admin.site.elsewhere(f"update {table} set {column} = '{quoted}'")


def content_of(admin: AdminSite) -> dict[str, list[tuple[Any, ...]]]:
    """Return all that an administrator can change."""
    names = ("task_scheduled", "task_adhoc", "task_setting", "task_audit", "task_runner", "task_log")
    return {name: sorted(admin.site.elsewhere(f"select * from {name}"), key=repr) for name in names}


def addresses(admin: AdminSite) -> list[str]:
    """Return an address of every page that shows something, of tasks and runs that there are."""
    [(run_id,), *_] = admin.site.elsewhere("select run_id from task_log where name = 'forum.Digest'")
    [(queued,), *_] = admin.site.elsewhere("select id from task_adhoc")
    names = [name for (name,) in admin.site.elsewhere("select name from task_adhoc")]
    return [
        "/", "/tasks.csv", "/tasks.json", "/task/forum.Digest", "/task/forum.Mail", "/task/forum.Quiet",
        "/log", "/log.csv", "/log.json", f"/run/{run_id}", f"/run/{run_id}/output.txt", "/running",
        "/queue", *(f"/queue/{quote(name)}" for name in names),
        *(f"/queue/{quote(name)}/tasks.csv" for name in names), "/queue/forum.Mail/tasks.json",
        f"/queue-change?do=retry&which=ids&id.{queued}=on", "/queue-change?do=delete&which=all",
        "/plan", "/plan.csv", "/plan.json", "/health", "/healthz",
        "/changes", "/changes.csv", "/changes.json",
    ]  # fmt: skip


def test_what_tasks_people_and_files_say_stays_text_on_every_page(used: AdminSite) -> None:
    used.person = HOSTILE
    used.done("/task/forum.Quiet/disable", reason=HOSTILE)
    used.done("/mute", name="forum.Digest", reason=HOSTILE)
    used.done("/pause", name="forum.Digest", reason=HOSTILE)
    used.done("/pause", name="*", reason=HOSTILE)
    for table, columns in {
        "task_scheduled": ("title",),
        "task_adhoc": ('"user"', "hostname"),
        "task_log": ('"user"', "hostname", "log_file"),
    }.items():
        for column in columns:
            put_in(used, table, column, HOSTILE)
    seen = 0

    for address in addresses(used):
        answer = ask(used.app, address)
        assert answer.status in (200, 503), address
        assert [] == [sign for sign in answer.text if sign in "\x1b\x07\u202e"], address
        if answer.headers["Content-Type"].startswith("text/html"):
            page = read(answer)
            assert ([], []) == (page.faults, page.all("img")), address
            assert MARK not in answer.text, address
            seen += MARK in page.text  # what it says is not lost either
        else:
            assert answer.headers["Content-Type"].split(";")[0] in (
                "text/csv",
                "application/json",
                "text/plain",
            )
            assert "nosniff" == answer.headers["X-Content-Type-Options"]
    assert seen > 5


def test_the_name_of_a_task_that_no_plugin_declares_is_text_and_leads_nowhere_else(used: AdminSite) -> None:
    """A program that may queue tasks may give them any name."""
    for name in (HOSTILE, "../../health", "//evil.example/x", "javascript:alert(1)", "a\r\nb"):
        put_in(used, "task_adhoc", "name", name)
        put_in(used, "task_scheduled", "last_message", name)
        for address in ("/queue", "/queue-change?do=retry&which=all"):
            page = used.page(address.partition("?")[0], **dict(parts(address)))
            assert [] == page.faults
            assert [] == [link for link in page.links if link[:1] != "/" or link[:2] == "//"], name
        for address in (f"/queue/{quote(name, safe='')}", f"/task/{quote(name, safe='')}"):
            assert ask(used.app, address).status in (200, 303, 400, 404), address


def parts(address: str) -> list[tuple[str, str]]:
    return [
        (name, value)
        for name, _, value in (pair.partition("=") for pair in address.partition("?")[2].split("&"))
    ]


def test_no_cell_of_a_file_is_a_formula(used: AdminSite) -> None:
    places = {"task_log": ("message", '"user"', "hostname"), "task_adhoc": ('"user"', "custom_data")}
    for formula in FORMULAS:
        for table, columns in places.items():
            for column in columns:
                put_in(used, table, column, formula)
        files = [ask(used.app, one).text for one in addresses(used) if one.endswith(".csv")]
        cells = {cell for file in files for row in csv.reader(io.StringIO(file, newline="")) for cell in row}

        begins = {cell[:1] for cell in cells if not is_number(cell)}
        assert set() == begins & set("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"), formula
        assert any(cell.endswith(formula.strip()) for cell in cells), formula


def is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def filled(route: str, admin: AdminSite) -> str:
    """Return a path that a route answers."""
    [(run_id,), *_] = admin.site.elsewhere("select run_id from task_log")
    named = (
        run_id
        if route.startswith(("/run/", "/running/"))
        else "forum.Mail"
        if "/queue/" in route
        else "forum.Digest"
    )
    path = route.replace("([^/]+)", named).replace(r"\.", ".").replace("(csv|json)", "csv")
    return path.partition("(")[0] + path.partition("(")[2].partition("|")[0].rstrip(")")


CHANGING = sorted(route.path for route in ROUTES if route.method == "POST")


def test_every_form_is_refused_to_other_sites_to_viewers_and_to_strangers(used: AdminSite) -> None:
    before = content_of(used)
    paths = [filled(route, used) for route in CHANGING]
    form = {"do": "delete", "which": "all", "count": "1", "name": "*", "schedule": "@daily", "until": "1d"}
    answers = []
    for path in paths:
        answers.append(ask(used.app, path, "POST", form=form))
        answers.append(ask(used.app, path, "POST", form=form, headers={"Sec-Fetch-Site": "cross-site"}))
        answers.append(ask(used.app, path, "PUT", form=form, headers=OWN))
        used.may_change = False
        answers.append(used.post(path, **form))
        used.may_change = True

    assert len(CHANGING) > 6
    assert {403, 405} == {answer.status for answer in answers}
    assert before == content_of(used)


def test_looking_changes_nothing(used: AdminSite) -> None:
    """Whatever the address says, and whoever looks."""
    asked = urlencode({"do": "delete", "which": "all", "count": "1", "name": "*", "schedule": "@daily"})
    before = content_of(used)

    for address in addresses(used):
        ask(used.app, f"{address.partition('?')[0]}?{asked}")
        ask(used.app, address, "HEAD")
    shown = {route.path for route in ROUTES if route.method == "GET"}  # a question before it is done
    for route in set(CHANGING) - shown:
        assert 404 == ask(used.app, f"{filled(route, used)}?{asked}").status
        assert 404 == ask(used.app, f"{filled(route, used)}?{asked}", "HEAD").status
    for route in set(CHANGING) & shown:
        ask(used.app, f"{filled(route, used)}?{asked}")

    assert before == content_of(used)


@ON_POSTGRES
def test_a_role_that_may_only_read_is_enough_to_look(used: AdminSite) -> None:
    names = {role: f"taskrun_{role}" for role in ("owner", "runner", "producer", "viewer", "reader")}
    used.site.elsewhere(grants(Roles(**names)))
    separator = "&" if "?" in used.site.url else "?"
    line = f'database = "{used.site.url}{separator}options=-c%20role%3Dtaskrun_viewer"\n'
    used.site.database_line = line
    used.site.configure()
    viewer = AdminSite(used.site, may_change=False)
    before = content_of(used)

    statuses = {address: ask(viewer.app, address).status for address in addresses(used)}

    assert {"/healthz"} >= {address for address, status in statuses.items() if status != 200}
    assert before == content_of(used)


def test_a_viewer_is_shown_nothing_to_press(used: AdminSite) -> None:
    used.done("/pause", name="*")
    used.may_change = False

    for address in addresses(used):
        if "queue-change" not in address:
            page = read(ask(used.app, address))
            assert [] == [form for form in page.all("form") if form["method"] == "post"], address
            assert [] == page.all("input", type="checkbox"), address


NAMES = ("forum.Nope", "os.system", "*", "%", "forum.*", "../../etc/passwd", "forum.Digest\n", "", "a" * 900,
         "'; drop table task_log; --", HOSTILE, "forum.digest", "Digest", "ö", "\\")  # fmt: skip


def test_a_name_that_is_not_in_the_registry_is_looked_up_and_nothing_else(used: AdminSite) -> None:
    before = content_of(used)
    for name in NAMES:
        for what in ("schedule", "enable", "disable", "retry", "mute", "unmute", "run"):
            target = f"/task/{quote(name, safe='')}/{what}"
            answer = ask(used.app, target, "POST", form={"schedule": "@daily", "do": "save"}, headers=OWN)
            assert answer.status in (400, 404, 422), (target, answer.status)
        for path in ("task", "queue", "run", "running"):
            status = ask(used.app, f"/{path}/{quote(name, safe='')}").status
            assert status in (400, 404), (path, name, status)
        if name not in ("", "*", "forum.*", "Digest", "forum.Digest\n"):
            assert used.post("/pause", name=name).status in (400, 404, 422), name

    assert before == content_of(used)


JUNK = ("", "0", "-1", "9" * 400, "1e999", "nan", "99999999999d", "9999-99-99", "10000-01-01", "24:60",
        "\ud7ff", HOSTILE, "%", "*", "(a+)+$", "\\", "*/0 * * * *", "every 0s", "a" * 2000)  # fmt: skip
ASKED = ("task", "type", "outcome", "text", "from", "to", "least", "most", "host", "user", "before", "trail",
         "page", "sort", "state", "q", "plugin", "of", "do", "which", "schedule", "done", "name", "count",
         "days", "view")  # fmt: skip
SENT = ("until", "reason", "schedule", "seen", "back", "count", "do", "which", "task", "name")


def test_no_address_is_more_than_refused(used: AdminSite) -> None:
    """Each page with junk in all fields, so often that each piece of it was in each."""
    rich = ("/", "/log", "/task/forum.Digest", "/queue-change")
    for address in dict.fromkeys(one.partition("?")[0] for one in addresses(used) if one != "/health"):
        for shift in range(len(JUNK) if address in rich else 1):
            fields = {name: JUNK[(at + shift) % len(JUNK)][:500] for at, name in enumerate(ASKED)}
            answer = ask(used.app, f"{address}?{urlencode(fields)}")
            assert answer.status in (200, 303, 404, 422, 503), (address, fields, answer.status)
            if answer.headers["Content-Type"].startswith("text/html") and answer.body:
                assert [] == read(answer).faults, (address, fields)


def test_no_form_is_more_than_refused(used: AdminSite) -> None:
    queued = used.site.elsewhere("select id from task_adhoc")
    understood = ({}, {"do": "postpone", "which": "all"}, {"do": "save"}, {"name": "forum.Digest"})
    for path in (filled(route, used) for route in CHANGING):
        for shift, junk in enumerate(JUNK):
            form = {name: JUNK[(at + shift) % len(JUNK)] for at, name in enumerate(SENT)}
            answer = ask(used.app, path, "POST", form=form | understood[shift % 4], headers=OWN)
            assert answer.status in (303, 404, 409, 422), (path, junk, answer.status, answer.text[-300:])
            if answer.status == 303:
                location = answer.headers["Location"]
                assert location.startswith("/") and not location.startswith(("//", "/\\")), (path, location)
    assert queued == used.site.elsewhere("select id from task_adhoc"), "they are still queued"


NOT_ASKED_FOR: tuple[dict[str, str], ...] = (
    {"do": "delete"},
    {"do": "delete", "count": "1"},
    {"do": "delete", "which": "", "count": "1"},
    {"do": "delete", "which": "everything", "count": "1"},
    {"do": "delete", "which": "ids", "count": "1"},
    {"do": "delete", "which": "ids", "count": "1", "id.x": "on", "id.-1": "on", f"id.{'9' * 20}": "on"},
    {"do": "drop", "which": "all", "count": "1", "until": "2d"},
    {"do": "", "which": "all", "count": "1", "until": "2d"},
    {"which": "all", "count": "1", "until": "2d"},
    {"do": "delete", "which": "all", "count": "0"},
    {"do": "delete", "which": "all", "count": "2"},
    {"do": "delete", "which": "all", "count": "1"},
    {"do": "delete", "which": "all", "count": "1", "seen": "x"},
    {"do": "delete", "which": "ids", "count": "0", "seen": "e3b0c44298fc1c14"},  # of nothing
)


def test_nothing_is_done_with_queued_tasks_that_the_page_before_has_not_shown(admin: AdminSite) -> None:
    admin.site.queue("forum.Mail")
    before = content_of(admin)

    for form in NOT_ASKED_FOR:
        answer = admin.post("/queue-change", **form)
        assert answer.status in (303, 409, 422) or "Nothing to change" in answer.text, form
        assert before == content_of(admin), form


def test_tasks_that_took_the_place_of_those_that_were_shown_are_left_alone(admin: AdminSite) -> None:
    """As many as before, but not the same."""
    gone = admin.site.queue("forum.Mail")
    fields = hidden_fields(admin.page("/queue-change", do="delete", which="all"), "/queue-change")
    admin.site.elsewhere(f"delete from task_adhoc where id = {gone}")
    other = admin.site.queue("forum.Mail")

    answer = admin.post("/queue-change", **fields)

    assert 409 == answer.status
    assert "Nothing was changed" in read(answer).text
    assert [(other,)] == admin.site.elsewhere("select id from task_adhoc")


def test_who_is_second_is_told_what_the_first_has_changed(admin: AdminSite) -> None:
    page = admin.page("/task/forum.Quiet")
    seen = hidden_fields(page, "/task/forum.Quiet")["seen"]
    with admin.site.opened() as opened:
        tasks.schedule(opened, "forum.Quiet", "@hourly", who=Who("bob", 1001), now=admin.site.clock())

    for path, form in (
        ("/task/forum.Quiet/schedule", {"do": "save", "schedule": "@daily"}),
        ("/task/forum.Quiet/schedule", {"do": "reset"}),
    ):
        answer = admin.post(path, seen=seen, **form)
        assert (409, "@hourly") == (answer.status, admin.site.row("forum.Quiet").own_schedule), path
        assert "was changed meanwhile by bob" in read(answer).text


def test_two_who_save_at_once_do_not_both_win(admin: AdminSite) -> None:
    seen = hidden_fields(admin.page("/task/forum.Quiet"), "/task/forum.Quiet")["seen"]
    statuses: list[int] = []
    together = threading.Barrier(4)

    def save(minute: int) -> None:
        form = {"do": "save", "schedule": f"{minute} 3 * * *", "seen": seen}
        environ = environment("/task/forum.Quiet/schedule", "POST", form=form, headers=OWN)
        together.wait()
        statuses.append(answer_of(admin.app, environ).status)

    threads = [threading.Thread(target=save, args=(minute,)) for minute in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [303, 409, 409, 409] == sorted(statuses)


@pytest.mark.parametrize("mounted", ["", "/a b/\u00c3\u00bc"])
def test_every_link_and_form_stays_below_the_mount(used: AdminSite, mounted: str) -> None:
    used.done("/pause", name="forum.Digest")
    prefix = quote(mounted.encode("latin-1"))
    for address in addresses(used):
        answer = ask(used.app, address, SCRIPT_NAME=mounted)
        if answer.headers["Content-Type"].startswith("text/html"):
            page = read(answer)
            actions = [form["action"] for form in page.all("form")]
            actions += [button["formaction"] for button in page.all("button") if "formaction" in button]
            assert [] == [at for at in (*page.links, *actions) if not at.startswith(f"{prefix}/")], address
    moved = ask(
        used.app, "/task/forum.Quiet/retry", "POST", form={"back": "//evil.example"}, headers=OWN,
        SCRIPT_NAME=mounted,
    )  # fmt: skip
    assert moved.headers["Location"].startswith(f"{prefix}/?done=")


def test_what_was_queued_with_a_task_is_hidden_unless_it_is_to_be_shown(
    make_site: Callable[..., RunnerSite],
) -> None:
    admin = AdminSite(make_site(plugins=PLUGINS))
    admin.site.queue("forum.Mail", '{"secret": "hunter2"}')
    admin.site.cron()
    admin.site.cron(after=60)
    pages = [address for address in addresses(admin) if "queue" in address or "/task/forum.M" in address]
    shown = "".join(ask(admin.app, address).text for address in pages)
    admin.site.configure("[web]\nshow_custom_data = true\n")
    shown_then = "".join(ask(AdminSite(admin.site).app, address).text for address in pages)

    assert ("hunter2" in shown, "hunter2" in shown_then) == (False, True)


SECRETS = """\
[task_database]
url = "postgresql://u:hunter2@db.invalid/x"
[notify.ping]
url = "https://x.invalid/hunter2"
"""


def test_no_page_shows_a_password_of_the_configuration(used: AdminSite) -> None:
    used.site.configure(SECRETS)
    admin = AdminSite(used.site)

    answers = [ask(admin.app, address) for address in addresses(admin)]

    assert {200} == {answer.status for answer in answers} - {503}
    assert "hunter2" not in "".join(answer.text for answer in answers)


def test_a_body_that_is_not_sent_lets_go_of_the_site(used: AdminSite) -> None:
    """HEAD of a file that is made while it is sent."""
    opened = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        assert 200 == ask(used.app, "/log.csv", "HEAD").status

    assert opened == len(os.listdir("/proc/self/fd"))


def test_threads_are_left_for_pages_however_many_follow_a_run(used: AdminSite) -> None:
    log_file = used.site.root / "log" / "run.log"
    log_file.write_text("it has begun\n")
    with used.site.opened() as opened:
        store, now = opened.store, used.site.clock()
        runner = {"hostname": opened.hostname, "pid": os.getpid(), "started_at": now, "command": "cron"}
        store.runners.add("R1", **runner, log_file=str(log_file))
        store.scheduled.claim_named("forum.Quiet", ClaimInfo("R1", "RUN1", now, opened.hostname, os.getpid()))
    target = environment("/running/RUN1/output.txt")
    bodies = [used.app(dict(target), lambda *_: lambda _: None) for _ in range(5)]
    begun = [next(iter(body)) for body in bodies]
    for body in bodies:
        body.close()

    assert [False] * 4 + [True] == [b"4 runs are followed already" in part for part in begun]
    again = used.app(dict(target), lambda *_: lambda _: None)
    assert b"followed already" not in next(iter(again))
    again.close()
