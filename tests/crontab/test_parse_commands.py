"""The command of a line: what the shell gets, and what is read from stdin."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskrunner.crontab.parse import is_own, split_command
from tests.crontab.isc_cron import command_of


@pytest.mark.parametrize(
    ("text", "command", "stdin"),
    [
        ("date", "date", ""),
        (r"date +\%F", "date +%F", ""),
        (r"echo '\%' \n", r"echo '%' \n", ""),
        ("cat%", "cat", ""),
        ("cat%one", "cat", "one\n"),
        ("cat%one%two", "cat", "one\ntwo\n"),
        ("cat%one%", "cat", "one\n"),
        ("cat%%", "cat", "\n"),
        (r"cat%100\% sure", "cat", "100% sure\n"),
        (r"echo \\%one", "echo \\", "one\n"),
        (r"printf 'a\\\\b'", r"printf 'a\\b'", ""),
        (r"cat%a\\%b", "cat", "a\\%b\n"),
        ("cat%trailing\\", "cat", "trailing\\\n"),
        ("echo \\", "echo \\", ""),
    ],
)
def test_the_first_percent_sign_ends_the_command_and_the_others_are_line_breaks(text, command, stdin):
    assert (command, stdin) == split_command(text)
    assert (command, stdin) == command_of(text)


@given(st.text(st.sampled_from("%\\a \n'"), max_size=12))
def test_it_is_split_as_cron_splits_it(text):
    assert command_of(text) == split_command(text)


@pytest.mark.parametrize(
    ("command", "own"),
    [
        ("taskrun cron", True),
        ("/opt/venv/bin/taskrun --config '/srv/my site/taskrunner.toml' cron", True),
        ("cd /srv && .venv/bin/python -m taskrunner cron --quiet >> log 2>&1", True),
        ("'/opt/my site/bin/taskrun' --config '/opt/my site/taskrunner.toml' cron", True),
        ("flock -n /run/x -c 'taskrun cron'", True),
        ("(taskrun cron)", True),
        ("taskrun check", False),
        ("taskrun list; cron", False),
        ("echo taskrunner cron", False),
        ("mytaskrun cron", False),
        ("taskrun --config x cronjob", False),
    ],
)
def test_the_line_that_starts_taskrunner_is_known(command, own):
    assert own == is_own(command)
