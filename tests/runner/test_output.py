"""What a task prints, by whatever means: its way to the log file, the kept run and stdout."""

import os
import pty
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from taskrunner.runner import console
from tests.patience import DEADLINE
from tests.runner.runner_site import scheduled

FIVE_WAYS = """\
print("print")
mtrace("mtrace")
LOGGER.warning("logging")
subprocess.run(["echo", "subprocess"])
os.write(2, b"write\\n")
"""
LOGGER = """\
LOGGER = logging.getLogger("taskrun.test.digest")
LOGGER.handlers, LOGGER.propagate = [logging.StreamHandler()], False
"""
PRINTED = "print\nmtrace\nlogging\nsubprocess\nwrite\n"
ONE_CRON = """\
import resource
import sys
from pathlib import Path
from tests.runner.runner_site import Clock, RunnerSite, START
from taskrunner.runner import console

console.PATIENCE = 0.2
root = Path(sys.argv[1])
site = RunnerSite(root, Clock(START + 60, root / "passed"))
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
site.cron(shown=sys.argv[2], live=sys.argv[3] == "live")
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory
(root / "memory").write_text(str(memory))
"""


def test_all_that_is_printed_is_in_order_in_file_kept_run_and_stdout(make_site, capfd):
    site = make_site(plugins={"forum": (LOGGER, scheduled("Digest", FIVE_WAYS))})

    site.cron(after=60, shown="all")

    assert [run.output for run in site.runs()] == [PRINTED]
    assert f"\n{PRINTED}... used 0 dbqueries\n" in site.log()
    assert f"\n{PRINTED}... used 0 dbqueries\n" in capfd.readouterr().out


def test_what_is_printed_is_in_the_file_before_the_task_goes_on(make_site):
    site = make_site(plugins={"forum": scheduled("Digest")})
    look = f"subprocess.run('tail -n 1 log/*/*', shell=True, cwd={str(site.root)!r}, capture_output=True)"
    site.write("forum", scheduled("Digest", f"print('now')\nwitness({look}.stdout.decode(), end='')"))

    site.cron(after=60)

    assert site.witnessed() == ["now"]


def test_stdout_is_put_back_after_the_run(make_site, capfd):
    site = make_site(plugins={"forum": scheduled("Digest", "print('inside')")})

    site.cron(after=60, shown="none")
    print("outside")

    assert capfd.readouterr().out == "outside\n"


def test_an_output_of_more_than_a_mebibyte_is_kept_with_head_and_tail_and_says_so(make_site):
    site = make_site(plugins={"forum": scheduled("Digest", "print('first', 'x' * 2**21, 'last')")})

    site.cron(after=60, shown="none")

    [run] = site.runs()
    assert run.output.startswith("first xxx") and run.output.endswith("xxx last\n")
    assert f"\n... {2**21 + 12 - 2**20} bytes are cut here; the log file has them ...\n" in run.output
    assert len(run.output) < 2**20 + 100
    assert "x" * 2**21 in site.log()


def test_an_output_of_exactly_a_mebibyte_is_kept_whole(make_site):
    site = make_site(plugins={"forum": scheduled("Digest", "print('x' * (2**20 - 1))")})

    site.cron(after=60, shown="none")

    assert [len(run.output) for run in site.runs()] == [2**20]


def test_a_character_cut_in_two_does_not_harm_the_kept_run(make_site):
    site = make_site(plugins={"forum": scheduled("Digest", "print('a' + '\\u20ac' * 2**19)")})

    site.cron(after=60, shown="none")

    [run] = site.runs()
    assert run.outcome == "ok"
    assert run.output.startswith("a\u20ac")


def test_binary_output_is_raw_in_the_file_and_text_in_the_kept_run(make_site):
    site = make_site(plugins={"forum": scheduled("Digest", "os.write(1, bytes(range(256)))")})

    site.cron(after=60)

    [path] = site.log_files()
    assert bytes(range(256)) in path.read_bytes()
    [run] = site.runs()
    assert "\0" not in run.output and run.output.count("\ufffd") == 129


def test_text_that_cannot_be_encoded_is_escaped(make_site):
    site = make_site(plugins={"forum": scheduled("Digest", "print('\\udcff')")})

    site.cron(after=60)

    assert [(run.outcome, run.output) for run in site.runs()] == [("ok", "\\udcff\n")]


def test_what_importing_the_plugin_prints_is_in_the_log_too(make_site):
    site = make_site(plugins={"forum": ("print('importing')", scheduled("Digest"))})

    site.cron(after=60)

    assert "\nimporting\n" in site.log()


def test_a_background_process_that_holds_the_streams_does_not_hold_up_the_run(make_site):
    body = "background = subprocess.Popen(['sleep', '60'])\nwitness(background.pid)"
    site = make_site(plugins={"forum": scheduled("Digest", body)}, config="[log]\ntimestamps = true")

    process = one_cron(site, "all", "live", stdout=subprocess.PIPE)

    assert process.wait(DEADLINE) == 0
    os.kill(int(site.witnessed()[0]), signal.SIGKILL)
    assert b"Cron run completed correctly" in process.communicate()[0]


def one_cron(site, *arguments: str, **streams) -> subprocess.Popen:
    """Start one cron of a site in a process of its own."""
    command = [sys.executable, "-c", ONE_CRON, str(site.root), *arguments]
    return subprocess.Popen(command, cwd=Path(__file__).parents[2], **streams)


@pytest.mark.parametrize("shown", ["none", "all"])
def test_a_huge_output_costs_no_memory(make_site, shown):
    body = "for _ in range(200):\n    print('x' * 999_999)"
    site = make_site(plugins={"forum": scheduled("Digest", body)})

    process = one_cron(site, shown, "later", stdout=subprocess.DEVNULL)

    assert process.wait(DEADLINE * 2) == 0
    assert site.log_files()[0].stat().st_size > 200_000_000
    assert int((site.root / "memory").read_text()) < 16 * 1024
    site.log_files()[0].unlink()


@pytest.mark.parametrize("live", ["later", "live"])
def test_a_closed_stdout_does_not_harm_a_run(make_site, live):
    site = make_site(plugins={"forum": (scheduled("Digest", "print('x' * 200_000)"), scheduled("Canary"))})
    reading, writing = os.pipe()
    os.close(reading)

    process = one_cron(site, "all", live, stdout=writing)
    os.close(writing)

    assert process.wait(DEADLINE) == 0
    assert site.outcomes() == ["ok", "ok"]
    assert "x" * 200_000 in site.log()


@pytest.mark.parametrize("live", ["later", "live"])
def test_a_full_pipe_that_nobody_reads_does_not_harm_a_run(make_site, live):
    site = make_site(plugins={"forum": (scheduled("Digest", "print('x' * 200_000)"), scheduled("Canary"))})
    reading, writing = os.pipe()

    process = one_cron(site, "all", live, stdout=writing)
    os.close(writing)
    try:
        assert process.wait(DEADLINE) == 0
    finally:
        os.close(reading)
        process.kill()
        process.wait(DEADLINE)
    assert site.outcomes() == ["ok", "ok"]


def test_patience_with_a_full_pipe_is_lost_once_for_the_whole_process(monkeypatch):
    monkeypatch.setattr(console, "PATIENCE", 0.1)
    reading, writing = os.pipe()
    shown = console.Console(writing)
    os.close(writing)

    shown.write(b"x" * 200_000)

    assert shown.descriptor is None
    os.close(reading)


@pytest.mark.parametrize("terminal", [True, False])
def test_the_output_is_shown_while_the_task_runs_on_a_terminal_and_whole_on_a_pipe(make_site, terminal):
    site = make_site(plugins={"forum": scheduled("Digest")})
    gate = site.root / "gate"
    os.mkfifo(gate)
    site.write("forum", scheduled("Digest", f"print('before')\nopen({str(gate)!r}).read()\nprint('after')"))
    reading, writing = pty.openpty() if terminal else os.pipe()

    process = one_cron(site, "all", "later", stdout=writing)
    os.close(writing)
    try:
        seen = read_until(reading, b"before") if terminal else b""
        gate.write_text("go on")
        seen += read_until(reading, None)
    finally:
        os.close(reading)
        process.kill()
        process.wait()

    assert seen.replace(b"\r\n", b"\n").decode() == site.log()


def read_until(descriptor: int, text: bytes | None) -> bytes:
    """Read until a text was seen, or the end; the end of a terminal is an error of the reader."""
    seen = b""
    while text is None or text not in seen:
        assert select.select([descriptor], [], [], DEADLINE)[0], f"waited in vain after {seen!r}"
        try:
            piece = os.read(descriptor, 65_536)
        except OSError:
            return seen
        if not piece:
            return seen
        seen += piece
    return seen


def test_timestamps_stand_before_each_line(make_site):
    body = "print('one')\nprint('two')\nos.write(1, b'no end')"
    site = make_site(plugins={"forum": scheduled("Digest", body)}, config="[log]\ntimestamps = true")

    site.cron(after=60)

    unstamped = [line for line in site.log().splitlines() if line and not line.startswith("20")]
    assert unstamped == []
    assert [line[20:] for line in site.runs()[0].output.splitlines()] == ["one", "two", "no end"]


def test_a_recovered_run_is_found_in_a_log_file_with_timestamps(make_site):
    site = make_site(
        plugins={"forum": scheduled("Digest", "print('so far')\nos._exit(3)")},
        config="[log]\ntimestamps = true",
    )
    process = one_cron(site, "none", "later")
    process.wait(DEADLINE)

    site.cron(after=90)

    [run] = site.runs()
    assert (run.outcome, run.output[20:]) == ("crashed", "so far\n")


def test_why_a_task_cannot_be_shown_while_it_runs_is_not_hidden(make_site, monkeypatch):
    def refused(*_: object) -> None:
        raise BlockingIOError(11, "no process is free")

    monkeypatch.setattr("taskrunner.runner.output.Echo", refused)
    site = make_site(plugins={"forum": scheduled("Digest")})

    with pytest.raises(BlockingIOError, match="no process is free"):
        site.cron(after=60, shown="all", live=True)
