"""A site is its owner's: anybody else, root included, is refused before a file is touched or made."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from taskrunner import AdhocTask, queue_adhoc_task
from taskrunner.cli import main
from taskrunner.config import load_config
from taskrunner.diagnosis.check import access_findings, log_finding
from taskrunner.errors import NotOwnerError
from taskrunner.ownership import barrier_of, owner_of_site, permission_advice, user_name
from taskrunner.web.ticker import Ticker
from tests.cli.program import Program
from tests.databases import ON_SQLITE, ask, sqlite_url

STRANGER = 4711
COMMANDS = (
    ("list",),
    ("cron",),
    ("cron", "--force"),
    ("run-task", "SendDigest"),
    ("adhoc", "queue", "Mail"),
    ("adhoc", "list"),
    ("log",),
    ("pause",),
    ("doctor",),
    ("report", "failures"),
    ("new", "another.Task"),
)


def give_away(site: Program) -> None:
    """Give all files of a site to somebody else; who may not do that becomes somebody else."""
    for path in (site.root, *site.root.rglob("*")):
        os.chown(path, STRANGER, STRANGER)


@pytest.fixture(params=["root", "somebody else"])
def become_another(
    site: Program, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], None]:
    """Make the site one of another user than the one who is here: root, or not."""
    monkeypatch.setattr(sys, "argv", ["taskrun", "list"])

    def become() -> None:
        real = os.geteuid()
        if real == 0 and request.param == "root":
            give_away(site)
        else:
            monkeypatch.setattr(os, "geteuid", lambda: 0 if request.param == "root" else real + STRANGER)

    return become


def open_for_all(folder: Path) -> None:
    """Let everybody enter the folders above one of a test."""
    for above in (folder, *folder.parents):
        if above.owner() == folder.owner() and above != Path("/"):
            above.chmod(above.stat().st_mode | 0o055)


def tree(root: Path) -> dict[str, tuple[int, int, int]]:
    statuses = {str(path): path.lstat() for path in root.rglob("*")}
    return {name: (found.st_uid, found.st_size, found.st_mtime_ns) for name, found in statuses.items()}


def invoke(site: Program, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["--config", str(site.root / "taskrunner.toml"), *arguments])


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("state", ["state folder only", "used"])
@ON_SQLITE
def test_anybody_else_is_refused_before_a_file_is_touched(
    site: Program, state: str, arguments: tuple[str, ...], become_another: Callable[[], None]
) -> None:
    if state == "used":
        site.prints("cron")
    else:
        (site.root / "state").mkdir()
    become_another()
    before = tree(site.root)

    done = invoke(site, *arguments)

    assert 77 == done.exit_code, done.output
    assert "this site belongs to " in done.output
    assert 1 == done.output.count("\n")
    assert before == tree(site.root)


@ON_SQLITE
def test_the_refusal_is_a_line_that_can_be_pasted(
    site: Program, become_another: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    site.prints("list")
    become_another()
    monkeypatch.setattr(sys, "argv", ["/opt/bin/taskrun", "log", "--grep", "a b", "--config", "else.toml"])

    done = invoke(site, "log", "--grep", "a b")

    owner = user_name((site.root / "state").stat().st_uid)
    quoted = f"'{owner}'" if owner.startswith("#") else owner
    pasted = f"sudo -u {quoted} /opt/bin/taskrun --config {site.root}/taskrunner.toml log --grep 'a b'"
    assert f"taskrun: this site belongs to {owner}: {pasted}\n" == done.output


@ON_SQLITE
def test_check_says_it_as_monitoring_programs_read_it(
    site: Program, become_another: Callable[[], None]
) -> None:
    (site.root / "state").mkdir()
    become_another()

    done = invoke(site, "check")

    assert 3 == done.exit_code
    assert done.output.startswith("UNKNOWN: configuration: this site belongs to ")


@ON_SQLITE
def test_a_visit_of_another_users_web_server_makes_nothing(
    site: Program, become_another: Callable[[], None], caplog: pytest.LogCaptureFixture
) -> None:
    config = load_config(site.root / "taskrunner.toml", environ={}, cwd=site.root)
    config.state_dir.mkdir()
    become_another()
    before = tree(site.root)

    Ticker(config).tick()

    assert "this site belongs to" in caplog.text
    assert before == tree(site.root)


class Mail(AdhocTask):
    def execute(self) -> None:
        """Do nothing."""


@ON_SQLITE
def test_a_program_that_only_queues_is_not_refused_and_leaves_no_file_of_its_own(
    site: Program, become_another: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    site.prints("list")
    (site.root / "state" / "taskrunner.db.id").unlink()
    (site.root / "state" / "web_tick").write_text("")
    config = load_config(site.root / "taskrunner.toml", environ={}, cwd=site.root)
    become_another()
    monkeypatch.setattr("taskrunner.queueing.name_of", lambda *_: "forum.Mail")
    before = {path: of[0] for path, of in tree(site.root).items()}

    queue_adhoc_task(Mail(), config=config)

    assert [("forum.Mail",)] == ask(sqlite_url(site.root), "select name from task_adhoc")
    assert before == {path: of[0] for path, of in tree(site.root).items()}
    assert 0 == (site.root / "state" / "web_tick").stat().st_size


@ON_SQLITE
def test_a_program_that_only_queues_does_not_make_the_site(
    site: Program, become_another: Callable[[], None]
) -> None:
    config = load_config(site.root / "taskrunner.toml", environ={}, cwd=site.root)
    config.state_dir.mkdir()
    become_another()

    with pytest.raises(NotOwnerError):
        queue_adhoc_task(Mail(), config=config)

    assert [] == list((site.root / "state").iterdir())


def test_root_makes_no_site_in_the_folder_of_somebody_else(tmp_path: Path) -> None:
    here = tmp_path.stat().st_uid

    assert (here or None) == owner_of_site(tmp_path / "new" / "state", uid=0)
    assert None is owner_of_site(tmp_path / "new" / "state", uid=STRANGER)
    assert here == owner_of_site(tmp_path, uid=here + 1)
    assert None is owner_of_site(tmp_path, uid=here)


def without_rights(check: "object", *arguments: object) -> object:
    """Return what a function returns to a user without any rights, in a process of its own."""
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(STRANGER)
                os.setuid(STRANGER)
            answer = check(*arguments)  # type: ignore[operator]
            os.write(writing, repr(answer).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading, encoding="utf-8") as told:
        text = told.read()
    os.waitpid(child, 0)
    return text


def test_permission_errors_say_who_owns_what_and_what_to_type(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir(mode=0o555)
    open_for_all(tmp_path)

    about = without_rights(permission_advice, folder / "locks")

    if os.geteuid() == 0:
        assert f"('; {folder} belongs to root', 'sudo chown -R {STRANGER} {folder}')" == about
    else:
        assert f"('; {folder} is your own, but its mode forbids it', 'chmod u+rwX {folder}')" == about


def test_the_barrier_is_the_first_folder_that_cannot_be_entered(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    (closed / "inner").mkdir(parents=True)
    open_for_all(tmp_path)
    closed.chmod(0)
    try:
        assert repr(str(closed)) == without_rights(barrier_of, closed / "inner" / "file", os.R_OK)
    finally:
        closed.chmod(0o755)


@ON_SQLITE
def test_what_root_left_behind_is_found_by_trying(site: Program) -> None:
    site.prints("cron")
    config = load_config(site.root / "taskrunner.toml", environ={}, cwd=site.root)
    assert [] == access_findings(config)
    assert None is log_finding(config, now=0.0)
    open_for_all(site.root)
    for path in site.root.rglob("*"):
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        found = without_rights(lambda: [finding.hint for finding in access_findings(config)])
        log = without_rights(lambda: getattr(log_finding(config, now=0.0), "message", ""))
    finally:
        for path in (site.root, *site.root.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o600)

    assert f"{site.root}/state" in str(found)
    assert "log_dir: cannot write " in str(log)


@ON_SQLITE
def test_a_backup_is_spoken_of_for_a_damaged_file_only(site: Program) -> None:
    site.prints("cron")
    database = site.root / "state" / "taskrunner.db"
    database.write_bytes(database.read_bytes()[:4096] + b"\xff" * 40960)

    code, text = site.refuses("list")

    assert 69 == code
    assert "restore the file from a backup" in text
