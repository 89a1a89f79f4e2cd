"""A copy of contrib/example, and the real `taskrun` to run it with."""

import gzip
import json
import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.patience import DEADLINE
from tests.warm import DECIDED_AT_START, WARM

CONTRIB = Path(__file__).parents[2] / "contrib"
EXAMPLE = CONTRIB / "example"


def output_folders() -> list[str]:
    """Return the names of the folders that git does not see."""
    ignored = (CONTRIB.parent / ".gitignore").read_text("utf-8")
    return re.findall(r"^/contrib/example\*/(\w+)/$", ignored, re.MULTILINE)


def outside() -> dict[str, str]:
    """Return the environment of the tests but for what configures taskrunner and Python.

    With a language in it each command would be started anew.
    """
    inside = ("TASKRUN_", *DECIDED_AT_START)
    return {name: value for name, value in os.environ.items() if not name.startswith(inside)}


def run_outside(config: Path, *arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    """Run a command on a site, from a folder that has nothing to do with it."""
    command = ["--config", str(config), *arguments]
    return WARM.run(command, cwd=Path("/"), environ=outside() | environ, timeout=DEADLINE)


@dataclass(frozen=True, slots=True)
class ExampleSite:
    """The copy at `path`; nothing of what the original has made is in it."""

    path: Path

    @classmethod
    def copied_to(cls, path: Path) -> "ExampleSite":
        shutil.copytree(EXAMPLE, path, ignore=shutil.ignore_patterns(*output_folders(), "__pycache__"))
        for copied in (path, *path.rglob("*")):
            copied.chmod(0o755 if copied.is_dir() else 0o644)  # whatever the umask of the checkout was
        return cls(path)

    @property
    def config(self) -> Path:
        return self.path / "taskrunner.toml"

    def taskrun(self, *arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
        """Run a command on the site, from a folder that has nothing to do with it."""
        return run_outside(self.config, *arguments, **environ)

    def run_task(self, name: str, custom_data: object = None) -> "subprocess.CompletedProcess[str]":
        data = [] if custom_data is None else ["--data", json.dumps(custom_data)]
        return self.taskrun("run-task", name, *data)

    def back_up(self, database: str) -> "subprocess.CompletedProcess[str]":
        return self.run_task("backup.BackupDatabase", {"database": database})

    def read(self, *arguments: str) -> list[dict[str, Any]]:
        """Return what a reading command tells programs."""
        records: list[dict[str, Any]] = json.loads(self.taskrun(*arguments, "--json").stdout)
        return records

    def runs(self) -> list[tuple[str, str]]:
        """Return name and outcome of all runs, sorted."""
        return sorted((run["name"], run["outcome"]) for run in self.read("log"))

    def replace_in_config(self, old: str, new: str) -> None:
        text = self.config.read_text("utf-8")
        assert text.count(old) == 1, f"{old!r} should stand once in taskrunner.toml"
        self.config.write_text(text.replace(old, new), "utf-8")

    def make_database(self, name: str, posts: Iterable[str] = ("first",)) -> Path:
        """Make a database in data/ with a table of posts."""
        database = self.path / "data" / name
        database.parent.mkdir(exist_ok=True)
        with closing(sqlite3.connect(database)) as connection, connection:
            connection.execute("create table post (text text)")
            connection.executemany("insert into post values (?)", [(post,) for post in posts])
        return database

    def backups(self, database: str) -> list[Path]:
        """Return the backups of a database ("data/forum"), oldest first."""
        return sorted((self.path / "backups" / database).iterdir())

    def backed_up(self) -> list[str]:
        """Return which databases have a backup, each as often as it has one."""
        backups = self.path / "backups"
        return sorted(str(file.parent.relative_to(backups)) for file in backups.rglob("*.db.gz"))

    def unpack(self, database: str) -> Path:
        """Return the database that the only backup of one holds."""
        (backup,) = self.backups(database)
        unpacked = self.path.parent / f"restored-{Path(database).name}.db"
        unpacked.write_bytes(gzip.decompress(backup.read_bytes()))
        return unpacked


def ask(database: Path, question: str) -> list[Any]:
    """Return the first column of what a database answers."""
    with closing(sqlite3.connect(database)) as connection:
        return [row[0] for row in connection.execute(question)]
