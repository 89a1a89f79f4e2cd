"""The programs that come along for [notify] command, and `taskrun notify test`."""

import json
import subprocess
import sys
from email import message_from_bytes

import pytest

from tests.cli.test_cli_notify import notifying, told
from tests.cli.web_listener import listening

EVENT = {
    "event": "first_failure",
    "task": "forum.Digest",
    "type": "scheduled",
    "run_id": "RUN1",
    "adhoc_id": None,
    "outcome": "failed",
    "message": "disk\nis full",
    "hostname": "cron1",
    "subject": "[shop] forum.Digest has failed",
    "text": "disk\nis full\n\ntaskrun why forum.Digest\n",
}
WITHOUT_TEXTS = {key: value for key, value in EVENT.items() if key not in ("subject", "text")}


def run(name, *arguments, event):
    return subprocess.run(
        [sys.executable, "-m", f"taskrunner.notifiers.{name}", *arguments],
        input=json.dumps(event).encode(),
        capture_output=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("event", "subject", "body"),
    [
        (EVENT, "[shop] forum.Digest has failed", "disk\nis full\n\ntaskrun why forum.Digest\n"),
        (WITHOUT_TEXTS | {"event": "new"}, "forum.Digest: new", "hostname:     cron1\n"),
    ],
)
def test_a_mail_is_handed_to_sendmail(tmp_path, event, subject, body):
    sendmail = tmp_path / "sendmail"
    sendmail.write_text(f"#!/bin/sh\necho $@ > {tmp_path}/arguments\ncat > {tmp_path}/mail\n")
    sendmail.chmod(0o755)

    done = run("mail", "ops@example.org", "--sendmail", sendmail, event=event)

    mail = message_from_bytes((tmp_path / "mail").read_bytes())
    assert (0, subject, "ops@example.org") == (done.returncode, mail["Subject"], mail["To"])
    assert body in mail.get_payload()
    assert "-oi -t\n" == (tmp_path / "arguments").read_text()


def posted(tmp_path, listener, *options, event=EVENT):
    (tmp_path / "url").write_text(f"{listener.url}/s3cret\n")
    return run("webhook", *options, tmp_path / "url", event=event)


def test_a_webhook_is_posted_the_event_and_its_texts(tmp_path):
    with listening() as listener:
        done = posted(tmp_path, listener)

    ((asked, body),) = listener.asked
    content = json.loads(body)
    assert (0, "POST /s3cret") == (done.returncode, asked)
    assert (EVENT, EVENT["subject"]) == (content["event"], content["subject"])
    assert EVENT["text"] in content["text"]


@pytest.mark.parametrize(
    ("preset", "read"),
    [
        ("slack", lambda content: content["text"]),
        ("discord", lambda content: content["content"]),
        (
            "teams",
            lambda content: " ".join(one["text"] for one in content["attachments"][0]["content"]["body"]),
        ),
    ],
)
def test_a_service_is_posted_what_it_reads(tmp_path, preset, read):
    with listening() as listener:
        done = posted(tmp_path, listener, "--preset", preset)

    text = read(json.loads(listener.asked[0][1]))
    assert 0 == done.returncode
    assert all(part in text for part in (EVENT["subject"], "is full", "taskrun why forum.Digest"))


def test_ntfy_is_posted_the_text_itself(tmp_path):
    with listening() as listener:
        done = posted(tmp_path, listener, "--preset", "ntfy", event=EVENT | {"subject": "Größe"})

    assert (0, EVENT["text"].encode()) == (done.returncode, listener.asked[0][1])


@pytest.mark.parametrize("preset", ["discord", "slack", "ntfy"])
def test_a_text_is_cut_to_what_a_service_takes(tmp_path, preset):
    with listening() as listener:
        posted(tmp_path, listener, "--preset", preset, event=EVENT | {"text": "line\n" * 5000})

    assert len(listener.asked[0][1]) < 5000


def test_a_webhook_that_refuses_is_one_line_that_does_not_name_it(tmp_path):
    with listening() as listener:
        listener.status = 500
        done = posted(tmp_path, listener)

    assert (1, b"the answer is 500 Internal Server Error\n") == (done.returncode, done.stderr)


def test_apprise_that_is_not_there_says_what_to_install(tmp_path):
    (tmp_path / "url").write_text("json://127.0.0.1")

    done = run("apprise", tmp_path / "url", event=EVENT)

    assert 1 == done.returncode
    assert b"taskrunner-cron[apprise]" in done.stderr


def test_a_test_event_is_sent(site):
    notifying(site)

    shown = site.prints("notify", "test")

    (event,) = told(site)
    assert "test" == event["event"]
    assert "/bin/sh was given a test event and succeeded" in shown


def test_the_command_runs_in_the_folder_of_the_configuration(site, tmp_path_factory):
    file = site.configure("[notify]\ncommand = ['sh', '-c', 'cat > told; echo >> told']")

    site.prints("notify", "test", "--config", str(file), cwd=tmp_path_factory.mktemp("elsewhere"))

    assert ["test"] == [event["event"] for event in told(site)]


def test_a_test_that_fails_says_why(site):
    site.configure("[notify]\ncommand = ['/bin/sh', '-c', 'echo no route >&2; exit 3']")

    code, said = site.refuses("notify", "test")

    assert (1, "taskrun: Notifying /bin/sh of test ended with exit code 3: no route\n") == (code, said)
    site.configure()
    assert "no [notify] command is set" in site.refuses("notify", "test")[1]
