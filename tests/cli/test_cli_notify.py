"""[notify]: a gap between crons, a crash, the ping."""

import json

import pytest

from tests.cli.web_listener import listening
from tests.databases import ON_SQLITE


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
