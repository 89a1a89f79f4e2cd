"""Who goes next: fair shares, limits of classes, fast tasks first, as Moodle's queue does it."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from taskrunner.db.postgres import with_percent_names
from taskrunner.db.sql import adapt
from taskrunner.db.sqlite.connect import open_connection
from taskrunner.installation import Site
from taskrunner.records import ClaimInfo, Run
from taskrunner.runner.claim import EVERYTHING, AdhocClaims, Selection, share
from taskrunner.runner.job import FinishedRun, Job
from taskrunner.runner.presence import RunnerIdentity
from taskrunner.runner.settle import settle
from taskrunner.store.tasks import NewTask
from tests.databases import ON_POSTGRES, ON_SQLITE, connect_to
from tests.runner.runner_site import START, RunnerSite, adhoc

VECTORS = json.loads((Path(__file__).parents[1] / "data" / "moodle.json").read_text("utf-8"))
DIFFERENT: dict[str, str] = {}
"""Vector -> why taskrunner answers it otherwise, on purpose. There is none."""

IS_FULL = "Skipping moodle.{} adhoc task class as the per-task limit of {} is reached."


@dataclass
class Queue:
    """The queue of a site in the hands of the test: it queues, claims and settles as runners would."""

    site: Site
    selection: Selection = EVERYTHING
    said: list[str] = field(default_factory=list)
    now: float = START

    def __post_init__(self) -> None:
        self.identity = RunnerIdentity("RUNNER", "cron1", 4711, START, "cron")
        self.claims = AdhocClaims(
            self.site, self.identity, lambda: self.now, self.selection, self.said.append
        )

    def add(self, *names: str, next_run: float = -20) -> list[int]:
        tasks = [NewTask(f"moodle.{n}", "moodle", "null", None, "I", START + next_run, 12) for n in names]
        with self.site.store.transaction():
            return self.site.store.adhoc.add(tasks, START - 1000)

    def start(self, task_id: int, at: float) -> None:
        """Let a task run since a moment, whatever the limits."""
        assert self.site.store.adhoc.claim_id(task_id, self.identity.claim_info(START + at)) is not None

    def take(self, at: float = 0) -> Job | None:
        """Claim a task as a runner does that has seen nothing of the queue before."""
        self.claims._only = None
        return self.take_next(at)

    def take_next(self, at: float = 0) -> Job | None:
        self.now = START + at
        with self.site.store.transaction():
            claimed = self.claims.next()
        batch = claimed.get()
        return batch.jobs[0] if batch else None

    def taken(self, at: float = 0) -> str | None:
        """Claim a task and return its class."""
        job = self.take(at)
        return job and job.name.removeprefix("moodle.")

    def sought(self, at: float = 0) -> str | None:
        """Claim a task as a runner does that has just settled another one, and return its class."""
        job = self.take_next(at)
        return job and job.name.removeprefix("moodle.")

    def take_all(self, at: float = 0) -> list[str]:
        """Claim all that may run at once, and return their classes."""
        return list(iter(lambda: self.taken(at), None))

    def done(self, job: Job, at: float) -> None:
        with self.site.store.transaction():
            assert settle(self.site, FinishedRun(run_of(job, START + at), job.fail_delay)).get()


def run_of(job: Job, ended_at: float) -> Run:
    return Run(
        run_id=job.run_id,
        type="adhoc",
        name=job.name,
        plugin=job.plugin,
        adhoc_id=job.adhoc_id,
        user=None,
        due_at=job.due_at,
        started_at=job.started_at,
        ended_at=ended_at,
        outcome="ok",
        message=None,
        output="",
        log_file=None,
        db_reads=0,
        db_writes=0,
        cpu_seconds=0.0,
        max_rss=0,
        attempt=1,
        hostname="cron1",
        pid=4711,
    )


@pytest.fixture
def opened(make_site: Callable[..., RunnerSite]) -> Callable[..., Any]:
    """Open the queue of a site with a plugin `moodle` that has these classes."""

    @contextmanager
    def opened(
        *classes: str, limit: int = 3, config: str = "", selection: Selection = EVERYTHING
    ) -> Iterator[Queue]:
        declared = tuple(text if "\n" in text else adhoc(text) for text in classes)
        config = f"[cron]\nadhoc_concurrency_limit = {limit}\n{config}"
        with make_site(plugins={"moodle": declared}, config=config).opened() as site:
            yield Queue(site, selection)

    return opened


def config_of(vector: dict[str, Any]) -> str:
    limits = vector.get("per_class", {})
    default = vector.get("default_per_class", 0)
    tables = [f'[tasks."moodle.{name}"]\nconcurrency_limit = {limit}' for name, limit in limits.items()]
    return "\n".join([f"[adhoc]\ndefault_concurrency_limit = {default}", *tables])


def handed_out(queue: Queue, steps: list[list[Any]]) -> list[dict[str, Any]]:
    results, jobs = [], {}
    for verb, runner, at in steps:
        if verb == "done":
            queue.done(jobs[runner], at)
            continue
        job = jobs[runner] = queue.take(at)
        results.append(
            {
                "runner": runner,
                "class": job and job.name.removeprefix("moodle."),
                "id": job and job.adhoc_id,
            }
        )
    return results


@pytest.mark.parametrize("vector", VECTORS["adhoc_handout"], ids=lambda vector: vector["name"])
def test_tasks_are_handed_out_as_moodle_hands_them_out(opened, vector):
    wanted = f"moodle.{vector['classname']}" if "classname" in vector else None
    classes = sorted({task["class"] for task in vector["queue"]})
    with opened(
        *classes, limit=vector["limit"], config=config_of(vector), selection=Selection(wanted)
    ) as queue:
        for task in vector["queue"]:
            assert [task["id"]] == queue.add(task["class"], next_run=task["nextrun"])
        for task in vector["queue"]:
            if "started" in task:
                queue.start(task["id"], task["started"])

        results = handed_out(queue, vector["steps"])

    assert vector["result"] == results


@pytest.mark.parametrize("vector", VECTORS["adhoc_candidates"], ids=str)
def test_what_may_run_at_once_is_what_moodle_lets_run(opened, vector):
    classes = sorted({task["class"] for task in vector["tasks"]})
    with opened(*classes, limit=vector["run_max"], config=config_of(vector)) as queue:
        for task in vector["tasks"]:
            (added,) = queue.add(task["class"], next_run=task["nextrun"])
            if task["running"]:
                queue.start(added, -10)

        taken = queue.take_all()

    assert vector["expected_classes_in_order"] == taken


@pytest.mark.parametrize("vector", VECTORS["slots"], ids=str)
def test_the_share_of_a_class_is_that_of_moodle(vector):
    assert vector["slots"] == share(vector["limit"], vector["classes_due"])


def test_no_vector_is_answered_otherwise():
    assert {} == DIFFERENT


def test_a_class_that_only_runs_counts_for_the_shares_as_if_it_waited(opened):
    with opened("a", "b", limit=6) as queue:
        (running,) = queue.add("b")
        queue.start(running, -5)
        queue.add(*"aaaaaaaa")
        first = [queue.taken() for _ in range(2)]
        queue.add("b")

        then = queue.taken(1)

    assert (["a", "a"], "b") == (first, then)


def test_the_class_that_runs_least_goes_first(opened):
    with opened("a", "b", limit=9) as queue:
        ids = queue.add(*"aab", next_run=-500)
        for task_id in ids:
            queue.start(task_id, -100)
        queue.add("a", next_run=-400)
        queue.add("b", next_run=-10)

        assert "b" == queue.taken()


def test_a_class_that_becomes_due_beside_a_long_queue_is_seen_within_a_tenth_of_a_second(opened):
    with opened("Long", "New") as queue:
        queue.add(*["Long"] * 9)
        before = queue.sought(at=0.0)
        queue.add("New")

        taken = [queue.sought(at=at) for at in (0.05, 0.099, 0.1)]

    assert before == "Long"
    assert taken == ["Long", "Long", "New"]


def test_a_class_with_a_limit_is_looked_at_each_time(opened):
    with opened("Long", config='[tasks."moodle.Long"]\nconcurrency_limit = 2') as queue:
        queue.add(*["Long"] * 9)

        assert [queue.sought(at=0.01) for _ in range(4)] == ["Long", "Long", None, None]


def test_what_is_due_only_after_a_clock_step_back_is_not_claimed_unseen(opened):
    with opened("Long", "New") as queue:
        queue.add("Long", "Long")
        queue.sought(at=0.0)
        queue.add("New", next_run=-30)

        assert queue.sought(at=-10.0) == "New"


def test_the_last_task_of_the_only_class_is_followed_by_none(opened):
    with opened("Long") as queue:
        queue.add("Long", "Long")

        assert [queue.sought(at=0.01) for _ in range(3)] == ["Long", "Long", None]


def test_of_those_that_run_alike_the_one_whose_oldest_started_last_goes_first(opened):
    with opened("slow", "fast", limit=9) as queue:
        slow, fast = queue.add("slow", "fast", next_run=-500)
        queue.start(slow, -300)
        queue.start(fast, -2)
        queue.add("slow", next_run=-400)
        queue.add("fast", next_run=-10)

        assert "fast" == queue.taken()


def test_of_those_that_do_not_run_the_longest_waiting_goes_first_then_the_first_queued(opened):
    with opened("a", "b", "c", limit=9) as queue:
        queue.add("c", next_run=-10)
        queue.add("b", next_run=-30)
        queue.add("a", next_run=-10)

        assert ["b", "c", "a"] == queue.take_all()


def test_what_is_not_due_is_not_handed_out_and_has_no_share(opened):
    with opened("a", "b", limit=2) as queue:
        queue.add(*"aaa")
        queue.add("b", next_run=60)

        assert ["a", "a"] == queue.take_all()


LIMITED = adhoc("limited", extra="concurrency_limit = 2")


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ("", 2),
        ("[adhoc]\ndefault_concurrency_limit = 1", 2),
        ('[tasks."moodle.limited"]\nconcurrency_limit = 1', 1),
        ('[tasks."moodle.*"]\nconcurrency_limit = 3', 3),
        ('[tasks."moodle.limited"]\nconcurrency_limit = 0', 5),
    ],
    ids=["class", "class before default", "config before class", "wildcard", "config lifts it"],
)
def test_config_then_class_says_how_many_of_a_class_run_at_once(opened, config, expected):
    with opened(LIMITED, limit=9, config=config) as queue:
        queue.add(*["limited"] * 5)

        assert ["limited"] * expected == queue.take_all()


@pytest.mark.parametrize(("default", "expected"), [(0, 5), (1, 1), (4, 4)])
def test_a_class_that_says_nothing_has_the_default_limit(opened, default, expected):
    with opened("a", limit=9, config=f"[adhoc]\ndefault_concurrency_limit = {default}") as queue:
        queue.add(*"aaaaa")

        assert ["a"] * expected == queue.take_all()


def test_the_limit_of_a_class_holds_also_when_the_rest_is_filled_up(opened):
    with opened(LIMITED, "a", limit=9) as queue:
        queue.add(*["limited"] * 5, "a")

        assert ["a", "limited", "limited"] == sorted(queue.take_all())


def test_a_full_class_is_named_once_in_a_phase(opened):
    with opened(LIMITED, "a", limit=9) as queue:
        queue.add(*["limited"] * 5, *"aaa")
        queue.take_all()
        queue.take()
        in_one_phase = list(queue.said)

        queue.claims.begin_phase()
        queue.take()

    assert [IS_FULL.format("limited", 2)] == in_one_phase
    assert [IS_FULL.format("limited", 2)] * 2 == queue.said


def test_a_class_that_is_not_full_is_not_named(opened):
    with opened(LIMITED, limit=1) as queue:
        queue.add(*["limited"] * 2)
        queue.take_all()

    assert [] == queue.said


def test_a_cron_names_the_full_class_in_its_log_and_runs_the_others(make_site):
    site = make_site(
        plugins={
            "moodle": (
                adhoc("full", "witness('full')", extra="concurrency_limit = 1"),
                adhoc("a", "witness('a')"),
            )
        }
    )
    running = site.queue("moodle.full")
    for name in ("moodle.full", "moodle.a", "moodle.a"):
        site.queue(name)
    with site.opened() as elsewhere:
        lock = elsewhere.locks.acquire("RUNNER")
        elsewhere.store.adhoc.claim_id(running, ClaimInfo("RUNNER", "RUN", START, "elsewhere", 1))

        site.cron()
        lock.release()

    assert ["a", "a"] == site.witnessed()
    assert 1 == site.log().splitlines().count(IS_FULL.format("full", 1))


def test_a_filter_by_class_hands_out_no_other(opened):
    with opened("a", "b", limit=9, selection=Selection("moodle.b")) as queue:
        queue.add(*"aaabb")

        assert ["b", "b"] == queue.take_all()


def test_a_filter_by_class_does_not_give_it_more_than_its_share(opened):
    with opened("a", "b", limit=3, selection=Selection("moodle.b")) as queue:
        queue.add(*"aaabb")

        assert ["b"] == queue.take_all()


def test_without_limits_all_that_is_due_is_handed_out(opened):
    with opened(LIMITED, "a", limit=1, selection=Selection(ignore_limits=True)) as queue:
        queue.add(*["limited"] * 5, *"aaaaa")

        taken = queue.take_all()

    assert ["a"] * 5 + ["limited"] * 5 == sorted(taken)
    assert [] == queue.said


def test_without_limits_the_filter_by_class_still_holds(opened):
    with opened("a", "b", limit=1, selection=Selection("moodle.a", ignore_limits=True)) as queue:
        queue.add(*"aaabb")

        assert ["a"] * 3 == queue.take_all()


@pytest.mark.parametrize("limit", [1, 3])
def test_no_more_are_handed_out_than_were_asked_for(opened, limit):
    with opened("a", limit=9, selection=Selection(limit=limit)) as queue:
        queue.add(*"aaaaa")

        assert ["a"] * limit == queue.take_all()


def test_what_was_asked_for_counts_claims_not_tasks_at_once(opened):
    with opened("a", limit=9, selection=Selection(limit=2)) as queue:
        queue.add(*"aaaaa")
        for _ in range(2):
            queue.done(queue.take(), 1)

        assert queue.take() is None


def test_a_missing_class_has_no_share_and_is_not_handed_out(opened):
    with opened("a", limit=2) as queue:
        queue.add("gone", next_run=-900)
        queue.add(*"aaa")

        assert ["a", "a"] == queue.take_all()


def test_a_disabled_plugins_class_is_not_handed_out(opened):
    with opened("a", config="[plugins.moodle]\nenabled = false") as queue:
        queue.add("a")

        assert queue.take() is None
        assert not queue.claims.has_due(START)


def test_a_long_queue_of_a_full_class_holds_up_no_other(opened):
    with opened(LIMITED, "a", limit=9) as queue:
        queue.add(*["limited"] * 20_000, next_run=-900)
        queue.add("a", next_run=-1)

        assert ["a", "limited", "limited"] == sorted(queue.take_all())


FOLDER = Path(__file__).parents[2] / "taskrunner" / "store" / "queries" / "adhoc"


@ON_SQLITE
@pytest.mark.parametrize("query", ["claim", "classes"])
def test_with_a_long_queue_of_a_full_class_in_front_the_index_is_used(opened, query):
    with opened(LIMITED, "a", limit=9) as queue:
        queue.add(*["limited"] * 20_000, next_run=-900)
        queue.add("a", next_run=-1)
        sql = adapt((FOLDER / f"{query}.sql").read_text("utf-8"), "sqlite")
        parameters = {"name": "moodle.a"} | queue.identity.claim_info(START)._asdict()
        connection = open_connection(Path(queue.site.config.database.removeprefix("sqlite:")))
        connection.execute("analyze")
        connection.close()
        connection = open_connection(Path(queue.site.config.database.removeprefix("sqlite:")))
        plan = [step for *_, step in connection.execute(f"explain query plan {sql}", parameters)]
        steps = count_steps(connection, sql, parameters)
        connection.close()

    assert any("INDEX task_adhoc_due" in step for step in plan), plan
    assert [] == [step for step in plan if step == "SCAN task_adhoc" or "TEMP B-TREE" in step]
    assert steps < 1000


@ON_POSTGRES
@pytest.mark.parametrize("query", ["claim", "classes"])
def test_with_a_long_queue_of_a_full_class_in_front_few_pages_are_read(opened, query):
    with opened(LIMITED, "a", limit=9) as queue:
        queue.add(*["limited"] * 20_000, next_run=-900)
        queue.add("a", next_run=-1)
        sql = with_percent_names(adapt((FOLDER / f"{query}.sql").read_text("utf-8"), "postgres"))
        parameters = {"name": "moodle.a"} | queue.identity.claim_info(START)._asdict()
        with connect_to(queue.site.config.database) as connection:
            connection.execute("analyze task_adhoc")
            told = connection.execute(f"explain (analyze, buffers) {sql}", parameters).fetchall()
            connection.rollback()

    plan = "\n".join(line for (line,) in told)
    assert "task_adhoc_due" in plan
    assert "Seq Scan" not in plan and "Sort" not in plan
    assert int(re.findall(r"Buffers: shared hit=(\d+)", plan)[0]) < 60, plan


def count_steps(connection: Any, sql: str, parameters: dict[str, object]) -> int:
    """Return how many steps SQLite's machine takes for a statement, which is then undone."""
    count = 0

    def step() -> int:
        nonlocal count
        count += 1
        return 0

    connection.set_progress_handler(step, 1)
    connection.execute("begin")
    count = 0
    connection.execute(sql, parameters).fetchall()
    connection.set_progress_handler(None, 1)
    connection.execute("rollback")
    return count


def test_the_highest_priority_of_a_class_is_claimed_first_and_what_is_not_due_waits(opened):
    with opened("a", limit=100) as queue:
        plain, low, high, highest, later = queue.add(*"aaaa") + queue.add("a", next_run=100)
        for task_id, priority in ((low, -1), (high, 5), (highest, 100), (later, 100)):
            queue.site.store.adhoc.prioritise(task_id, priority)

        claimed = [job and job.adhoc_id for job in (queue.take() for _ in range(5))]

    assert claimed == [highest, high, plain, low, None]
