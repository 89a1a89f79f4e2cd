"""A run is meant by the start or the end of its id, or by the name of its task."""

from tests.cli.program import FORUM
from tests.patience import DEADLINE, until

TASKS = """
class Slow(ScheduledTask):
    schedule = Every(hours=1)

    def execute(self):
        witness("started")
        wait_at_gate()


class Twice(AdhocTask):
    def execute(self):
        witness("twice")
        wait_at_gate()
"""


def test_a_run_is_shown_by_the_end_of_its_id(site):
    site.run("run-task", "Broken")
    site.prints("run-task", "SendDigest")
    run_id = site.reads("log", "Broken")[0]["run_id"]

    for text in (run_id, run_id[:14], run_id[-6:], run_id[-6:].lower()):
        [shown] = site.reads("log", "show", text)
        assert run_id == shown["run_id"]


def test_the_last_run_of_a_task_is_shown_by_its_name(site):
    site.run("run-task", "Broken")
    site.prints("run-task", "SendDigest")
    site.write("forum", FORUM.replace("disk is full", "disk is empty"))
    site.run("run-task", "Broken")

    assert "disk is empty" in site.prints("log", "show", "forum.Broken")
    assert "disk is empty" in site.prints("log", "show", "Broken")
    assert "to Ada" in site.prints("log", "show", "SendDigest")


def test_a_terminal_shows_the_end_of_an_id_and_a_pipe_all_of_it(site):
    site.prints("run-task", "SendDigest")
    run_id = site.reads("log")[0]["run_id"]

    seen = site.shows("log", columns=200)

    assert f"  {run_id[-6:]}" in seen
    assert run_id not in seen
    assert run_id in site.shows("log", "--full", columns=200)
    assert run_id in site.prints("log")


def test_what_no_run_has_is_told(site):
    site.prints("run-task", "SendDigest")

    code, told = site.refuses("log", "show", "NOTHING")
    _, of_task = site.refuses("log", "show", "Broken")

    assert (1, "taskrun: no kept run has an id that begins or ends with NOTHING\n  hint: taskrun log\n") == (
        code,
        told,
    )
    assert "no run of forum.Broken is kept" in of_task


def test_the_running_run_of_a_task_is_killed_by_its_name(live):
    live.write("forum", TASKS)
    process = live.start("run-task", "Slow", "--force")
    live.wait_for("started")

    done = live.run("kill", "Slow")

    process.communicate(timeout=DEADLINE)
    assert (0, "interrupted") == (done.returncode, live.reads("log", "Slow")[0]["outcome"])


def test_a_name_that_several_runs_have_is_refused_with_their_ids(live):
    live.write("forum", TASKS)
    processes = [live.start("run-task", "Twice") for _ in range(2)]
    until(lambda: len(live.reads("running")) == 2, "two runs")
    ids = sorted(row["run_id"][-6:] for row in live.reads("running"))

    done = live.run("kill", "Twice")

    assert 1 == done.returncode
    assert done.stderr.startswith("taskrun: 2 runs of forum.Twice are under way: name one of ")
    assert all(run_id in done.stderr for run_id in ids)
    assert [0, 0] == [live.run("kill", run_id).returncode for run_id in ids]
    for process in processes:
        process.communicate(timeout=DEADLINE)


def test_a_list_says_that_cron_is_paused_and_why(site):
    site.prints("pause", "--reason", "we move")

    done = site.run("list")

    assert "Cron has been paused since " in done.stderr
    assert "(we move)" in done.stderr
    assert "paused" not in done.stdout
    assert "" == site.run("list", "--json").stderr


def test_a_list_of_what_fails_says_why(site):
    site.prints("retry", "Broken")
    site.prints("cron")

    assert "disk is full" in site.prints("list", "--failing")
    assert "disk is full" in site.shows("list", "--failing", columns=80)
