"""The real program does and says the same by the short cut as without it."""

import os
import re
import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.program import Program

PLUGIN = """\
class Yearly(ScheduledTask):
    schedule = "0 0 1 1 *"

    def execute(self):
        mtrace("ran")


class Mail(AdhocTask):
    def execute(self):
        mtrace("sent")
"""
LONG_AGO = (1_500_000_000, 1_500_000_000)


@pytest.fixture
def site(tmp_path: Path) -> Program:
    """A site with nothing due, whose caches are up to date."""
    program = Program(tmp_path / "site")
    program.root.mkdir()
    os.utime(program.configure('[tasks."core.*"]\ndisabled = true'), LONG_AGO)
    os.utime(program.write("forum", PLUGIN), LONG_AGO)
    program.prints("cron")
    return program


def execute(site: Program, sql: str, *values: object) -> None:
    with closing(sqlite3.connect(site.root / "state" / "taskrunner.db")) as connection, connection:
        connection.execute(sql, values)


SITUATIONS: dict[str, Callable[[Program], object]] = {
    "nothing is due": lambda site: None,
    "a scheduled task is due": lambda site: execute(site, "update task_scheduled set next_run_at = 1"),
    "an adhoc task is due": lambda site: site.prints("adhoc", "queue", "Mail"),
    "a runner died": lambda site: execute(
        site,
        "insert into task_runner (id, hostname, pid, started_at, command) values ('R', 'h', 1, 1.0, 'cron')",
    ),
    "cron is paused": lambda site: site.prints("pause", "--reason", "new server"),
    "a plugin is broken": lambda site: site.write("shop", "class Bill(:\n"),
    "the configuration is wrong": lambda site: site.configure("[cron]\nkeep_alive = 901"),
    "the environment is wrong": lambda site: site.environ.update(TASKRUN_CORN="1"),
    "the state directory is a file": lambda site: (
        shutil.rmtree(site.root / "state"),
        (site.root / "state").touch(),
    ),
    "the database is gone": lambda site: (site.root / "state" / "taskrunner.db").unlink(),
    "the database is damaged": lambda site: (site.root / "state" / "taskrunner.db").write_bytes(b"x" * 9999),
    "the clock was set back": lambda site: (site.root / "state" / "last_cron").write_text(
        f"{time.time() + 9999}\n\n"
    ),
    "there is no configuration": lambda site: (site.root / "taskrunner.toml").unlink(),
}


SHORT, LONG = ("cron",), ("cron", "--keep-alive", "0")
"""The same command, the second with an option that changes nothing but who reads it."""


def told(site: Program, *arguments: str) -> tuple[int, str, str]:
    """Return exit code, stdout and stderr, without what differs from run to run."""
    done = site.run(*arguments)
    stdout, stderr = (
        re.sub(r"[0-9A-HJKMNP-TV-Z]{26}|[0-9]+", "N", text) for text in (done.stdout, done.stderr)
    )
    return done.returncode, stdout, stderr


def left(site: Program) -> dict[str, object]:
    """Return what a cron left behind: files and rows."""
    files = {re.sub("[0-9]+", "N", str(path.relative_to(site.root))) for path in site.root.rglob("*")}
    try:
        with closing(sqlite3.connect(site.root / "state" / "taskrunner.db")) as connection:
            tables = ("task_scheduled", "task_adhoc", "task_runner", "task_log")
            rows = {table: connection.execute(f"select count(*) from {table}").fetchall() for table in tables}
    except sqlite3.Error:
        rows = {}
    return {"files": files, "rows": rows}


@pytest.mark.parametrize("situation", SITUATIONS)
def test_both_ways_do_and_say_the_same(site: Program, tmp_path: Path, situation: str) -> None:
    SITUATIONS[situation](site)
    shutil.copytree(site.root, tmp_path / "copy", symlinks=True)

    short = told(site, *SHORT), left(site)
    shutil.rmtree(site.root)
    shutil.copytree(tmp_path / "copy", site.root, symlinks=True)

    assert (told(site, *LONG), left(site)) == short


@pytest.mark.parametrize(
    "arguments",
    [
        ("--config", "{file}", "cron"),
        ("--config={file}", "cron"),
        ("cron", "--config", "{file}"),
        ("cron", "--config={file}"),
        ("--config", "missing.toml", "cron"),
        ("--config=missing.toml", "cron"),
        ("--config=", "cron"),
        ("--config", "", "cron"),
        ("--config", "cron", "cron"),
    ],
    ids=str,
)
def test_each_way_to_name_the_configuration_means_the_same(
    site: Program, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    file = str(site.root / "taskrunner.toml")
    words = [word.format(file=file) for word in arguments]

    short = site.run(*words, cwd=tmp_path)
    long = site.run(*words, *LONG[1:], cwd=tmp_path)

    assert (short.returncode, short.stdout, short.stderr) == (long.returncode, long.stdout, long.stderr)
