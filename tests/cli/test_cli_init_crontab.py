"""taskrun init --from-crontab."""

import os
import pwd
from pathlib import Path

import pytest

from tests.cli.program import Program

CRONTAB = """\
MAILTO=ops@example.org
# Say hello
*/5 * * * * echo "hello from $PWD"
@reboot start
* * * * * taskrun cron
0 3 * * * exit 3
"""
HOME = pwd.getpwuid(os.geteuid()).pw_dir


@pytest.fixture
def empty(tmp_path: Path) -> Program:
    """A folder that is no site yet."""
    (tmp_path / "old").write_text(CRONTAB)
    return Program(tmp_path)


def imported(program: Program, text: str | bytes, *options: str) -> str:
    """Import a crontab into a new site and return what is told."""
    (program.root / "old").write_bytes(text.encode() if isinstance(text, str) else text)
    return program.prints("init", "site", "--from-crontab", "old", *options)


def test_a_site_is_made_of_a_crontab(empty):
    told = imported(empty, CRONTAB)

    files = ("taskrunner.toml", "taskrunner.schema.json", "plugins/crontab.py")
    assert told.startswith("".join(f"wrote site/{file}\n" for file in files) + "\nLINE  TASK")
    assert "\n3     crontab.Echo  */5 * * * *  " in told
    assert "\n- line 4: @reboot start\n  taskrunner cannot tell a restart" in told
    assert "\n- line 5: * * * * * taskrun cron\n  it is taskrunner's own line\n" in told
    assert "\nComment out lines 3, 6 of the old crontab: what is in both is done twice.\n" in told
    assert "\nMAILTO=ops@example.org\n* * * * * " in told
    assert not (empty.root / "site" / "plugins" / "first.py").exists()


def test_the_imported_tasks_run(empty):
    imported(empty, CRONTAB)
    config = str(empty.root / "site" / "taskrunner.toml")

    listed = empty.prints("--config", config, "list", "--plugin", "crontab")
    ran = empty.prints("--config", config, "run-task", "Echo")
    failed = empty.run("--config", config, "run-task", "Exit")

    assert "crontab.Echo" in listed and "crontab.Exit" in listed
    assert "(crontab.Echo)\n" in ran and f"\nhello from {HOME}\n" in ran
    assert (1, True, False) == (
        failed.returncode,
        "Scheduled task failed: Line 6 of the crontab (crontab.Exit),exit code 3\n" in failed.stdout,
        "Traceback" in failed.stdout,
    )


def test_what_crontab_prints_can_be_piped(empty):
    told = empty.prints("init", "site", "--from-crontab", "-", input=CRONTAB)

    assert "crontab.Echo" in told


def test_cron_mails_failures_only_from_then_on(empty):
    told = imported(empty, CRONTAB)

    assert '\nstdout = "failures" ' in (empty.root / "site" / "taskrunner.toml").read_text()
    assert "Cron mails ops@example.org failures only" in told


@pytest.mark.parametrize(
    ("mailto", "remark", "line"),
    [
        ("", "Cron mails you failures only", "\n\n* * * * * "),
        ('MAILTO=""\n', "MAILTO is empty, so nobody is mailed", '\n\nMAILTO=""\n* * * * * '),
    ],
)
def test_where_nobody_or_the_owner_is_mailed_it_stays_so(empty, mailto, remark, line):
    told = imported(empty, f"{mailto}* * * * * x\n")

    assert remark in told
    assert line in told


def test_in_a_site_that_there_is_only_the_plugin_is_added(site):
    before = (site.root / "taskrunner.toml").read_text()

    told = site.prints("init", "--from-crontab", "-", input=CRONTAB)

    assert told.startswith(f"wrote {site.root}/plugins/crontab.py\n")
    assert "Cron mails ops@example.org all that is printed: stdout in taskrunner.toml" in told
    assert before == (site.root / "taskrunner.toml").read_text()
    assert "crontab.Echo" in site.prints("list")


def test_a_plugin_that_is_there_is_not_overwritten(empty):
    imported(empty, CRONTAB)
    plugin = empty.root / "site" / "plugins" / "crontab.py"
    plugin.write_text("# mine\n")

    code, told = empty.refuses("init", "site", "--from-crontab", "old")

    assert (78, f"taskrun: {plugin} exist already: nothing was written\n") == (code, told)
    assert "# mine\n" == plugin.read_text()


def test_without_a_line_that_can_be_carried_over_nothing_is_written(empty):
    (empty.root / "old").write_text("@reboot x\n* * * * * y")

    code, told = empty.refuses("init", "site", "--from-crontab", "old")

    assert 1 == code
    assert "\n- line 1: @reboot x\n" in told and "\n- line 2: * * * * * y\n" in told
    assert told.endswith("taskrun: old: no line of it can be carried over\n")
    assert not (empty.root / "site").exists()


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("missing", "cannot read missing: No such file or directory"),
        ("folder", "cannot read folder: Is a directory"),
        ("binary", "binary: it is not a crontab: it holds bytes 0"),
        ("large", "large: it is not a crontab: it is too large"),
    ],
)
def test_what_cannot_be_read_is_one_line_and_nothing_is_written(empty, name, problem):
    (empty.root / "folder").mkdir()
    (empty.root / "binary").write_bytes(b"\x7fELF\0")
    (empty.root / "large").write_bytes(b"#" * 2_000_000)

    assert (1, f"taskrun: {problem}\n") == empty.refuses("init", "site", "--from-crontab", name)
    assert not (empty.root / "site").exists()


def test_lines_of_other_users_are_left(empty):
    user = pwd.getpwuid(os.geteuid()).pw_name

    told = imported(empty, f"* * * * * {user} echo mine\n* * * * * nobody echo theirs\n", "--system")

    assert "\n1     crontab.Echo  " in told
    assert (
        "\n- line 2: * * * * * nobody echo theirs\n  it is a line of nobody: import it as that user\n" in told
    )


def test_whether_there_are_users_is_asked_of_a_crontab_only(empty):
    assert 2 == empty.refuses("init", "site", "--system")[0]


def test_what_could_harm_a_terminal_is_shown_instead(empty):
    told = imported(empty, b"* * * * * echo\n@reboot \x1b[31m caf\xe9\n")

    assert "- line 2: @reboot \\x1b[31m caf\\udce9\n" in told


def test_a_hostile_line_is_no_code(empty):
    imported(empty, '# """ + open("harmed", "w") + """\n* * * * * x """; open("harmed", "w")\n')
    config = str(empty.root / "site" / "taskrunner.toml")

    empty.prints("--config", config, "list")

    assert [] == list(empty.root.rglob("harmed"))


def test_a_user_before_a_command_is_never_taken_for_it_and_asked_about(empty):
    text = "17 * * * * backup cd / && run-parts /etc/cron.hourly\n"
    piped = empty.run("init", "site", "--from-crontab", "-", input=text)

    assert (piped.returncode, (empty.root / "site").exists()) == (2, False)
    assert "line 1: 'backup' may be a user before the command" in piped.stderr
    assert "--system" in piped.stderr and "--no-system" in piped.stderr
    told = empty.run("init", "site", "--from-crontab", "-", "--system", input=text)
    assert "it is a line of backup: import it as that user" in told.stderr
