"""Advisory locks: gone with their session, seen by every host, refused where sessions are shared."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import psycopg
import pytest

from taskrunner.db.postgres.locks import AdvisoryLock, AdvisoryLocks
from taskrunner.errors import ConfigError, StoreError, TaskrunnerError
from tests.databases import PostgresDatabases, ask
from tests.patience import DEADLINE
from tests.server.account import ServerError
from tests.server.pgbouncer import find_pgbouncer, running_pgbouncer
from tests.server.pooler import running_pooler
from tests.server.postgres import running_server

HOLD = """
import os, sys
from taskrunner.db.postgres.locks import AdvisoryLocks
lock = AdvisoryLocks(sys.argv[1], "site").acquire("slot-1")
if sys.argv[2] == "fork" and os.fork() == 0:
    print("ready", flush=True)
    sys.stdin.read()
    os._exit(0)
if sys.argv[2] == "alone":
    print("ready", flush=True)
sys.stdin.read()
"""
"""Takes the lock and says so; with "fork" it is a child that says so, and outlives it."""

Hold = Callable[[str], subprocess.Popen[bytes]]
OpenLocks = Callable[..., AdvisoryLocks]


@pytest.fixture
def open_locks(postgres_url: str) -> Iterator[OpenLocks]:
    """Open the locks of an installation as another process would; all are closed at the end."""
    opened: list[AdvisoryLocks] = []

    def open_locks(url: str = postgres_url, *, site: str = "site") -> AdvisoryLocks:
        opened.append(AdvisoryLocks(url, site))
        return opened[-1]

    yield open_locks
    for locks in opened:
        locks.close()


@pytest.fixture
def locks(open_locks: OpenLocks) -> AdvisoryLocks:
    return open_locks()


@pytest.fixture
def hold(postgres_url: str) -> Iterator[Hold]:
    """Start a process that holds slot-1, and whatever it starts, until the end of the test."""
    started: list[subprocess.Popen[bytes]] = []

    def hold(child: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", HOLD, postgres_url, child]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        started.append(process)
        assert process.stdout is not None
        assert b"ready\n" == process.stdout.readline()
        return process

    yield hold
    for process in started:
        process.communicate()


def taken(locks: AdvisoryLocks, name: str = "slot-1") -> AdvisoryLock:
    lock = locks.acquire(name)
    assert lock is not None
    return lock


def is_free(locks: AdvisoryLocks, name: str = "slot-1") -> bool:
    lock = locks.acquire(name)
    if lock is not None:
        lock.release()
    return lock is not None


def becomes_free(locks: AdvisoryLocks) -> bool:
    """Wait until the lock is free: the server hears of the end of a process in its own time."""
    deadline = time.monotonic() + DEADLINE
    while locks.is_held("slot-1") and time.monotonic() < deadline:
        time.sleep(0.01)
    return is_free(locks)


def end_sessions(url: str) -> None:
    """End every other session of a database, and wait until they are gone."""
    ask(
        url,
        "select pg_terminate_backend(pid, 10000) from pg_stat_activity"
        " where datname = current_database() and pid <> pg_backend_pid()",
    )


def test_a_lock_is_taken_once_also_by_the_session_that_has_it(locks: AdvisoryLocks) -> None:
    taken(locks)

    assert locks.acquire("slot-1") is None


def test_a_lock_of_another_session_cannot_be_taken_and_is_seen(open_locks: OpenLocks) -> None:
    first, second = open_locks(), open_locks()
    taken(first)

    assert (None, True) == (second.acquire("slot-1"), second.is_held("slot-1"))


def test_only_a_lock_that_is_held_is_held(locks: AdvisoryLocks, open_locks: OpenLocks) -> None:
    other = open_locks()
    never = other.is_held("slot-1")
    lock = taken(locks)
    held = (locks.is_held("slot-1"), other.is_held("slot-1"))
    lock.release()

    assert (False, (True, True), False) == (never, held, other.is_held("slot-1"))


def test_a_lock_that_is_let_go_is_free_for_others(open_locks: OpenLocks) -> None:
    first, second = open_locks(), open_locks()
    taken(first).release()

    assert is_free(second)


def test_a_lock_that_could_not_be_taken_leaves_the_others_hold_alone(open_locks: OpenLocks) -> None:
    first, second, third = open_locks(), open_locks(), open_locks()
    taken(first)
    for _ in range(3):
        second.acquire("slot-1")
        second.is_held("slot-1")

    assert not is_free(third)


def test_of_two_locks_one_is_let_go_and_the_other_stays(open_locks: OpenLocks) -> None:
    first, second = open_locks(), open_locks()
    one, _ = taken(first, "slot-1"), taken(first, "slot-2")

    one.release()
    one.release()

    assert (True, False) == (is_free(second, "slot-1"), is_free(second, "slot-2"))


@pytest.mark.parametrize("name", ["slot-2", "slot-1 ", "", "runner-03QCZCPYCGZYD5XP7WD50CAD6P"])
def test_locks_of_other_names_are_free(open_locks: OpenLocks, name: str) -> None:
    first, second = open_locks(), open_locks()
    taken(first)

    assert (False, True) == (second.is_held(name), is_free(second, name))


def test_another_installation_in_the_same_database_has_locks_of_its_own(open_locks: OpenLocks) -> None:
    ours, theirs = open_locks(site="ours"), open_locks(site="theirs")
    taken(ours)

    assert (False, True) == (theirs.is_held("slot-1"), is_free(theirs))


def test_another_database_of_the_server_has_locks_of_its_own(
    open_locks: OpenLocks, postgres_databases: PostgresDatabases
) -> None:
    taken(open_locks())
    with postgres_databases.new() as url:
        others = open_locks(url)

        assert (False, True) == (others.is_held("slot-1"), is_free(others))


def test_a_lock_of_somebody_elses_program_is_not_ours(
    locks: AdvisoryLocks, open_locks: OpenLocks, postgres_url: str
) -> None:
    """Theirs have one key of 64 bits."""
    with psycopg.connect(postgres_url) as other:
        other.execute(
            "select pg_advisory_lock((cast(classid as bigint) << 32) + cast(objid as bigint)) from pg_locks"
            " where false"
        )
        taken(locks)
        (key,) = other.execute(
            "select (cast(classid as bigint) << 32) | cast(objid as bigint) from pg_locks"
            " where locktype = 'advisory' and objsubid = 2"
        ).fetchall()
        locks.close()
        other.execute("select pg_advisory_lock(%s)", key)

        assert not open_locks().is_held("slot-1")


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_a_lock_is_free_when_its_process_is_killed(
    locks: AdvisoryLocks, hold: Hold, end: signal.Signals
) -> None:
    process = hold("alone")
    held_before = locks.is_held("slot-1")
    process.send_signal(end)
    process.wait()

    assert held_before
    assert becomes_free(locks)


def test_a_stopped_process_keeps_its_lock(locks: AdvisoryLocks, hold: Hold) -> None:
    process = hold("alone")
    process.send_signal(signal.SIGSTOP)
    held = locks.is_held("slot-1")
    process.send_signal(signal.SIGCONT)

    assert held


def in_child(do: Callable[[], object]) -> int:
    """Call in a forked child; return its exit code, 0: nothing was raised."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            do()
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.parametrize("does", ["nothing", "release", "close", "asks", "is intact"])
def test_what_a_forked_child_does_leaves_the_lock_to_its_process(open_locks: OpenLocks, does: str) -> None:
    locks, other = open_locks(), open_locks()
    lock = taken(locks)
    actions: dict[str, Callable[[], object]] = {
        "nothing": lambda: None,
        "release": lock.release,
        "close": locks.close,
        "asks": lambda: locks.is_held("slot-1"),
        "is intact": locks.are_intact,
    }

    status = in_child(actions[does])

    assert (0, True, True) == (status, locks.are_intact(), other.is_held("slot-1"))
    lock.release()
    assert is_free(other)


def test_a_forked_child_cannot_take_the_lock_of_its_parent(locks: AdvisoryLocks) -> None:
    taken(locks)

    def try_it() -> None:
        assert locks.acquire("slot-1") is None

    assert 0 == in_child(try_it)


def test_the_locks_are_known_to_be_lost_when_their_session_was_ended(
    open_locks: OpenLocks, postgres_url: str
) -> None:
    locks, other = open_locks(), open_locks()
    lock = taken(locks)
    before = locks.are_intact()
    end_sessions(postgres_url)

    assert (True, False) == (before, locks.are_intact())
    assert is_free(other)
    lock.release()
    assert locks.are_intact()


def test_what_was_lost_is_not_silently_taken_again(locks: AdvisoryLocks, postgres_url: str) -> None:
    taken(locks)
    end_sessions(postgres_url)

    with pytest.raises(StoreError):
        locks.acquire("slot-2")

    assert not locks.are_intact()


def test_letting_go_of_a_lost_lock_leaves_that_of_another_alone(
    open_locks: OpenLocks, postgres_url: str
) -> None:
    locks, other = open_locks(), open_locks()
    lock = taken(locks)
    end_sessions(postgres_url)
    taken(other)

    lock.release()

    assert other.are_intact()
    assert locks.is_held("slot-1")


def test_after_all_were_let_go_a_lost_session_does_not_matter(
    locks: AdvisoryLocks, postgres_url: str
) -> None:
    taken(locks).release()
    locks.is_held("slot-1")
    end_sessions(postgres_url)

    assert is_free(locks)


def test_without_a_lock_there_is_no_session(locks: AdvisoryLocks, postgres_url: str) -> None:
    taken(locks).release()

    ours = "select count(*) from pg_stat_activity where application_name = 'taskrun lock'"
    deadline = time.monotonic() + DEADLINE
    while ask(postgres_url, f"{ours} and datname = current_database()") != [(0,)]:
        assert time.monotonic() < deadline, "the session is still there"


def test_a_server_that_was_stopped_has_lost_the_locks_and_is_told() -> None:
    with running_server() as server:
        locks = AdvisoryLocks(server.url(), "site")
        taken(locks)
        server.stop()

        assert not locks.are_intact()
        locks.close()
        with pytest.raises(StoreError, match="refused"):
            locks.acquire("slot-1")


# Poolers


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not look for long for the session of a pool that has the lock: it ends with the pool."""
    monkeypatch.setattr("taskrunner.db.postgres.locks.PATIENCE", 0.5)


@pytest.mark.usefixtures("hurried")
def test_a_pooler_in_transaction_mode_is_refused_with_what_to_do(
    postgres_databases: PostgresDatabases, open_locks: OpenLocks
) -> None:
    with running_pooler(postgres_databases.server) as pooler:
        locks = open_locks(pooler.url())
        with pytest.raises(ConfigError, match="a pooler in transaction mode stands between") as refusal:
            locks.acquire("slot-1")
        locks.close()

    assert 78 == refusal.value.exit_code
    assert "lock_database" in (refusal.value.hint or "")


@pytest.mark.usefixtures("hurried")
def test_asking_through_a_pooler_is_refused_as_well(
    postgres_databases: PostgresDatabases, open_locks: OpenLocks
) -> None:
    with running_pooler(postgres_databases.server) as pooler:
        locks = open_locks(pooler.url())
        with pytest.raises(ConfigError):
            locks.is_held("slot-1")
        locks.close()


def have_pgbouncer() -> bool:
    try:
        find_pgbouncer()
    except ServerError:
        return False
    return True


@pytest.mark.skipif(
    not have_pgbouncer(), reason="the pooler of the tests stands in for pgbouncer: apt install pgbouncer"
)
@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize(
    ("mode", "is_refused"), [("transaction", True), ("statement", True), ("session", False)]
)
def test_pgbouncer_is_refused_unless_it_gives_each_client_a_session(
    postgres_databases: PostgresDatabases, open_locks: OpenLocks, mode: str, is_refused: bool
) -> None:
    refused = False
    with running_pgbouncer(postgres_databases.server, mode) as bouncer:
        locks = open_locks(bouncer.url())
        try:
            taken(locks).release()
        except TaskrunnerError:
            refused = True
        locks.close()

    assert is_refused == refused
