"""The pytest plugin for task authors, used as they use it: tests of theirs in a folder of theirs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.program import Program
from tests.databases import ON_SQLITE
from tests.patience import DEADLINE

PLUGIN = """
import subprocess
import time

from taskrunner import AdhocTask, GiveUp, RetryLater, ScheduledTask, mtrace, queue_adhoc_task


class SendDigests(ScheduledTask):
    schedule = "0 7 * * *"

    def execute(self):
        for number, user in enumerate(self.settings.get("users", ["ann", "bob"])):
            self.progress(number + 1, 2, user)
            queue_adhoc_task(SendDigest({"user": user}), next_run_at=time.time() + 60)


class SendDigest(AdhocTask):
    def execute(self):
        mtrace(f"to {self.custom_data['user']}, attempt {self.attempt}, {self.last_success_at}")
        subprocess.run(["echo", "from a child"], check=True)


class Asks(AdhocTask):
    def execute(self):
        if self.custom_data == "later":
            raise RetryLater(seconds=300)
        if self.custom_data == "never":
            raise GiveUp("no such course")
        raise ValueError("disk is full")


class Writes(AdhocTask):
    def execute(self):
        self.db.execute("create table course (id integer)")
        if self.custom_data == "open":
            self.db.execute("begin")
"""

TESTS = """
import time

import pytest


def test_it_queues_one_task_for_each_user(run_task, queued_tasks, frozen_clock):
    done = run_task("forum.SendDigests")

    assert done.ok
    assert ((1, 2, "ann"), (2, 2, "bob")) == done.progress
    tasks = queued_tasks("forum.SendDigest")
    assert [{"user": "ann"}, {"user": "bob"}] == [task.custom_data for task in tasks]
    assert {frozen_clock() + 60} == {task.next_run_at for task in queued_tasks()}


def test_the_queue_of_another_test_is_not_there(queued_tasks):
    assert [] == queued_tasks()


def test_settings_are_those_of_the_test(run_task, queued_tasks):
    run_task("SendDigests", settings={"users": ["eve"]})

    assert [{"user": "eve"}] == [task.custom_data for task in queued_tasks()]


def test_what_is_printed_is_seen_also_that_of_children(run_task):
    done = run_task("forum.SendDigest", {"user": "ann"}, attempt=3, last_success_at=5.0)

    assert "to ann, attempt 3, 5.0\\nfrom a child\\n" == done.output


@pytest.mark.parametrize(
    ("wish", "outcome", "message"),
    [("later", "delayed", "asked to be tried again later"), ("never", "failed", "no such course"),
     ("fails", "failed", "ValueError: disk is full")],
)
def test_how_a_task_ends(run_task, wish, outcome, message):
    done = run_task("forum.Asks", wish)

    assert (outcome, message, False) == (done.outcome, done.message, done.ok)
    assert (wish == "later") == (done.retry_in == 300)
    assert (wish == "never") == done.gave_up
    assert (wish == "fails") == isinstance(done.error, ValueError)


def test_a_transaction_left_open_is_a_failure(run_task):
    assert run_task("forum.Writes").ok
    done = run_task("forum.Writes", "open")
    assert not done.ok


def test_a_class_that_was_imported_can_be_run_as_well(run_task):
    import sys
    sys.path.insert(0, "plugins")
    import forum

    assert run_task(forum.SendDigest, {"user": "bob"}).ok


def test_the_clock_stands_still(frozen_clock):
    before = time.time()

    frozen_clock.forward(90)

    assert (1800000000.0, before + 90) == (before, time.time())
    assert "2027-01-15T08:01:30+00:00" == frozen_clock.moment.isoformat()


@pytest.fixture
def taskrunner_toml():
    return "[plugin_settings.forum]\\nusers = ['zoe']\\n"


def test_the_config_can_be_given(run_task, queued_tasks):
    run_task("forum.SendDigests")

    assert [{"user": "zoe"}] == [task.custom_data for task in queued_tasks()]
"""


def run_pytest(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run pytest in a folder, with the plugin named instead of found by its entry point.

    Its temporary folders are below that one: in a shared place it would tidy up after others, for minutes.
    """
    plugin = ["-p", "taskrunner.testing"]
    temporary = folder / "tmp"
    temporary.mkdir(exist_ok=True)
    outside = {"PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(temporary)}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *plugin, *arguments],
        cwd=folder,
        env=outside | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        timeout=DEADLINE,
    )


def test_tests_of_tasks_run_as_their_authors_expect(tmp_path: Path) -> None:
    (tmp_path / "plugins").mkdir(mode=0o755)
    (tmp_path / "plugins" / "forum.py").write_text(PLUGIN)
    (tmp_path / "plugins" / "forum.py").chmod(0o644)
    config, _, own = TESTS.partition("@pytest.fixture\n")
    (tmp_path / "test_forum.py").write_text(config)
    (tmp_path / "test_config.py").write_text("import pytest\n\n\n@pytest.fixture\n" + own)

    done = run_pytest(tmp_path)

    assert 0 == done.returncode, done.stdout
    assert "11 passed" in done.stdout


@ON_SQLITE
@pytest.mark.parametrize("kind", [[], ["--adhoc"]])
def test_a_new_task_comes_with_a_test_that_passes(site: Program, kind: list[str]) -> None:
    printed = site.prints("new", "shop.TidyBaskets", *kind)

    done = run_pytest(site.root, "tests")
    assert f"wrote {site.root}/plugins/shop.py\n" in printed
    assert "1 passed" in done.stdout, done.stdout
    assert 0 == site.run("run-task", "shop.TidyBaskets").returncode


@ON_SQLITE
def test_a_new_task_overwrites_nothing(site: Program) -> None:
    code, said = site.refuses("new", "forum.Another")

    assert (78, True) == (code, "forum.py exist already: nothing was written" in said)


@ON_SQLITE
def test_a_new_task_needs_a_name_that_can_be_one(site: Program) -> None:
    code, said = site.refuses("new", "../forum.Another")

    assert (2, True) == (code, "is not of the form plugin.ClassName" in said)
