"""Batches: short adhoc tasks of one class, claimed and settled together, each run as if it were alone."""

import os
import signal
from collections.abc import Iterator

import pytest

from taskrunner.runner import batch
from taskrunner.runner.batch import BatchExecutor, settle_waiting
from taskrunner.runner.journal import RunJournal, give_back, read_journal
from taskrunner.runner.manual import kill_run
from taskrunner.runner.presence import RunnerIdentity
from tests.patience import until
from tests.runner.runner_site import RunnerSite, adhoc, scheduled

MAIL = adhoc("Mail", "witness(self.custom_data)\nprint('mail', self.custom_data)")
TASKS = 20


@pytest.fixture(autouse=True)
def slow_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take each run for a short one, however busy the machine is."""
    monkeypatch.setattr(batch, "LONGEST", 3600.0)
    monkeypatch.setattr(batch, "STANDSTILL", 3600.0)


@pytest.fixture
def sizes(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """How many tasks were claimed together, each time."""
    sizes: list[int] = []
    execute = BatchExecutor.execute

    def noted(self, claimed, *, until):
        sizes.append(len(claimed.jobs))
        return execute(self, claimed, until=until)

    monkeypatch.setattr(BatchExecutor, "execute", noted)
    return sizes


def queue(site: RunnerSite, name: str = "forum.Mail", *, count: int = TASKS, attempts: int = 12) -> list[int]:
    return [site.queue(name, str(number), attempts=attempts) for number in range(1, count + 1)]


def test_short_tasks_of_the_only_class_are_claimed_together_and_run_like_any_other(make_site, sizes):
    site = make_site(plugins={"forum": MAIL})
    ids = queue(site, count=30)

    summary = site.cron()

    assert [1, 1, 1, 1, 4, 8, 14] == sizes
    runs = site.runs()
    assert (30, 0, []) == (summary.adhoc, summary.failed, site.adhoc())
    assert [(number, f"mail {place}\n", 1, "ok") for place, number in enumerate(ids, 1)] == [
        (run.adhoc_id, run.output, run.attempt, run.outcome) for run in runs
    ]
    assert [str(number) for number in range(1, 31)] == site.witnessed()
    assert len({run.run_id for run in runs}) == 30
    assert site.log().count("... run id ") == site.log().count("Adhoc task complete: forum.Mail") == 30
    assert "Ran 30 adhoc tasks found at" in site.log()
    assert [] == list((site.root / "state" / "ended").iterdir())


ALONE = {
    "limit": (adhoc("Mail", extra="concurrency_limit = 9"), 12),
    "fork": (adhoc("Mail", extra="isolation = 'fork'"), 12),
    "one attempt": (MAIL, 1),
    "fails": (adhoc("Mail", "raise ValueError"), 12),
}


@pytest.mark.parametrize("why", ALONE)
def test_what_goes_alone(make_site, sizes, why):
    text, attempts = ALONE[why]
    site = make_site(plugins={"forum": text})
    queue(site, count=8, attempts=attempts)

    site.cron()

    assert [1] * 8 == sizes


def test_tasks_that_were_tried_before_or_are_queued_once_at_most_go_alone(make_site, sizes):
    site = make_site(plugins={"forum": MAIL})
    ids = queue(site, count=12)
    site.elsewhere(f"update task_adhoc set tries = 1 where id = {ids[6]}")
    site.elsewhere(f"update task_adhoc set once = 1 where id = {ids[7]}")
    site.elsewhere(f"update task_adhoc set interruptions = 1 where id = {ids[8]}")

    site.cron()

    assert [1, 1, 1, 1, 2, 1, 1, 1, 3] == sizes
    assert ids == [run.adhoc_id for run in site.runs()]


def test_tasks_that_go_first_or_last_in_their_class_go_alone(make_site, sizes):
    site = make_site(plugins={"forum": MAIL})
    ids = queue(site, count=12)
    site.elsewhere(f"update task_adhoc set priority = 1 where id = {ids[10]}")
    site.elsewhere(f"update task_adhoc set priority = -1 where id = {ids[0]}")

    site.cron()

    assert [ids[10], *ids[1:10], ids[11], ids[0]] == [run.adhoc_id for run in site.runs()]
    assert [1, 1, 1, 1, 4, 3, 1] == sizes


def test_nothing_is_batched_while_another_class_is_due(make_site, sizes):
    site = make_site(plugins={"forum": (MAIL, adhoc("Note"))})
    queue(site, count=8)
    queue(site, "forum.Note", count=8)

    site.cron()

    assert {1} == set(sizes[:8])


ENDS = {
    "fails": ("raise ValueError('no')", "failed", TASKS),
    "asks to be tried later": (
        "from taskrunner import RetryLater; raise RetryLater(seconds=60)",
        "delayed",
        TASKS,
    ),
    "clears caches": ("clear_static_caches()", "ok", 10),
    "a signal": ("os.kill(os.getpid(), 15)", "ok", 10),
    "changes the process": ("sys.setrecursionlimit(sys.getrecursionlimit() + 1)", "ok", None),
}


@pytest.mark.parametrize("how", ENDS)
def test_a_batch_ends_with_a_task_that_does_not_leave_all_as_it_was(make_site, sizes, how):
    does, outcome, ran = ENDS[how]
    site = make_site(
        plugins={"forum": adhoc("Mail", f"witness('x')\nif self.custom_data == 10:\n    {does}")}
    )
    queue(site)

    site.cron()

    tenth = site.runs()[9]
    assert outcome == tenth.outcome
    assert ran is None or ran == len(site.witnessed())
    left = [row for row in site.adhoc() if row.id != tenth.adhoc_id]
    assert TASKS - len(site.witnessed()) == len(left)
    assert all(
        (None, 12, 0, None) == (row.run_id, row.attempts_left, row.tries, row.first_started_at)
        for row in left
    )


def test_a_task_that_asks_to_run_again_stays_queued(make_site, sizes):
    again = (
        "from taskrunner import reschedule_or_queue_adhoc_task\n"
        f"reschedule_or_queue_adhoc_task(Mail(self.custom_data), next_run_at={4_200_000_000})"
        " if self.custom_data == 10 else None"
    )
    init = "def __init__(self, data=None):\n    self.custom_data = data\n"
    site = make_site(plugins={"forum": adhoc("Mail", again, extra=init)})
    site.elsewhere("select 1")
    with site.opened() as opened:
        from taskrunner.queueing import enqueue, new_task

        tasks = [
            new_task("forum.Mail", n, user=None, next_run_at=site.clock(), retry=True, attempts=12)
            for n in range(1, 15)
        ]
        enqueue(opened.store, tasks, site.clock())

    site.cron()

    assert max(sizes) > 1
    [row] = site.adhoc()
    assert ("10", 4_200_000_000, 12, 0) == (row.custom_data, row.next_run_at, row.attempts_left, row.tries)
    assert ["ok"] * 14 == site.outcomes()


def claimed_batch(site: RunnerSite, count: int) -> RunnerIdentity:
    """Leave what a process leaves that has claimed a batch: rows and no lock."""
    with site.opened() as opened:
        identity = site.runner(opened).identity
        opened.store.runners.add(
            identity.id,
            hostname=identity.hostname,
            pid=identity.pid,
            started_at=identity.started_at,
            command="cron",
            log_file=str(site.root / "log" / "dead.log"),
        )
        ids = [f"RUN{number}" for number in range(count)]
        with opened.store.transaction():
            rows = opened.store.adhoc.claim_batch("forum.Mail", identity.claim_info(site.clock()), ids).get()
    assert ids == [row.run_id for row in rows]
    assert [0] + [1] * (count - 1) == [row.behind for row in rows]
    return identity


def noted(site: RunnerSite, identity: RunnerIdentity, *lines: str) -> RunJournal:
    journal = RunJournal(site.root / "state", identity.id)
    journal.open()
    journal.path.write_text("".join(f"{line}\n" for line in lines))
    return journal


def ended(run_id: str, at: float) -> str:
    return f"E {run_id} ok {at} {at + 0.5} 0 0 0.25 1 0 0 "


def test_of_a_batch_whose_process_died_each_task_gets_what_the_journal_says(make_site):
    site = make_site(plugins={"forum": MAIL})
    ids = queue(site, count=5)
    identity = claimed_batch(site, 5)
    now = site.clock()
    lines = [f"S RUN0 {now} 4", ended("RUN0", now), f"S RUN1 {now + 1} 3", ended("RUN1", now + 1)]
    noted(site, identity, *lines, f"S RUN2 {now + 2} 2")

    with site.opened() as opened:
        from taskrunner.runner.presence import recover

        recover(site.runner(opened), now=site.clock())

    runs = {run.adhoc_id: (run.outcome, run.started_at) for run in site.runs()}
    assert {ids[0]: ("ok", now), ids[1]: ("ok", now + 1), ids[2]: ("crashed", now + 2)} == runs
    rows = {row.id: (row.run_id, row.attempts_left, row.tries, row.interruptions) for row in site.adhoc()}
    assert {ids[2]: (None, 11, 1, 0), ids[3]: (None, 12, 0, 1), ids[4]: (None, 12, 0, 1)} == rows


def test_without_its_journal_as_on_another_host_nobody_knows_what_of_a_batch_had_started(make_site):
    site = make_site(plugins={"forum": MAIL})
    queue(site, count=3)
    claimed_batch(site, 3)

    site.cron(after=1)

    assert ["crashed"] * 3 == site.outcomes()
    assert [False, True, True] == [
        (run.message or "").endswith("; it is not known whether it had started") for run in site.runs()
    ]
    assert [11] * 3 == [row.attempts_left for row in site.adhoc()]


def test_a_start_behind_the_line_of_the_helper_is_none(make_site):
    site = make_site(plugins={"forum": MAIL})
    ids = queue(site, count=4)
    identity = claimed_batch(site, 4)
    journal = RunJournal(site.root / "state", identity.id)
    now = site.clock()

    assert journal.start("RUN0", now, left=3) and journal.start("RUN1", now + 1, left=2)
    give_back(journal.path)
    assert not journal.start("RUN2", now + 2, left=1) and not journal.start("RUN3", now + 2, left=0)
    with site.opened() as opened:
        settle_waiting(opened, journal)
        running = [(row.run_id, row.started_at) for row in opened.store.runners.running()]

    assert {"RUN0": now, "RUN1": now + 1} == read_journal(site.root / "state", identity.id).started
    assert [("RUN0", now), ("RUN1", now + 1)] == sorted(running)
    rows = {row.id: (row.run_id, row.attempts_left, row.interruptions) for row in site.adhoc()}
    assert {
        ids[0]: ("RUN0", 11, 0),
        ids[1]: ("RUN1", 11, 0),
        ids[2]: (None, 12, 0),
        ids[3]: (None, 12, 0),
    } == rows


def test_the_helper_settles_what_had_ended_and_the_runner_finds_it_done(make_site, monkeypatch, sizes):
    """It acts in the middle of each batch, as if the task had hung."""
    site = make_site(plugins={"forum": MAIL})
    queue(site)
    start, acted = RunJournal.start, []

    def hung(self, run_id, started_at, *, left):
        if left == 1:
            acted.append(run_id)
            give_back(self.path)
            with site.opened() as opened:
                settle_waiting(opened, self)
        return start(self, run_id, started_at, left=left)

    monkeypatch.setattr(RunJournal, "start", hung)

    site.cron()

    assert acted and max(sizes) > 1
    assert [str(number) for number in range(1, TASKS + 1)] == site.witnessed()
    assert ["ok"] * TASKS == site.outcomes()
    assert "was taken for dead" not in site.log()


def test_without_its_helper_a_process_claims_one_task_at_a_time(make_site, monkeypatch, sizes):
    monkeypatch.setattr(batch, "watch", lambda *_: os.kill(os.getpid(), signal.SIGKILL))
    monkeypatch.setattr(BatchExecutor, "_note", _note_and_wait(BatchExecutor._note))
    site = make_site(plugins={"forum": MAIL})
    queue(site)

    site.cron()

    assert [1] * TASKS == sizes


def _note_and_wait(note):
    def noted(self, *arguments):
        note(self, *arguments)
        until(lambda: self.helper is None or not self.helper.is_alive(), "the end of the helper")

    return noted


def test_a_run_that_has_ended_is_not_killed_while_the_batch_goes_on(make_site):
    site = make_site(plugins={"forum": MAIL})
    queue(site, count=2)
    identity = claimed_batch(site, 2)
    noted(site, identity, f"S RUN0 {site.clock()} 1", ended("RUN0", site.clock()))
    with site.opened() as opened:
        lock = opened.locks.acquire(f"runner-{identity.id}")
        [row] = opened.store.runners.running()

        assert "RUN0" == row.run_id
        assert not kill_run(opened, row._replace(pid=os.getpid()), grace=0)
        assert lock is not None
        lock.release()


@pytest.mark.parametrize(
    "torn", [b"S RUN0", b"E RUN0 ok 1.0", b"\x00\x00\n", b"S RUN0 x y\n", b"{}\n", b"E\n"]
)
def test_half_a_line_tells_nothing(make_site, torn):
    site = make_site(plugins={"forum": scheduled("Digest")})
    journal = RunJournal(site.root / "state", "RUNNER")
    journal.open()
    journal.path.write_bytes(torn)

    told = read_journal(site.root / "state", "RUNNER")

    assert (True, {}, {}) == (told.is_there, told.started, told.ended)
