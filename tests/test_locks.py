"""Locks that die with their process."""

import errno
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import taskrunner.locks
from taskrunner.errors import ConfigError
from taskrunner.locks import DoubleLocks, FileLocks, LateLocks

HOLD = """
import os, subprocess, sys
from pathlib import Path
from taskrunner.locks import DoubleLocks, FileLocks
lock = FileLocks(Path(sys.argv[1])).acquire("slot-1")
if sys.argv[2] == "fork" and os.fork() == 0:
    print("ready", flush=True)
    sys.stdin.read()
    os._exit(0)
if sys.argv[2] == "program":
    subprocess.Popen([sys.executable, "-c", "print('ready', flush=True); input()"], close_fds=False)
if sys.argv[2] == "alone":
    print("ready", flush=True)
sys.stdin.read()
"""
"""Takes the lock and says so; with "fork" and "program" it is a child that says so, and outlives it."""

Hold = Callable[[str], subprocess.Popen[bytes]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state" / "locks"


@pytest.fixture
def locks(folder: Path) -> FileLocks:
    return FileLocks(folder)


@pytest.fixture
def hold(folder: Path) -> Iterator[Hold]:
    """Start a process that holds slot-1, and whatever it starts, until the end of the test."""
    started: list[subprocess.Popen[bytes]] = []

    def hold(child: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", HOLD, str(folder), child]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        started.append(process)
        assert process.stdout is not None
        assert b"ready\n" == process.stdout.readline()
        return process

    yield hold
    for process in started:
        process.communicate()


def is_free(locks: FileLocks, name: str = "slot-1") -> bool:
    lock = locks.acquire(name)
    if lock is not None:
        lock.release()
    return lock is not None


def test_a_lock_is_taken_once(locks: FileLocks) -> None:
    first = locks.acquire("slot-1")
    second = locks.acquire("slot-1")

    assert first is not None
    assert second is None
    first.release()


def test_a_lock_that_is_let_go_is_free(locks: FileLocks) -> None:
    lock = locks.acquire("slot-1")
    assert lock is not None
    lock.release()

    assert is_free(locks)


def test_a_lock_that_could_not_be_taken_leaves_the_others_hold_alone(locks: FileLocks) -> None:
    lock = locks.acquire("slot-1")
    for _ in range(3):
        locks.acquire("slot-1")
        locks.is_held("slot-1")

    assert lock is not None
    assert not is_free(locks)
    lock.release()


def test_locks_of_other_names_are_free(locks: FileLocks) -> None:
    lock = locks.acquire("slot-1")

    assert lock is not None
    assert is_free(locks, "slot-2")
    lock.release()


def test_a_lock_of_another_process_cannot_be_taken(locks: FileLocks, hold: Hold) -> None:
    hold("alone")

    assert (False, True) == (is_free(locks), locks.is_held("slot-1"))


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_a_lock_is_free_when_its_process_is_killed(locks: FileLocks, hold: Hold, end: signal.Signals) -> None:
    process = hold("alone")
    process.send_signal(end)
    process.wait()

    assert (False, True) == (locks.is_held("slot-1"), is_free(locks))


def test_a_stopped_process_keeps_its_lock(locks: FileLocks, hold: Hold) -> None:
    process = hold("alone")
    process.send_signal(signal.SIGSTOP)
    held = locks.is_held("slot-1")
    process.send_signal(signal.SIGCONT)

    assert held


@pytest.mark.parametrize("child", ["fork", "program"])
def test_a_lock_is_not_kept_by_a_child_that_outlives_its_process(
    locks: FileLocks, hold: Hold, child: str
) -> None:
    process = hold(child)
    held_before = locks.is_held("slot-1")
    process.kill()
    process.wait()

    assert (True, False) == (held_before, locks.is_held("slot-1"))


def test_a_forked_child_that_ends_leaves_the_lock_to_its_process(locks: FileLocks) -> None:
    lock = locks.acquire("slot-1")
    assert lock is not None
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)

    assert locks.is_held("slot-1")
    lock.release()


def test_a_forked_child_that_lets_go_of_the_lock_leaves_it_to_its_process(locks: FileLocks) -> None:
    lock = locks.acquire("slot-1")
    assert lock is not None
    child = os.fork()
    if child == 0:
        status = 1
        try:
            lock.release()
            status = 0
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    held = locks.is_held("slot-1")
    lock.release()

    assert (0, True) == (os.waitstatus_to_exitcode(status), held)


def test_only_a_lock_that_is_held_is_held(locks: FileLocks) -> None:
    never = locks.is_held("slot-1")
    lock = locks.acquire("slot-1")
    assert lock is not None
    taken = locks.is_held("slot-1")
    lock.release()

    assert (False, True, False) == (never, taken, locks.is_held("slot-1"))


def test_asking_for_a_lock_makes_no_file(locks: FileLocks, folder: Path) -> None:
    locks.is_held("slot-1")

    assert [] == os.listdir(folder)


def test_a_forgotten_lock_leaves_no_file_and_is_free(locks: FileLocks, folder: Path) -> None:
    lock = locks.acquire("runner-1")
    assert lock is not None
    lock.release()
    locks.forget("runner-1")

    assert ([], False) == (os.listdir(folder), locks.is_held("runner-1"))
    assert is_free(locks, "runner-1")


def test_forgetting_a_lock_that_never_was_does_nothing(locks: FileLocks) -> None:
    locks.forget("runner-1")

    assert is_free(locks, "runner-1")


def test_letting_go_keeps_the_file_so_that_nobody_locks_another_of_its_name(
    locks: FileLocks, folder: Path
) -> None:
    is_free(locks)

    assert ["slot-1.lock"] == os.listdir(folder)


def test_lock_files_are_for_their_owner_only(locks: FileLocks, folder: Path) -> None:
    is_free(locks)

    assert 0o600 == stat.S_IMODE((folder / "slot-1.lock").stat().st_mode)


def test_a_folder_that_cannot_be_made_is_an_error_of_the_config(locks: FileLocks, folder: Path) -> None:
    folder.parent.write_text("a file where the folder should be")

    with pytest.raises(ConfigError, match="state_dir: cannot use") as caught:
        locks.acquire("slot-1")

    assert str(folder / "slot-1.lock") in str(caught.value)


def test_a_link_in_place_of_a_lock_file_is_not_followed(
    locks: FileLocks, folder: Path, tmp_path: Path
) -> None:
    folder.mkdir(parents=True)
    (folder / "slot-1.lock").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(ConfigError):
        locks.acquire("slot-1")

    assert not (tmp_path / "elsewhere").exists()


# Locks for several hosts


@pytest.fixture
def double(locks: FileLocks, folder: Path) -> DoubleLocks:
    """The locks of this host, and as those of all hosts the files of another folder."""
    return DoubleLocks(locks, FileLocks(folder.parent / "everywhere"))


def test_a_double_lock_is_taken_here_and_everywhere_and_let_go_so(double: DoubleLocks) -> None:
    lock = double.acquire("slot-1")
    assert lock is not None
    held = (double.here.is_held("slot-1"), double.everywhere.is_held("slot-1"))
    lock.release()

    assert (True, True) == held
    assert not double.is_held("slot-1")
    assert is_free(double.here)  # type: ignore[arg-type]
    assert is_free(double.everywhere)  # type: ignore[arg-type]


@pytest.mark.parametrize("where", ["here", "everywhere"])
def test_a_double_lock_that_is_taken_in_one_place_is_taken_and_blocks_nothing_in_the_other(
    double: DoubleLocks, where: str
) -> None:
    other = "everywhere" if where == "here" else "here"
    lock = getattr(double, where).acquire("slot-1")

    assert (None, True) == (double.acquire("slot-1"), double.is_held("slot-1"))
    assert is_free(getattr(double, other))
    lock.release()


def test_a_double_lock_that_fails_everywhere_is_not_kept_here(double: DoubleLocks, folder: Path) -> None:
    (folder.parent).mkdir()
    (folder.parent / "everywhere").write_text("a file where the folder should be")

    with pytest.raises(ConfigError):
        double.acquire("slot-1")

    assert is_free(double.here)  # type: ignore[arg-type]


def test_locks_that_are_opened_late_are_opened_once_and_by_a_question_only(locks: FileLocks) -> None:
    opened = []

    def opens() -> FileLocks:
        opened.append(locks)
        return locks

    late = LateLocks(opens)
    late.close()
    before = len(opened)
    lock = late.acquire("slot-1")

    assert (0, True, True) == (before, late.is_held("slot-1"), late.are_intact())
    assert 1 == len(opened)
    lock.release()


def leave_behind(folder: Path, count: int) -> None:
    """Make the files of locks whose processes died long ago."""
    folder.mkdir(parents=True)
    for number in range(count):
        path = folder / f"runner-{number}.lock"
        path.touch()
        os.utime(path, (0, 0))


def test_what_the_dead_left_behind_is_swept_and_the_rest_stays(folder: Path, locks: FileLocks) -> None:
    leave_behind(folder, 3)
    held = locks.acquire("runner-held")
    os.utime(folder / "runner-held.lock", (0, 0))
    (folder / "runner-young.lock").touch()
    (folder / "slot-1.lock").touch()

    locks.sweep("runner-", before=1.0)

    assert held is not None
    assert ["runner-held.lock", "runner-young.lock", "slot-1.lock"] == sorted(os.listdir(folder))


def test_several_processes_may_sweep_at_once(folder: Path) -> None:
    leave_behind(folder, 1000)

    sweep = f"from taskrunner.locks import FileLocks; FileLocks({folder!r}).sweep('runner-', before=1.0)"
    sweeping = [
        subprocess.Popen([sys.executable, "-c", f"from pathlib import PosixPath; {sweep}"]) for _ in range(4)
    ]

    assert [0, 0, 0, 0] == [process.wait() for process in sweeping]
    assert [] == os.listdir(folder)


# What a free lock proves


def leave_by_a_dead_process(folder: Path, name: str = "runner-1") -> None:
    """Have a process take a lock and die."""
    take = f"FileLocks({folder!r}).acquire({name!r}); os._exit(9)"
    program = f"import os; from pathlib import PosixPath; from taskrunner.locks import FileLocks; {take}"
    subprocess.run([sys.executable, "-c", program], check=False)


def other_host(monkeypatch: pytest.MonkeyPatch, *, same_machine: bool) -> None:
    """Be a container of another name, on this machine or on another one."""
    _, boot = taskrunner.locks._this_host()
    monkeypatch.setattr(
        taskrunner.locks, "_this_host", lambda: ("elsewhere", boot if same_machine else "another boot")
    )


def test_a_free_lock_of_this_host_proves_that_its_process_has_died(locks: FileLocks, folder: Path) -> None:
    leave_by_a_dead_process(folder)

    assert locks.proves_death("runner-1")


def test_a_held_lock_and_one_that_was_never_there_prove_nothing(locks: FileLocks, folder: Path) -> None:
    held = FileLocks(folder).acquire("runner-1")

    assert (False, False) == (locks.proves_death("runner-1"), locks.proves_death("runner-2"))
    assert held is not None


def test_a_free_lock_proves_a_death_under_a_new_name_of_the_same_machine(
    locks: FileLocks, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_by_a_dead_process(folder)
    other_host(monkeypatch, same_machine=True)

    assert locks.proves_death("runner-1")


def test_a_free_lock_in_the_folder_of_another_machine_proves_nothing(
    locks: FileLocks, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_by_a_dead_process(folder)
    other_host(monkeypatch, same_machine=False)

    assert not locks.proves_death("runner-1")


def test_a_session_that_the_server_still_has_does_not_keep_a_dead_process_alive(
    locks: FileLocks, folder: Path
) -> None:
    everywhere = FileLocks(folder.parent / "everywhere")
    session = everywhere.acquire("runner-1")
    leave_by_a_dead_process(folder)

    double = DoubleLocks(locks, FileLocks(folder.parent / "everywhere"))

    assert (True, True) == (double.is_held("runner-1"), double.proves_death("runner-1"))
    assert session is not None


# What the operating system refuses


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOLCK])
def test_a_lock_that_the_file_system_refuses_is_one_line_with_a_hint(
    locks: FileLocks, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("taskrunner.locks.fcntl.flock", refuse)
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(ConfigError, match=f"cannot lock .*slot-1.lock: {os.strerror(number)}") as refused:
        locks.acquire("slot-1")
    with pytest.raises(ConfigError, match="cannot lock"):
        locks.is_held("slot-1")

    assert 78 == refused.value.exit_code
    assert "NFS with lockd" in str(refused.value.hint)
    assert before == len(os.listdir("/proc/self/fd"))


def test_a_file_that_cannot_be_removed_is_left_and_nothing_else_is_wrong(
    locks: FileLocks, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    lock = locks.acquire("runner-1")
    monkeypatch.setattr(Path, "unlink", refuse)

    locks.forget("runner-1")
    locks.sweep("runner-", before=1e12)

    assert lock is not None
