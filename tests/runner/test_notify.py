"""[notify] command: told once per change of state."""

import json

from tests.runner.runner_site import adhoc, scheduled

FAILS = "raise ValueError('disk is full')"


def notifying(root):
    return f"[notify]\ncommand = ['/bin/sh', '-c', 'cat >> {root}/told; echo >> {root}/told']"


def told(site):
    path = site.root / "told"
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []


def test_five_failures_and_a_success_are_two_notifications(make_site):
    site = make_site(plugins={"forum": scheduled("Digest", FAILS)})
    site.configure(notifying(site.root))
    for _ in range(5):
        site.cron(after=86_400)
    site.write("forum", scheduled("Digest"))
    site.cron(after=86_400)
    site.cron(after=86_400)

    first, recovered = told(site)

    assert ("first_failure", "forum.Digest", "failed", "ValueError: disk is full", 1) == (
        first["event"],
        first["task"],
        first["outcome"],
        first["message"],
        first["failures"],
    )
    assert ("recovered", "ok", 5) == (recovered["event"], recovered["outcome"], recovered["failures"])


def test_the_delay_of_a_day_is_told_once(make_site):
    site = make_site(plugins={"forum": scheduled("Digest", FAILS)})
    site.configure(notifying(site.root))

    for _ in range(15):
        site.cron(after=86_400)

    assert ["first_failure", "longest_delay"] == [event["event"] for event in told(site)]


def test_an_adhoc_task_that_is_given_up_is_told(make_site):
    site = make_site(plugins={"forum": adhoc("Mail", FAILS)})
    site.configure(notifying(site.root))
    site.queue("forum.Mail", attempts=2)

    site.cron(after=86_400)
    site.cron(after=86_400)

    assert [("first_failure", True), ("exhausted", False)] == [
        (event["event"], event["next_try_at"] is not None) for event in told(site)
    ]


def test_a_command_that_fails_is_named_in_the_log_and_harms_no_run(make_site):
    site = make_site(plugins={"forum": scheduled("Digest", FAILS)})
    site.configure("[notify]\ncommand = ['/bin/sh', '-c', 'echo no route >&2; exit 3']")

    site.cron(after=60)

    assert ["failed"] == site.outcomes()
    assert "Notifying /bin/sh of first_failure ended with exit code 3: no route" in site.log()


def test_a_command_that_is_not_there_is_named_in_the_log(make_site):
    site = make_site(plugins={"forum": scheduled("Digest", FAILS)})
    site.configure("[notify]\ncommand = ['/nowhere/tell']")

    site.cron(after=60)

    assert ["failed"] == site.outcomes()
    assert "Cannot notify /nowhere/tell of first_failure" in site.log()


def test_a_signal_that_comes_while_the_command_is_told_lets_no_other_task_start(make_site):
    site = make_site(plugins={"forum": scheduled("Bad", FAILS) + scheduled("Second", "witness('ran')")})
    site.configure("[notify]\ncommand = ['/bin/sh', '-c', 'kill -TERM $PPID']")

    site.cron(after=60)

    assert ["failed"] == site.outcomes()
    assert [] == site.witnessed()
    assert site.row("forum.Second").run_id is None
