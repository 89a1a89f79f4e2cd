"""A minute in which nothing is due, as 1,440 times a day: it imports little, writes nothing, says nothing."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

CONFIG = """
plugin_dirs = ["plugins"]
database = "sqlite:state/taskrunner.db"
state_dir = "state"
log_dir = "log"
timezone = "UTC"

[tasks."*"]
disabled = true
"""

PLUGIN = '''
from taskrunner import AdhocTask, ScheduledTask


class Nightly(ScheduledTask):
    """Do something at night."""

    schedule = "0 3 * * *"

    def execute(self) -> None:
        pass


class Queued(AdhocTask):
    """Do something once."""

    def execute(self) -> None:
        pass
'''


def cron(site: Path, *options: str) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("TASKRUN_")}
    command = [
        sys.executable,
        *options,
        "-m",
        "taskrunner",
        "--config",
        str(site / "taskrunner.toml"),
        "cron",
    ]
    return subprocess.run(
        command, cwd=site, env=environ, capture_output=True, text=True, check=True, timeout=60
    )


@pytest.fixture
def idle_site(tmp_path: Path) -> Iterator[Path]:
    """A site with nothing due, after the cron that brought its tables and caches up to date."""
    (tmp_path / "plugins").mkdir(mode=0o755)
    (tmp_path / "plugins" / "first.py").write_text(PLUGIN)
    (tmp_path / "taskrunner.toml").write_text(CONFIG)
    for file in (tmp_path / "plugins" / "first.py", tmp_path / "taskrunner.toml"):
        os.utime(file, (1_500_000_000, 1_500_000_000))  # a file as young as its cache would be read again
    cron(tmp_path)
    yield tmp_path


def test_an_idle_cron_imports_nothing_that_it_does_not_use(idle_site: Path) -> None:
    told = cron(idle_site, "-X", "importtime").stderr.splitlines()

    imported = {line.rpartition("|")[2].strip() for line in told if "import time:" in line}
    expensive = {"croniter", "rich", "psycopg", "asyncio", "logging", "importlib.metadata", "setproctitle"}
    assert "taskrunner.runner" in imported
    assert set() == imported & expensive
    assert set() == imported & {"taskrunner.plugins.child", "taskrunner.plugins.importing", "first"}


def test_an_idle_cron_writes_nothing_but_that_it_was_there(idle_site: Path) -> None:
    def files() -> dict[str, tuple[bytes, int]]:
        return {
            str(file.relative_to(idle_site)): (file.read_bytes(), file.stat().st_mtime_ns)
            for file in idle_site.rglob("*")
            if file.is_file() and file.name != "last_cron" and file.suffix != ".pyc"
        }

    before = files()
    cron(idle_site)

    changed = {name for name, _ in before.items() ^ files().items()}
    assert set() == changed


def test_an_idle_cron_says_nothing(idle_site: Path) -> None:
    done = cron(idle_site)

    assert ("", "") == (done.stdout, done.stderr)
    assert not (idle_site / "log").exists() or [] == os.listdir(idle_site / "log")
