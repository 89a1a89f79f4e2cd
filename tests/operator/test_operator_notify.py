"""[notify]: a gap between crons, a crash, the ping; and the examples in contrib/notify."""

import json
import subprocess
import sys
from email import message_from_bytes
from pathlib import Path

import pytest

from tests.databases import ON_SQLITE
from tests.operator.web_listener import listening

NOTIFY = Path(__file__).parents[2] / "contrib" / "notify"
EVENT = {
    "event": "first_failure",
    "task": "forum.Digest",
    "type": "scheduled",
    "run_id": "RUN1",
    "adhoc_id": None,
    "outcome": "failed",
    "message": "disk\nis full",
    "failures": 1,
    "next_try_at": 1800000060.0,
    "hostname": "cron1",
    "log_file": "/log/x.log",
}
OVERDUE = {
    "event": "cron_overdue",
    "hostname": "cron1",
    "last_cron_at": 0.0,
    "started_at": 600.0,
    "gap": 600.0,
}


def told(site):
    path = site.root / "told"
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []


def notifying(site, more=""):
    site.configure(
        f"[notify]\ncommand = ['/bin/sh', '-c', 'cat >> {site.root}/told; echo >> {site.root}/told']\n{more}"
    )


def test_the_first_cron_after_a_gap_tells_of_it_and_the_next_does_not(site):
    notifying(site)
    site.write("forum", "class Mail(AdhocTask):\n    def execute(self):\n        pass\n")
    site.prints("cron")
    beat = site.root / "state" / "last_cron"
    started_at = float(beat.read_text().split("\n")[0])
    beat.write_text(f"{started_at - 7200!r}\n\n")

    site.prints("cron")
    site.prints("cron")

    (event,) = told(site)
    assert "cron_overdue" == event["event"]
    assert 7200 <= event["gap"] < 7260
    assert event["started_at"] - event["gap"] == pytest.approx(event["last_cron_at"])


def test_a_pause_is_no_gap(site):
    notifying(site)
    site.prints("cron")
    site.prints("pause")
    beat = site.root / "state" / "last_cron"

    before = beat.read_text()
    site.prints("cron")

    assert before != beat.read_text()


@pytest.mark.parametrize("url", ["{url}/ping?{{at}}", "{url}/ping"])
@ON_SQLITE
def test_a_url_hears_of_the_start_and_the_end_of_a_cron(site, url):
    with listening() as listener:
        site.configure(f"[notify]\nping = '{url.format(url=listener.url)}'")
        site.prints("cron")

    expected = ["GET /ping?start", "GET /ping?end"] if "at" in url else ["GET /ping", "GET /ping"]
    assert expected == [asked for asked, _ in listener.asked]


@ON_SQLITE
def test_a_url_that_refuses_harms_nothing_and_is_not_told(site):
    with listening() as listener:
        listener.status = 404
        site.configure(f"[notify]\nping = '{listener.url}/s3cret'")
        done = site.run("cron")

    assert 0 == done.returncode
    assert "taskrun: [notify] ping at the start of this cron: the answer is 404 Not Found\n" in done.stderr
    assert "s3cret" not in done.stderr + done.stdout


@ON_SQLITE
def test_nobody_at_the_url_harms_nothing(site):
    site.configure("[notify]\nping = 'http://127.0.0.1:1/s3cret'")

    done = site.run("cron")

    assert 0 == done.returncode
    assert "ping at the end of this cron: URLError: [Errno 111] Connection refused" in done.stderr
    assert "s3cret" not in done.stderr


@ON_SQLITE
def test_a_ping_that_is_no_web_address_is_refused_and_not_quoted(site):
    site.configure("[notify]\nping = 'ftp://s3cret'")

    code, said = site.refuses("cron")

    assert 78 == code
    assert "[notify] ping is not https://HOST/PATH" in said
    assert "s3cret" not in said


@pytest.mark.parametrize(
    ("event", "subject"),
    [
        (EVENT, "[taskrunner] forum.Digest failed"),
        (EVENT | {"event": "recovered"}, "[taskrunner] forum.Digest works again"),
        (OVERDUE, "[taskrunner] cron on cron1 did not start for 600 s"),
        (EVENT | {"event": "something_new"}, "[taskrunner] something_new"),
    ],
)
def test_the_mail_example_hands_a_mail_to_sendmail(tmp_path, event, subject):
    sendmail = tmp_path / "sendmail"
    sendmail.write_text(f"#!/bin/sh\necho $@ > {tmp_path}/arguments\ncat > {tmp_path}/mail\n")
    sendmail.chmod(0o755)

    subprocess.run(
        [sys.executable, NOTIFY / "mail.py", "ops@example.org", "--sendmail", sendmail],
        input=json.dumps(event).encode(),
        check=True,
    )

    mail = message_from_bytes((tmp_path / "mail").read_bytes())
    assert (subject, "ops@example.org") == (mail["Subject"], mail["To"])
    assert f"hostname:     {event['hostname']}\n" in mail.get_payload()
    assert "-oi -t\n" == (tmp_path / "arguments").read_text()


def test_the_webhook_example_posts_the_event(tmp_path):
    with listening() as listener:
        (tmp_path / "url").write_text(f"{listener.url}/hook\n")
        subprocess.run(
            [sys.executable, NOTIFY / "webhook.py", tmp_path / "url"],
            input=json.dumps(EVENT).encode(),
            check=True,
        )

    ((asked, body),) = listener.asked
    posted = json.loads(body)
    assert "POST /hook" == asked
    assert EVENT == posted["event"]
    assert "taskrunner: forum.Digest first failure on cron1: disk\nis full" == posted["text"]


def test_the_webhook_example_fails_where_it_is_refused(tmp_path):
    with listening() as listener:
        listener.status = 500
        (tmp_path / "url").write_text(listener.url)
        done = subprocess.run(
            [sys.executable, NOTIFY / "webhook.py", tmp_path / "url"],
            input=json.dumps(OVERDUE).encode(),
            capture_output=True,
            check=False,
        )

    assert 1 == done.returncode
