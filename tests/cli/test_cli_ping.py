"""Dead man's switches by the rules of their services: start, success, failure, silence; all answers 200."""

import re
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.cli.web_listener import listening
from tests.databases import ON_SQLITE

TASKS = """
class Good(ScheduledTask):
    schedule = Every(hours=1)

    def execute(self):
        print("backed up")


class Bad(ScheduledTask):
    schedule = Every(hours=1)

    def execute(self):
        print("half of it")
        raise ValueError("disk is full")
"""
UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
RULES = {
    # https://healthchecks.io/docs/http_api/: /ping/<uuid>, and below it start, fail, log, or an exit status
    "healthchecks": rf"(?:GET|POST|HEAD) /ping/{UUID}(?:/(?:start|fail|log|\d{{1,3}}))?(?:\?rid={UUID})?",
    # https://cronitor.io/docs/telemetry-api: ?state=run|complete|fail|ok and known parameters
    "cronitor": r"GET /p/KEY/backup\?state=(?:run|complete|fail|ok)"
    r"(?:&(?:series|status_code|message|metric|host)=[^&]*)*",
    # the push monitor of Uptime Kuma: ?status=up|down&msg=…&ping=…
    "kuma": r"GET /api/push/TOKEN\?status=(?:up|down)&msg=[^&]*&ping=\d*",
}
PATHS = {
    "healthchecks": "/ping/6d5e2b1c-0f3a-4a5e-9c1d-2b7f8e9a0c4d",
    "cronitor": "/p/KEY/backup",
    "kuma": "/api/push/TOKEN?status=up&msg=OK&ping=",
}


@contextmanager
def service(style):
    """A service that answers 200 to what its rules allow, and 404 to all else."""
    with listening() as listener:
        listener.allowed = re.compile(RULES[style])
        yield listener


def queries(listener):
    return [parse_qs(urlsplit(asked.split(" ", 1)[1]).query) for asked, _ in listener.asked]


def paths(listener):
    return [urlsplit(asked.split(" ", 1)[1]).path for asked, _ in listener.asked]


def run(site, listener, style, name):
    site.write("backup", TASKS)
    site.configure(f'[tasks."backup.*"]\nping = "{listener.url}{PATHS[style]}"\nping_style = "{style}"')
    done = site.run("run-task", name)
    assert {200} == set(listener.answered)
    assert "ping" not in done.stdout + done.stderr


@ON_SQLITE
def test_healthchecks_hears_of_a_run_of_a_task(site):
    with service("healthchecks") as good:
        run(site, good, "healthchecks", "Good")
    with service("healthchecks") as bad:
        run(site, bad, "healthchecks", "Bad")

    path = PATHS["healthchecks"]
    assert [f"{path}/start", path] == paths(good)
    assert [f"{path}/start", f"{path}/1"] == paths(bad)
    assert b"backed up" == good.asked[1][1]
    assert b"half of it" in bad.asked[1][1] and b"disk is full" in bad.asked[1][1]
    ids = [[query["rid"] for query in queries(one)] for one in (good, bad)]
    assert ids[0][0] == ids[0][1] != ids[1][0] == ids[1][1]


@ON_SQLITE
def test_cronitor_hears_of_a_run_of_a_task(site):
    with service("cronitor") as good:
        run(site, good, "cronitor", "Good")
    with service("cronitor") as bad:
        run(site, bad, "cronitor", "Bad")

    assert [["run"], ["complete"]] == [query["state"] for query in queries(good)]
    assert [["run"], ["fail"]] == [query["state"] for query in queries(bad)]
    assert "disk is full" in queries(bad)[1]["message"][0]
    assert ["1"] == queries(bad)[1]["status_code"]
    series = [query["series"] for query in queries(bad)]
    assert series[0] == series[1] == [site.reads("log", "Bad")[0]["run_id"]]


@ON_SQLITE
def test_kuma_hears_of_the_end_of_a_task(site):
    with service("kuma") as good:
        run(site, good, "kuma", "Good")
    with service("kuma") as bad:
        run(site, bad, "kuma", "Bad")

    assert [["up"]] == [query["status"] for query in queries(good)]
    assert [["down"]] == [query["status"] for query in queries(bad)]
    assert "exit status 1: " in queries(bad)[0]["msg"][0]


@ON_SQLITE
@pytest.mark.parametrize("style", RULES)
def test_a_cron_is_told_in_the_dialect_of_the_service(site, style):
    site.write("backup", TASKS)
    site.prints("list")
    for name in ("Good", "Bad"):
        site.prints("retry", name)
    with service(style) as listener:
        site.configure(f'[notify.ping]\nurl = "{listener.url}{PATHS[style]}"\nstyle = "{style}"')
        done = site.run("cron")

    assert (0, "") == (done.returncode, done.stderr)
    assert {200} == set(listener.answered)
    assert (1 if style == "kuma" else 2) == len(listener.asked)


@ON_SQLITE
def test_a_strict_cron_with_a_failure_is_told_as_such(site):
    site.write("backup", TASKS)
    site.prints("list")
    site.prints("retry", "Bad")
    with service("healthchecks") as listener:
        site.configure(
            f'[notify.ping]\nurl = "{listener.url}{PATHS["healthchecks"]}"\nstyle = "healthchecks"'
        )
        site.run("cron", "--strict")

    assert [f"{PATHS['healthchecks']}/start", f"{PATHS['healthchecks']}/1"] == paths(listener)
    assert b" failed" in listener.asked[1][1]
    assert b" 0 failed" not in listener.asked[1][1]


@ON_SQLITE
def test_silence_says_that_a_task_failed_where_there_is_no_other_word_for_it(site):
    site.write("backup", TASKS)
    with listening() as listener:
        site.configure(f'[tasks."backup.*"]\nping = "{listener.url}/alive"')
        site.run("run-task", "Bad")
        assert [] == listener.asked
        site.run("run-task", "Good")

    assert ["GET /alive"] == [asked for asked, _ in listener.asked]


@ON_SQLITE
def test_a_service_that_is_away_harms_no_task_and_is_not_named(site):
    site.write("backup", TASKS)
    site.configure('[tasks."backup.*"]\nping = "http://127.0.0.1:1/s3cret"\nping_style = "healthchecks"')

    done = site.run("run-task", "Good")

    assert 0 == done.returncode
    assert "ping at the start of backup.Good: URLError" in done.stdout
    assert "s3cret" not in done.stdout + done.stderr


def test_an_address_from_the_environment_is_not_shown(site):
    site.environ["BACKUP_PING"] = "https://ping.example/s3cret"
    site.configure(
        '[tasks."forum.*"]\nping = "env:BACKUP_PING"\n[notify.ping]\nurl = "env:BACKUP_PING"\nstyle = "kuma"'
    )

    shown = site.prints("config")

    assert "s3cret" not in shown
    assert 2 == shown.count("env:BACKUP_PING")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[notify.ping]\nurl = "https://h/"\nstyle = "pager"', "style is one of plain, healthchecks"),
        ('[notify.ping]\nstyle = "kuma"', "has no url"),
        ('[notify.ping]\nurl = "https://h/"\nstile = "kuma"', "has no stile"),
        ('[tasks."forum.*"]\nping = "ftp://s3cret"', "is not https://HOST/PATH"),
    ],
)
def test_a_wrong_ping_is_refused(site, text, said):
    site.configure(text)

    code, told = site.refuses("list")

    assert (78, True) == (code, said in told)
    assert "s3cret" not in told
