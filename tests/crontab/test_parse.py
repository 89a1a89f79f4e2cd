"""A whole crontab, read as cron reads it."""

from datetime import UTC, datetime

import pytest

from taskrunner.crontab.parse import read_crontab
from taskrunner.crontab.records import Account, Comment, Crontab, Host, Job, Left, UserColumnError
from taskrunner.crontab.write import remarks_on, write_plugin
from taskrunner.errors import TaskrunnerError

USERS = {"root", "ann", "postgres", "mail", "backup"}
PROGRAMS = {"mail", "find", "run-parts", "rsync"}


def read(text: str | bytes, *, account: str = "ann", has_users: bool | None = None) -> Crontab:
    data = text.encode() if isinstance(text, str) else text
    host = Host(is_user=USERS.__contains__, is_program=PROGRAMS.__contains__)
    return read_crontab(data, Account(account, f"/home/{account}"), has_users=has_users, host=host)


def job(text: str, **settings: object) -> Job:
    (found,) = read(text, **settings).jobs  # type: ignore[arg-type]
    return found


def reason(text: str, **settings: object) -> str:
    """Return why the one line that starts something is not carried over."""
    crontab = read(text, **settings)  # type: ignore[arg-type]
    assert [] == crontab.jobs
    (left,) = crontab.left
    return left.reason


def test_a_line_is_carried_over_with_its_number_and_its_text():
    found = job("\n\t */5  *\t* * *   /usr/bin/sync  now \n")

    assert (2, "*/5  *\t* * *   /usr/bin/sync  now ", "Sync") == (found.line, found.text, found.name)
    assert ("*/5 * * * *", "/usr/bin/sync  now ") == (found.entry.schedule, found.entry.command)


def test_variables_hold_from_their_line_on():
    crontab = read('* * * * * one\nA=b\nPATH = "/bin"\n* * * * * two\nA=c\n* * * * * three\n')

    assert [(), (("A", "b"), ("PATH", "/bin")), (("A", "c"), ("PATH", "/bin"))] == [
        found.variables.values for found in crontab.jobs
    ]
    assert [0, 3, 5] == [found.variables.line for found in crontab.jobs]


def test_the_comments_just_above_a_line_are_about_it():
    assert ("Dump the shop", "every night.") == job("# Dump the shop\n#   every night.\n0 3 * * * x\n").about


@pytest.mark.parametrize("between", ["\n", "A=b\n"])
def test_comments_further_above_are_about_nothing(between):
    crontab = read(f"# Backups\n{between}0 3 * * * x\n")

    assert Comment(("Backups",)) == crontab.items[0]
    assert () == crontab.jobs[0].about


def test_lines_that_only_look_nice_are_left_out_of_what_comments_say():
    assert ("Backups",) == job("#########\n## Backups ##\n# -------\n#\n0 3 * * * x\n").about


@pytest.mark.parametrize(
    "disabled",
    [
        "*/5 * * * * old",
        "@daily old",
        "m h  dom mon dow   command",
        "minute hour day month weekday",
        "MAILTO=ann",
    ],
)
def test_what_stands_above_a_disabled_line_is_about_that(disabled):
    crontab = read(f"# Old\n#{disabled}\n# New\n0 3 * * * x\n")

    assert Comment(("Old", disabled)) == crontab.items[0]
    assert ("New",) == crontab.jobs[0].about


def test_a_comment_about_a_line_that_is_left_stays():
    items = read("# At the start\n@reboot x\n").items

    assert Comment(("At the start",)) == items[0]
    assert isinstance(items[1], Left)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("@reboot x\n", "taskrunner cannot tell a restart"),
        ("5/10 * * * * x\n", "cron programs differ"),
        ("* * * * *\n", "it has no command"),
        ("* * * * * \n", "it has no command"),
        ("* * * * * %text\n", "it has no command"),
        ("@daily\n", "it has no command"),
        ("hello\n", "not a variable, a comment or a line"),
        ("* * * * *", "no line break follows it"),
        ("* * * * * x", "no line break follows it"),
        ("0 0 3 * * * x\n", "cron would start * as a command"),
        ("0 0 3 * * */2 x\n", "cron would start */2 as a command"),
        ("0 0 3 * * MON-FRI x\n", "cron would start MON-FRI as a command"),
        ("0 0 3 * * ? x\n", "cron would start ? as a command"),
        ("0 0 3 * * 2027 x\n", "cron would start 2027 as a command"),
        ("* * * * * /opt/taskrun cron\n", "it is taskrunner's own line"),
        ("HOME=here\n* * * * * x\n", "HOME is not absolute"),
        ("SHELL=bash\n* * * * * x\n", "SHELL is not absolute"),
        ("CRON_TZ=Europe/Pariss\n* * * * * x\n", "CRON_TZ: timezone: 'Europe/Pariss' is not known"),
    ],
)
def test_a_line_that_cannot_be_carried_over_is_left_with_the_reason(text, told):
    assert told in reason(text)


def test_only_its_own_line_is_marked_as_such():
    crontab = read("* * * * * taskrun cron\n@reboot x\n")

    assert [True, False] == [left.is_own for left in crontab.left]


def test_a_last_line_without_a_line_break_may_be_a_comment_or_nothing():
    assert (Comment(("The end",)),) == read("# The end").items
    assert () == read("").items
    assert () == read("  ").items


@pytest.mark.parametrize(
    ("text", "schedule", "command"),
    [
        ("-*/5 * * * * x\n", "*/5 * * * *", "x"),
        ("@daily -q x\n", "@daily", "x"),
        ("* * * * * -n -s x -y\n", "* * * * *", "x -y"),
        ("@every_minute x\n", "* * * * *", "x"),
    ],
)
def test_what_other_crons_know_and_what_changes_nothing_here(text, schedule, command):
    entry = job(text).entry

    assert (schedule, command) == (entry.schedule, entry.command)


SYSTEM = "SHELL=/bin/sh\n17 * * * * root cd / && x\n@daily postgres y\n"


def test_a_systems_crontab_is_known_by_its_users():
    crontab = read(SYSTEM, account="root")

    assert [("root", "cd / && x")] == [(found.entry.user, found.entry.command) for found in crontab.jobs]
    assert ["it is a line of postgres: import it as that user"] == [left.reason for left in crontab.left]


@pytest.mark.parametrize(
    "text",
    ["* * * * * mail -s x ann\n", "* * * * * root\n", "# root\n", "* * * * * php /srv/x.php\n"],
)
def test_any_other_crontab_is_that_of_a_user(text):
    assert all(found.entry.user is None for found in read(text).jobs)


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("17 * * * * backup cd / && run-parts /etc/cron.hourly\n", 1, "backup"),
        ("* * * * * find /\n* * * * * ann find /\n", 2, "ann"),
        ("@daily deploy /usr/local/bin/deploy --quiet\n", 1, "deploy"),
        ("0 3 * * * mail /usr/bin/find /var/mail\n", 1, "mail"),
        ("* * * * * root x\n* * * * * nobody x\n", 1, "root"),
    ],
)
def test_a_word_that_may_be_a_user_is_asked_about_and_never_taken_for_the_command(text, line, word):
    with pytest.raises(UserColumnError) as caught:
        read(text)

    assert (caught.value.line, caught.value.word, caught.value.exit_code) == (line, word, 2)
    assert "--system" in str(caught.value.hint)


def test_the_names_of_the_columns_say_that_there_is_a_user():
    text = "# m h dom mon dow user\tcommand\n17 * * * * ann cd / && run-parts x\n"

    assert ("ann", "cd / && run-parts x") == (job(text).entry.user, job(text).entry.command)


def test_a_byte_order_mark_is_no_part_of_the_first_line():
    crontab = read(b"\xef\xbb\xbfMAILTO=ann\n* * * * * find /\n")

    assert crontab.has_mark
    assert dict(crontab.jobs[0].variables.values) == {"MAILTO": "ann"}


def test_a_command_that_is_too_long_for_cron_is_left():
    assert "998 at most" in reason(f"* * * * * x {'y' * 997}\n")
    assert job(f"* * * * * x {'y' * 996}\n")


def test_whether_there_are_users_can_be_said():
    assert "mail -s x ann" == job("* * * * * ann mail -s x ann\n", has_users=True).entry.command
    assert "root x" == job("* * * * * root x\n", has_users=False).entry.command


@pytest.mark.parametrize("text", ["* * * * * root\n", "* * * * * /bin/x y\n", "* * * * * * x\n"])
def test_a_line_of_a_systems_crontab_needs_a_user(text):
    assert "it has no user before its command" in reason(text, has_users=True)


def test_lines_may_end_as_on_windows():
    crontab = read("A=b\r\n* * * * * x\r\n")

    assert crontab.windows
    assert ("x", "b") == (crontab.jobs[0].entry.command, crontab.jobs[0].variables.get("A"))
    assert not read("* * * * * x\n").windows


def test_bytes_that_are_no_text_stay_what_they_were():
    (found,) = read(b"# caf\xe9\n* * * * * echo \xe9\n").jobs

    assert ("caf\udce9",) == found.about
    assert b"echo \xe9" == found.entry.command.encode("utf-8", "surrogateescape")


@pytest.mark.parametrize(
    ("data", "problem"),
    [(b"\x7fELF\0\0", "it holds bytes 0"), (b"#" * 1_048_577, "too large"), (b"\n" * 10_001, "too large")],
)
def test_what_is_no_crontab_is_refused(data, problem):
    with pytest.raises(TaskrunnerError, match=f"it is not a crontab: .*{problem}"):
        read(data)


@pytest.mark.parametrize(
    "part",
    [
        "%",
        "\\%",
        "a",
        " ",
        " #",
        "taskrun ",
        "-m taskrunner",
        "-m \t",
        "-n ",
        "'",
        '"',
        "$(",
        "&&",
        "x=",
        ",",
        "-",
        "*/",
    ],
)
@pytest.mark.parametrize(
    "before", ["", "# ", "* * * * * ", "* * * * * x # ", "A=", "*,", "@", "* * * * * [ a &&"]
)
def test_a_long_line_of_anything_is_read_at_once(before, part):
    crontab = read(f"{before}{part * (200_000 // len(part))}'\n@reboot x\n")

    assert [2] == [left.line for left in crontab.left][-1:]
    assert (
        write_plugin(crontab)
        and remarks_on(crontab, zone="UTC", now=datetime(2027, 1, 1, tzinfo=UTC)) is not None
    )
