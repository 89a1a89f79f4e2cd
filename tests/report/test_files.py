"""Finding log files, and reading their bytes."""

import gzip
import os
import time

import pytest

from taskrunner.errors import TaskrunnerError
from taskrunner.report.files import LONGEST_LINE, find_logs, look_at, read_name
from taskrunner.report.ingest import is_at_work


@pytest.mark.parametrize(
    ("name", "time_of_day", "pid"),
    [
        ("cron_1357.log", (13, 57), None),
        ("cron_0000.log.1", (0, 0), None),
        ("cron_2359.log-2026112013", (23, 59), None),
        ("cron_1357.log.2.gz", (13, 57), None),
        ("cron_1357.log-20261120.web1.gz", (13, 57), None),
        ("cron_1357_4711.log", (13, 57), 4711),
        ("cron_1357_4711.log.gz", (13, 57), 4711),
    ],
)
def test_names_of_logs_say_when_and_who(name, time_of_day, pid):
    found = read_name(name)

    assert found is not None and (found.time, found.pid) == (time_of_day, pid)


@pytest.mark.parametrize(
    "name", ["cron_2400.log", "cron_1360.log", "cron.log.txt", "xcron_1357.log", "a.log"]
)
def test_other_names_are_left(name):
    assert read_name(name) is None


def test_a_folder_gives_its_logs_and_counts_the_others(tmp_path):
    (tmp_path / "2026-11-20").mkdir()
    for name in ("2026-11-20/cron_1357_1.log", "cron_0000.log", "notes.txt"):
        (tmp_path / name).touch()

    files, others = find_logs([tmp_path])

    assert [file.name for file in files] == ["cron_0000.log", "cron_1357_1.log"]
    assert others == 1


def test_a_file_that_is_named_is_taken_whatever_it_is_called(tmp_path):
    (tmp_path / "all.txt").touch()

    assert find_logs([tmp_path / "all.txt", tmp_path / "all.txt"]) == ([tmp_path / "all.txt"], 0)


def test_a_path_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(TaskrunnerError, match="there is no .*nothing"):
        find_logs([tmp_path / "nothing"])


def test_a_packed_file_is_known_by_its_text(tmp_path):
    text = b"Server Time: x\n" + b"line\n" * 5000
    (tmp_path / "plain").write_bytes(text)
    (tmp_path / "packed.gz").write_bytes(gzip.compress(text))

    plain, packed = look_at(tmp_path / "plain"), look_at(tmp_path / "packed.gz")

    assert (plain.head_hash, plain.size, plain.first_line) == (
        packed.head_hash,
        packed.size,
        packed.first_line,
    )
    assert list(plain.lines()) == list(packed.lines()) == text.splitlines(keepends=True)


@pytest.mark.parametrize("kept", [3, 11, 40, 400])
def test_of_a_packed_file_that_was_cut_the_rest_is_read(tmp_path, kept):
    lines = [f"{number} {os.urandom(8).hex()}\n".encode() for number in range(100)]
    (tmp_path / "cut.gz").write_bytes(gzip.compress(b"".join(lines))[:kept])

    read = list(look_at(tmp_path / "cut.gz").lines())

    assert read == lines[: len(read)]


def test_of_a_very_long_line_the_beginning_is_read(tmp_path):
    (tmp_path / "long").write_bytes(b"x" * (3 * LONGEST_LINE + 5) + b"\nnext\n")

    first, second = look_at(tmp_path / "long").lines()

    assert (len(first), second) == (LONGEST_LINE, b"next\n")


def test_what_is_written_while_a_file_is_read_is_left_for_the_next_time(tmp_path):
    (tmp_path / "grows").write_bytes(b"one\n")
    text = look_at(tmp_path / "grows")
    with (tmp_path / "grows").open("ab") as file:
        file.write(b"two\n")

    assert list(text.lines()) == [b"one\n"]


def test_a_file_that_cannot_be_read_is_an_error(tmp_path):
    with pytest.raises(TaskrunnerError, match="cannot read"):
        look_at(tmp_path)


def test_a_process_of_a_log_lives_if_it_runs_cron_and_was_there_when_the_log_was_written(tmp_path):
    process = tmp_path / "4711"
    process.mkdir()
    (process / "cmdline").write_bytes(b"php\0admin/cli/cron.php\0")
    (process / "stat").write_text(f"4711 (a) b) S {'0 ' * 18}{50 * os.sysconf('SC_CLK_TCK')} 0\n")
    (tmp_path / "stat").write_text("cpu 1\nbtime 1000\n")

    assert is_at_work(4711, 1060.0, proc=tmp_path)
    assert not is_at_work(4711, 1000.0, proc=tmp_path), "the pid was used again later"
    (process / "cmdline").write_bytes(b"sshd\0")
    assert not is_at_work(4711, 1060.0, proc=tmp_path)
    assert not is_at_work(4712, 1060.0, proc=tmp_path)


def test_this_very_process_runs_no_cron():
    assert not is_at_work(1, time.time())
