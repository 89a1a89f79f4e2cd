"""[notify] command: further events of a class are counted and told as one; the command is bounded."""

import json
import os
import signal
import time

from tests.patience import DEADLINE
from tests.runner.runner_site import adhoc, scheduled
from tests.runner.test_notify import notifying, told

FAILS = "print('first'); print('second'); raise KeyError('customer')"


def test_three_hundred_failures_of_a_class_are_told_once_and_counted(make_site):
    site = make_site(plugins={"mail": adhoc("Digest", FAILS)})
    site.configure(notifying(site.root))
    site.queue("mail.Digest", attempts=1, times=300)

    site.cron()
    assert ["exhausted"] == [event["event"] for event in told(site)]
    site.cron(after=300)
    assert 1 == len(told(site))
    site.cron(after=301)

    _, digest = told(site)
    assert ("digest", "mail.Digest", 299) == (digest["event"], digest["task"], digest["count"])
    assert digest["subject"].endswith("mail.Digest has failed 299 more times")
    site.cron(after=700)
    site.cron(after=700)
    assert 2 == len(told(site))


def test_classes_are_counted_by_themselves(make_site):
    site = make_site(plugins={"mail": adhoc("One", FAILS), "post": adhoc("Two", FAILS)})
    site.configure(notifying(site.root))
    for name in ("mail.One", "post.Two", "mail.One", "post.Two"):
        site.queue(name)

    site.cron()

    assert {("first_failure", "mail.One"), ("first_failure", "post.Two")} == {
        (event["event"], event["task"]) for event in told(site)
    }
    assert 2 == len(told(site))


def test_a_recovery_is_told_though_failures_are_counted(make_site):
    site = make_site(plugins={"mail": scheduled("Digest", FAILS)})
    site.configure(notifying(site.root))
    site.cron(after=86_400)
    site.write("mail", scheduled("Digest"))
    site.cron(after=120)

    assert ["first_failure", "recovered"] == [event["event"] for event in told(site)]


def test_the_text_has_the_error_the_output_the_runs_before_and_what_to_type(make_site):
    site = make_site(plugins={"mail": scheduled("Digest", "print('hello')")})
    site.configure(notifying(site.root))
    site.cron(after=86_400)
    site.cron(after=86_400)
    site.write("mail", scheduled("Digest", FAILS))
    site.cron(after=86_400)

    (event,) = told(site)

    assert event["subject"].endswith("mail.Digest has failed (was ok 2 of the last 3)")
    assert ["ok", "ok", "failed"] == event["last_outcomes"]
    assert "KeyError: 'customer'" == event["error"] == event["text"].splitlines()[0]
    assert event["usual_duration"] is not None
    for text in (
        "\nLast 3: ok ok failed\n",
        "  first\n  second\n",
        f"taskrun log show {event['run_id']}",
        "taskrun why mail.Digest",
        "Cron tries again at 2100-",
    ):
        assert text in event["text"]


def test_only_the_last_twenty_lines_of_the_output_are_told(make_site):
    site = make_site(plugins={"mail": scheduled("Digest", "print('line\\n' * 50); raise ValueError('no')")})
    site.configure(notifying(site.root))

    site.cron(after=86_400)

    assert 20 == len(told(site)[0]["last_lines"])


def test_a_command_that_hangs_is_ended_and_not_started_again(make_site, monkeypatch):
    monkeypatch.setattr("taskrunner.runner.notify.PATIENCE", 0.3)
    site = make_site(plugins={"mail": adhoc("One", FAILS), "post": adhoc("Two", FAILS)})
    site.configure(f"[notify]\ncommand = ['/bin/sh', '-c', 'echo x >> {site.root}/starts; sleep {DEADLINE}']")
    site.queue("mail.One")
    site.queue("post.Two")
    began_at = time.monotonic()

    site.cron()

    assert time.monotonic() - began_at < DEADLINE / 2
    assert "x\n" == (site.root / "starts").read_text()
    assert {"failed"} == {run.outcome for run in site.runs() if run.name in ("mail.One", "post.Two")}


def test_a_command_that_leaves_a_child_with_its_output_is_not_waited_for(make_site):
    site = make_site(plugins={"mail": adhoc("One", FAILS)})
    site.configure(
        "[notify]\ncommand = "
        f"['/bin/sh', '-c', 'sleep {DEADLINE} & echo $! > {site.root}/child; cat > {site.root}/told']"
    )
    site.queue("mail.One")
    began_at = time.monotonic()

    site.cron()

    os.kill(int((site.root / "child").read_text()), signal.SIGKILL)
    assert time.monotonic() - began_at < DEADLINE / 2
    assert "first_failure" == json.loads((site.root / "told").read_text())["event"]


def test_a_notifier_has_thirty_seconds_in_all(make_site):
    from taskrunner.runner.events import sample
    from taskrunner.runner.notify import PATIENCE_IN_ALL, Notifier

    site = make_site(plugins={"mail": adhoc("One", FAILS)})
    site.configure(notifying(site.root))
    with site.opened() as opened:
        notifier = Notifier(opened, print, spent=PATIENCE_IN_ALL)

        assert not notifier.send(sample("shop", "web1", 0.0))
    assert [] == told(site)
