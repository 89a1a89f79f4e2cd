"""A hundred crontabs by the rules of crontab(5): what is imported is what cron would run, or it is said."""

import random
from datetime import UTC, datetime

import pytest

from taskrunner.crontab.parse import read_crontab
from taskrunner.crontab.records import Account, Host
from taskrunner.crontab.write import remarks_on
from taskrunner.schedule.parse import ALIASES, parse_fields
from tests.crontab.isc_cron import BadEntryError, command_of, times

NOW = datetime(2026, 11, 22, tzinfo=UTC)
HOST = Host(is_user={"root", "ann", "backup"}.__contains__, is_program={"find", "run-parts"}.__contains__)
FIELDS = (
    ("*", "0", "17", "*/5", "0,30", "1-59/2", "59", "0-10", "5-7,9"),
    ("*", "3", "*/2", "0-6", "22,23", "9-17/2", "00"),
    ("*", "1", "15", "1-7", "*/10", "31"),
    ("*", "1", "jan", "*/3", "6-8", "Jan-mar"),
    ("*", "0", "7", "mon", "mon-fri", "1-5", "sat,sun", "*/2"),
)
BAD_FIELDS = ("60", "24", "0", "32", "13", "8", "x", "5-", "-5", "1,,2", "*/0", "9-5", "*/", "mond")
COMMANDS = (
    "find / -name x", "/usr/bin/find /tmp", "run-parts /etc/cron.hourly", r"date +\%F", r"printf 'a\\\\b'",
    "find /%one%two", r"find /%100\%", "find 'a b'   c", "find / > /dev/null 2>&1", r"echo \\\\% x", "find é",
    "find / # all of it", r"find \n", "find /%", "A=b find /", "[ -x /bin/x ] && find /",
)  # fmt: skip
VARIABLES = ("A=b", "MAILTO=ann", 'B = "c d "', "PATH=/bin:/usr/bin", "E=", "'Q'='x'", "SHELL=/bin/bash")
OTHERS = ("", "# a comment", "   ", "  # another", "\t")


def entry_of(rng: random.Random) -> str:
    """A line that starts something, mostly right."""
    if rng.random() < 0.15:
        time = rng.choice(("@daily", "@hourly", "@weekly", "@monthly", "@yearly", "@midnight", "@annually"))
    else:
        columns = [rng.choice(values) for values in FIELDS]
        if rng.random() < 0.06:
            columns[rng.randrange(5)] = rng.choice(BAD_FIELDS)
        time = rng.choice((" ", "  ", "\t")).join(columns)
    command = rng.choice(COMMANDS) if rng.random() < 0.97 else f"find {'x' * rng.choice((992, 994, 1500))}"
    return f"{rng.choice(('', '', ' '))}{time}{rng.choice((' ', chr(9)))}{command}"


def crontab_of(seed: int) -> str:
    rng = random.Random(seed)
    lines = [
        entry_of(rng) if rng.random() < 0.6 else rng.choice(VARIABLES if rng.random() < 0.5 else OTHERS)
        for _ in range(rng.randrange(1, 14))
    ]
    return "\n".join(lines) + ("" if rng.random() < 0.08 else "\n")


def cron_reads(text: str) -> tuple[dict[int, tuple[tuple[frozenset[int], ...], str, str]], set[int]]:
    """Return what Debian's cron would run, by line, and the lines for which it ignores all of the crontab."""
    jobs, bad = {}, set()
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        line = line.lstrip(" \t")
        if not line or line.startswith("#") or ("=" in line and line.split("=")[0].strip(" '").isalpha()):
            continue
        words = line.split(None, 1) if line.startswith("@") else line.split(None, 5)
        rest = words[-1]
        try:
            sets = times(words[0] if line.startswith("@") else " ".join(words[:5])).sets
            if len(rest) > 998 or number == len(lines):
                raise BadEntryError(line)
            jobs[number] = (sets, *command_of(rest))
        except BadEntryError:
            bad.add(number)
    return jobs, bad


def sets_of(schedule: str) -> tuple[frozenset[int], ...]:
    schedule = ALIASES.get(schedule, schedule)
    fields = parse_fields(schedule.split(" "), schedule)
    weekdays = frozenset(fields.weekdays) | ({0, 7} if set(fields.weekdays) & {0, 7} else set())
    return (*map(frozenset, (fields.minutes, fields.hours, fields.days, fields.months)), weekdays)


@pytest.mark.parametrize("seed", range(100))
def test_nothing_is_silently_different(seed):
    text = crontab_of(seed)
    jobs, bad = cron_reads(text)

    crontab = read_crontab(text.encode(), Account("ann", "/home/ann"), host=HOST, has_users=False)

    imported = {job.line: job for job in crontab.jobs}
    left = {item.line: item for item in crontab.left}
    remarks = " ".join(remarks_on(crontab, zone="Europe/Paris", now=NOW))
    of_cronie = {line for line, job in imported.items() if job.text.startswith("-")}
    assert ("is cronie's; Debian's cron" in remarks) == bool(of_cronie)
    assert imported.keys() | left.keys() == jobs.keys() | bad
    assert imported.keys() - of_cronie <= jobs.keys(), "a line that cron does not run was carried over"
    for line, job in imported.items() - {(line, imported[line]) for line in of_cronie}:
        sets, command, stdin = jobs[line]
        assert (job.entry.command, job.entry.stdin) == (command, stdin)
        assert sets_of(job.entry.schedule)[:2] == sets[:2]
    assert {line for line, item in left.items() if item.is_bad} == bad - of_cronie
    assert ("ignores a crontab as a whole that has what" in remarks) == bool(bad - of_cronie and imported)
    assert ("Two backslashes" in remarks) == any("\\\\" in job.text for job in imported.values())


def test_the_hundred_hold_what_they_are_made_to_hold():
    read = [cron_reads(crontab_of(seed)) for seed in range(100)]

    assert sum(len(jobs) for jobs, _ in read) > 200
    assert sum(bool(bad) for _, bad in read) > 15
