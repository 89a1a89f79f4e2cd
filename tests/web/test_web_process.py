"""The process that a visit starts: what it has of the web server's, whatever that has done to itself."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from taskrunner.web.ticker import DetachedProcess, last_message, python_of_this_process
from tests.patience import DEADLINE, until

STATUS = "cp /proc/self/status {0}/status; ls -l /proc/self/fd > {0}/fds; pwd > {0}/folder"
OF_THE_C_LIBRARY = 0b11 << 31
"""Signals 32 and 33, which glibc ignores in all it spawns and programs cannot use."""

DISTURBED = """
import os, signal, socket, sys
from pathlib import Path
from taskrunner.web.ticker import DetachedProcess

folder = Path(sys.argv[1])
signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD, signal.SIGHUP, signal.SIGPIPE):
    signal.signal(number, signal.SIG_IGN)
listening = socket.create_server(("127.0.0.1", 0))
listening.set_inheritable(True)
os.set_inheritable(os.open("/dev/zero", os.O_RDONLY), True)
for closed in (0, 1, 2):
    os.close(closed)
DetachedProcess(["/bin/sh", "-c", sys.argv[2]], errors=folder / "errors")
"""


@pytest.fixture
def inherited(tmp_path: Path) -> dict[str, str]:
    """What /proc says of a process started by one that blocks and ignores signals and leaks files."""
    script = STATUS.format(tmp_path) + f"; mv {tmp_path}/folder {tmp_path}/done"
    subprocess.run([sys.executable, "-c", DISTURBED, tmp_path, script], check=True, timeout=DEADLINE)
    until((tmp_path / "done").exists, "the process has written what it got")
    lines = (tmp_path / "status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines) | {"fds": (tmp_path / "fds").read_text()}


def test_no_signal_is_blocked_or_ignored(inherited: dict[str, str]) -> None:
    blocked, ignored = (int(inherited[name], 16) for name in ("SigBlk", "SigIgn"))

    assert (0, 0) == (blocked, ignored & ~OF_THE_C_LIBRARY)


def test_no_socket_or_file_of_the_web_server_is_left_to_it(inherited: dict[str, str], tmp_path: Path) -> None:
    opened = [line.split(" -> ")[1] for line in inherited["fds"].splitlines() if " -> " in line]

    assert ["/dev/null", str(tmp_path / "fds"), str(tmp_path / "errors")] == opened[:3]
    assert [] == [name for name in opened[3:] if not name.startswith("/proc/")]


def test_it_stands_in_the_root_folder(inherited: dict[str, str], tmp_path: Path) -> None:
    assert "/\n" == (tmp_path / "done").read_text()


def test_it_says_how_it_ended(tmp_path: Path) -> None:
    script = "echo first >&2; printf 'the \\033[1mreason' >&2; exit 3"
    process = DetachedProcess(["/bin/sh", "-c", script], errors=tmp_path / "errors")
    ends: list[str | None] = []
    until(lambda: ends.append(process.poll()) or ends[-1] is not None, "it has ended")

    assert "ended with exit code 3: the ?[1mreason" == ends[-1]
    assert not (tmp_path / "errors").exists()


def test_a_process_that_the_web_server_has_waited_for_still_says_why(tmp_path: Path) -> None:
    process = DetachedProcess(["/bin/sh", "-c", "echo why >&2; exit 3"], errors=tmp_path / "errors")
    os.waitpid(process.pid, 0)

    assert "has ended; how is not known: why" == process.poll()


def test_the_words_of_a_later_process_are_not_taken_for_its_own(tmp_path: Path) -> None:
    first = DetachedProcess(["/bin/sh", "-c", "exit 3"], errors=tmp_path / "errors")
    os.waitid(os.P_PID, first.pid, os.WEXITED | os.WNOWAIT)
    second = DetachedProcess(["/bin/sh", "-c", "echo second >&2; exit 4"], errors=tmp_path / "errors")
    os.waitid(os.P_PID, second.pid, os.WEXITED | os.WNOWAIT)

    assert "ended with exit code 3" == first.poll()
    assert "second" == last_message(tmp_path / "errors")
    assert "ended with exit code 4: second" == second.poll()


def test_it_can_be_ended_by_a_signal_and_says_by_which(tmp_path: Path) -> None:
    process = DetachedProcess(["/bin/sleep", "600"], errors=tmp_path / "errors")
    os.kill(process.pid, signal.SIGTERM)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)

    assert "was ended by SIGTERM" == process.poll()


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="/no/such is not a program"):
        DetachedProcess(["/no/such"], errors=tmp_path / "errors")


@pytest.mark.parametrize("executable", ["/usr/sbin/uwsgi", "", "/usr/bin/python3"])
def test_where_the_web_server_is_the_program_the_python_of_its_environment_is_taken(
    monkeypatch: pytest.MonkeyPatch, executable: str
) -> None:
    monkeypatch.setattr(sys, "executable", executable)

    assert f"{sys.prefix}/bin/python3" == python_of_this_process()


def test_what_lies_at_the_place_of_the_words_is_not_followed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("precious\n")
    (tmp_path / "errors").symlink_to(precious)
    before = last_message(tmp_path / "errors")
    process = DetachedProcess(["/bin/sh", "-c", "echo x >&2"], errors=tmp_path / "errors")
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    process.poll()

    assert ("", "precious\n") == (before, precious.read_text())


def test_a_listening_socket_can_be_bound_again_while_it_runs(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.set_inheritable(True)
        address = listening.getsockname()
        process = DetachedProcess(["/bin/sleep", "600"], errors=tmp_path / "errors")
    try:
        socket.create_server(address, reuse_port=False).close()
    finally:
        os.kill(process.pid, signal.SIGKILL)
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        process.poll()
