"""log follow: what a task prints, while it runs in another process."""

import os

from tests.patience import DEADLINE, until

SLOW = """
class Slow(AdhocTask):
    def execute(self):
        print("first line")
        self.progress(1, 3, "one of three")
        witness("started")
        wait_at_gate()
        print("last line")


class Next(AdhocTask):
    def execute(self):
        print("of another task")
"""


def started(live):
    """Start a cron whose first task waits at the gate, with another one behind it."""
    live.write("forum", SLOW)
    live.run("adhoc", "queue", "Slow")
    live.run("adhoc", "queue", "Next", "--in", "0")
    cron = live.start("cron")
    live.wait_for("started")
    return cron


def test_lines_appear_while_the_task_runs_and_nothing_of_the_next_task(live):
    cron = started(live)
    follow = live.start("log", "follow", stdout=(seen := os.open(live.root / "seen", os.O_CREAT | os.O_RDWR)))
    until(lambda: "first line\n" in (live.root / "seen").read_text(), "the first line")

    live.open_gate(cron)
    _, told = follow.communicate(timeout=DEADLINE)
    cron.communicate(timeout=DEADLINE)

    os.close(seen)
    shown = (live.root / "seen").read_text()
    assert shown.startswith("first line\nlast line\n... used ")
    assert shown.endswith("Adhoc task complete: forum.Slow\n")
    assert "progress: 1/3 one of three\n" in told
    assert "forum.Slow: ok, it took " in told
    assert 0 == follow.returncode


def test_a_run_that_has_ended_is_shown_with_its_end(live):
    live.write("forum", SLOW)
    live.run("run-task", "Next")
    (row,) = live.reads("log")

    done = live.run("log", "follow", row["run_id"][:20])

    assert "of another task\n" == done.stdout
    assert "forum.Next has ended: ok" in done.stderr


def test_nothing_to_follow_is_said(live):
    live.write("forum", SLOW)

    done = live.run("log", "follow")

    assert (1, "taskrun: nothing is running\n  hint: taskrun running\n") == (done.returncode, done.stderr)


def test_a_run_on_another_host_is_said_to_be_there(live):
    cron = started(live)
    (row,) = live.reads("running")
    statement = "update task_adhoc set hostname = 'cron2' where run_id is not null"
    from tests.databases import ask, sqlite_url

    url = (live.config.read_text().partition('database = "')[2].partition('"')[0]) or sqlite_url(live.root)
    ask(url, statement)

    done = live.run("log", "follow", row["run_id"])

    live.open_gate(cron)
    cron.communicate(timeout=DEADLINE)
    assert 1 == done.returncode
    assert "forum.Slow runs on cron2: its log file " in done.stderr
    assert f"hint: ssh cron2 taskrun log follow {row['run_id']}" in done.stderr
