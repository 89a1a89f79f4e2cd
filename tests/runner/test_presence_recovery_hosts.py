"""Several hosts with one database: whose dead are whose, and limits that hold for all of them."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

from taskrunner.installation import Site
from taskrunner.runner.claim import EVERYTHING, AdhocClaims
from taskrunner.runner.presence import RunnerIdentity
from tests.databases import ask
from tests.patience import DEADLINE
from tests.runner.runner_site import RunnerSite, adhoc, scheduled, site_at

LOG = "... started 12:00:00.\n... run id {}\nso far\n"


@dataclass
class Host:
    """A host of its own name, state directory and log directory; its clock stands still until it is set."""

    name: str
    site: RunnerSite

    @contextmanager
    def opened(self) -> Iterator[Site]:
        with pytest.MonkeyPatch.context() as context:
            context.setattr(os, "uname", lambda: SimpleNamespace(nodename=self.name))
            with self.site.opened() as opened:
                yield opened

    def beat(self) -> None:
        """Be known as a host that starts crons."""
        with self.opened() as opened:
            opened.store.hosts.beat(opened.hostname, self.site.clock())

    def cron(self) -> None:
        """Do what `taskrun cron` does."""
        self.beat()
        self.work()

    def work(self) -> None:
        """Do what `taskrun adhoc run` does: it is no cron."""
        with self.opened() as opened:
            self.site.runner(opened).work()

    def die_in_task(self, name: str) -> str:
        """Leave what a cron leaves that dies in a task; return the run's id."""
        self.beat()
        return self.leave_run(name)

    def leave_run(self, name: str) -> str:
        """Leave what a process leaves that dies in a task, or that lives and has lost its locks."""
        log = self.site.root / "log" / "dead.log"
        with self.opened() as opened:
            identity = self.site.runner(opened).identity
            claim = identity.claim_info(self.site.clock())
            opened.store.runners.add(
                identity.id,
                hostname=identity.hostname,
                pid=identity.pid,
                started_at=identity.started_at,
                command="cron",
                log_file=str(log),
            )
            opened.store.scheduled.claim_named(name, claim)
        log.parent.mkdir(exist_ok=True)
        log.write_text(LOG.format(claim.run_id))
        return claim.run_id


@pytest.fixture
def make_host(tmp_path: Path, postgres_url: str) -> Callable[..., Host]:
    """Make a host; its clock may differ from that of the database."""
    line = f'database = "{postgres_url}"\n'

    def make_host(name: str, *tasks: str, config: str = "", ahead: float = 0.0) -> Host:
        (tmp_path / name).mkdir()
        plugins = {"forum": tasks or (scheduled("Digest", "witness('ran')"),)}
        now = time.time() + ahead
        return Host(
            name, site_at(tmp_path / name, database_line=line, plugins=plugins, config=config, now=now)
        )

    return make_host


@pytest.fixture
def let_pass(postgres_url: str) -> Callable[..., None]:
    """Let seconds pass for all hosts: what the database knows of them is so much older."""

    def let_pass(seconds: float, *hosts: Host) -> None:
        ask(postgres_url, f"update task_host set last_cron_at = last_cron_at - {seconds}")
        ask(postgres_url, f"update task_runner set started_at = started_at - {seconds}")

    return let_pass


def test_a_host_does_the_books_of_its_own_dead_at_once(make_host):
    one = make_host("one")
    run_id = one.die_in_task("forum.Digest")

    one.cron()

    [run] = one.site.runs()
    assert (run.run_id, run.outcome, run.hostname, run.output) == (run_id, "crashed", "one", "so far\n")


@pytest.mark.parametrize(("passed", "outcomes"), [(0, []), (290, []), (310, ["crashed"])])
def test_another_host_does_them_when_five_minutes_went_by_without_a_cron_there(
    make_host, let_pass, passed, outcomes
):
    one, two = make_host("one"), make_host("two")
    one.die_in_task("forum.Digest")
    let_pass(passed)

    two.cron()

    assert two.site.outcomes() == outcomes


def test_a_host_that_starts_crons_is_left_its_dead_however_long_that_takes(make_host, let_pass):
    one, two = make_host("one"), make_host("two")
    one.die_in_task("forum.Digest")
    let_pass(3000)
    one.beat()

    two.cron()
    by_two = two.site.outcomes()
    one.cron()

    assert by_two == []
    assert one.site.outcomes() == ["crashed"]


def test_the_output_of_a_dead_run_on_another_host_is_not_to_be_had_and_that_is_said(make_host, let_pass):
    one, two = make_host("one"), make_host("two")
    one.die_in_task("forum.Digest")
    (one.site.root / "log" / "dead.log").unlink()
    let_pass(310)

    two.cron()

    [run] = two.site.runs()
    assert run.output.endswith("dead.log on one cannot be read here: No such file or directory)")


def test_a_runner_that_lives_is_left_alone_by_every_host_for_ever(make_host, let_pass):
    one, two = make_host("one"), make_host("two")
    one.die_in_task("forum.Digest")
    with one.opened() as opened:
        [runner] = opened.store.runners.list()
        lock = opened.locks.acquire(f"runner-{runner.id}")
        let_pass(9000)

        two.cron()
        lock.release()

    assert two.site.outcomes() == []


def test_a_runner_whose_session_was_lost_is_known_to_live_on_its_own_host(make_host, postgres_url):
    one = make_host("one")
    one.die_in_task("forum.Digest")
    with one.opened() as opened:
        [runner] = opened.store.runners.list()
        lock = opened.locks.acquire(f"runner-{runner.id}")
        ask(
            postgres_url,
            "select count(pg_terminate_backend(pid, 10000)) from pg_stat_activity"
            " where datname = current_database() and application_name = 'taskrun lock'",
        )
        one.cron()
        lock.release()

    assert one.site.outcomes() == []


def leave_lock_of_dead_process(host: Host) -> str:
    """Leave the lock's file of the runner that died there; return the lock's name."""
    with host.opened() as opened:
        [runner] = opened.store.runners.list()
        opened.locks.here.acquire(f"runner-{runner.id}").release()
    return f"runner-{runner.id}"


def test_a_session_that_the_server_still_has_keeps_no_run_of_a_host_that_was_switched_off(make_host):
    one, two = make_host("one"), make_host("two")
    one.die_in_task("forum.Digest")
    name = leave_lock_of_dead_process(one)
    with two.opened() as opened:
        session = opened.locks.everywhere.acquire(name)

        one.cron()
        session.release()

    assert one.site.outcomes() == ["crashed"]


def test_a_container_under_another_name_does_the_books_of_the_one_before_at_once(make_host):
    one = make_host("one")
    one.die_in_task("forum.Digest")
    leave_lock_of_dead_process(one)

    Host("another", one.site).cron()

    assert one.site.outcomes() == ["crashed"]


@pytest.mark.parametrize("ahead", [-7200, -120, 120, 7200])
@pytest.mark.parametrize(("passed", "outcomes"), [(0, []), (290, [])])
def test_clocks_that_differ_make_no_host_look_dead(make_host, let_pass, ahead, passed, outcomes):
    one, two = make_host("one", ahead=ahead), make_host("two")
    one.die_in_task("forum.Digest")
    let_pass(passed)

    two.cron()

    assert two.site.outcomes() == outcomes


@pytest.mark.parametrize("ahead", [-7200, -120, 120, 7200])
@pytest.mark.parametrize(("passed", "outcomes"), [(0, []), (290, []), (310, ["crashed"])])
def test_the_run_of_a_host_without_crons_is_left_alone_for_five_minutes_whatever_its_clock_says(
    make_host, let_pass, ahead, passed, outcomes
):
    one, two = make_host("one", ahead=ahead), make_host("two")
    one.leave_run("forum.Digest")
    let_pass(passed)

    two.cron()

    assert two.site.outcomes() == outcomes


@pytest.mark.parametrize("ahead", [-7200, 7200])
def test_a_host_whose_clock_nobody_knows_leaves_the_runs_of_others_alone(make_host, let_pass, ahead):
    one, two = make_host("one"), make_host("two", ahead=ahead)
    one.leave_run("forum.Digest")
    let_pass(400)
    one.beat()

    two.work()

    assert two.site.outcomes() == []


@pytest.mark.parametrize("ahead", [-7200, -120])
def test_a_clock_that_is_behind_keeps_nobody_from_doing_the_books_of_others(make_host, let_pass, ahead):
    one, two = make_host("one"), make_host("two", ahead=ahead)
    one.die_in_task("forum.Digest")
    let_pass(310 - ahead)

    two.cron()

    assert two.site.outcomes() == ["crashed"]


def test_each_host_declares_its_tasks_and_a_runner_leaves_those_it_does_not_have_to_others(make_host):
    both = (scheduled("Digest", "witness('ran')", schedule="* * * * *"),)
    one = make_host("one", *both)
    two = make_host("two", *both, scheduled("New", "witness('new')"))
    for host in (one, two):
        host.site.clock.now += 60

    one.cron()
    after_one = (one.site.witnessed(), two.site.witnessed())
    two.cron()

    assert after_one == (["ran"], [])
    assert two.site.witnessed() == ["new"]


def test_the_slots_are_those_of_all_hosts_together(make_host):
    config = "[cron]\nscheduled_concurrency_limit = 2"
    hosts = [make_host(name, config=config) for name in ("one", "two", "three")]
    for host in hosts:
        host.site.clock.now += 60
    with ExitStack() as stack:
        for host, number in zip(hosts, (0, 1), strict=False):
            opened = stack.enter_context(host.opened())
            assert opened.locks.acquire(f"scheduled-{number}") is not None

        hosts[2].cron()

    assert hosts[2].site.witnessed() == []
    assert "Skipping processing of scheduled tasks. Concurrency limit reached." in hosts[2].site.log()


LIMITED = adhoc("Limited", extra="concurrency_limit = 3")


def test_the_limit_of_a_class_holds_when_all_hosts_claim_at_once(make_host, postgres_url):
    """Each host claims as fast as it can until it finds nothing; what is claimed is never settled."""
    config = "[cron]\nadhoc_concurrency_limit = 50"
    hosts = [make_host(name, LIMITED, config=config) for name in ("one", "two", "three", "four")]
    for _ in range(20):
        hosts[0].site.queue("forum.Limited")
    together, taken = threading.Barrier(len(hosts)), []

    def claim(host: Host, opened: Site) -> None:
        identity = RunnerIdentity(host.name, host.name, 1, host.site.clock(), "cron")
        claims = AdhocClaims(opened, identity, lambda: host.site.clock() + 5, EVERYTHING, lambda line: None)
        together.wait(DEADLINE)
        for _ in range(10):
            with opened.store.transaction():
                claimed = claims.next()
            if (batch := claimed.get()) is not None:
                taken.extend(job.adhoc_id for job in batch.jobs)

    with ExitStack() as stack:
        threads = [
            threading.Thread(target=claim, args=(host, stack.enter_context(host.opened()))) for host in hosts
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert len(taken) == len(set(taken)) == 3
    assert ask(postgres_url, "select count(*) from task_adhoc where run_id is not null") == [(3,)]
