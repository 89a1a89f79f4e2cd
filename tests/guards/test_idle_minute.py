"""A minute in which nothing is due, as 1,440 times a day: it imports little, writes nothing, says nothing."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.patience import DEADLINE

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

WATCHED = """
import os, sys

def tell(event, arguments):
    if event in ("open", "os.listdir", "os.scandir", "subprocess.Popen", "os.fork", "socket.connect"):
        os.write(2, f"{event} {arguments[0]!r}\\n".encode())

sys.addaudithook(tell)
sys.argv = ["taskrun", "--config", sys.argv[1], "cron"]
from taskrunner.__main__ import main
main()
"""
"""The program, telling what it opens."""

OF_THE_PROGRAM = {"taskrunner.cli", "taskrunner.config.load", "taskrunner.records", "taskrunner.runner"}
OF_THE_PLUGINS = {
    "taskrunner.child_process",
    "taskrunner.plugins.declare",
    "taskrunner.validate",
    "first",
}
LIBRARIES = {"click", "croniter", "psycopg", "rich", "setproctitle"}
OF_PYTHON = {
    *("asyncio", "ast", "dataclasses", "email", "hashlib", "importlib.metadata", "inspect", "json", "locale"),
    *(
        "logging",
        "pathlib",
        "random",
        "re",
        "socket",
        "subprocess",
        "tempfile",
        "tomllib",
        "traceback",
        "typing",
    ),
    *("urllib", "zoneinfo"),
}
"""What is dear to import, and not used."""


def python(site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TASKRUN_")}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=site,
        env=kept,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
        timeout=DEADLINE,
    )


def cron(site: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return python(site, *options, "-m", "taskrunner", "--config", str(site / "taskrunner.toml"), "cron")


@pytest.fixture
def make_idle(tmp_path: Path) -> Callable[[int], Path]:
    """Make a site with nothing due, after the cron that brought its tables and caches up to date."""

    def make_idle(plugins: int) -> Path:
        site = tmp_path / f"of {plugins}"
        (site / "plugins").mkdir(mode=0o755, parents=True)
        files = [site / "plugins" / f"{name}.py" for name in ["first", *(f"p{i}" for i in range(1, plugins))]]
        for file, text in [(site / "taskrunner.toml", CONFIG), *((file, PLUGIN) for file in files)]:
            file.write_text(text)
            file.chmod(0o644)
            os.utime(file, (1_500_000_000, 1_500_000_000))  # a file as young as its cache would be read again
        cron(site)
        return site

    return make_idle


@pytest.fixture
def idle_site(make_idle: Callable[[int], Path]) -> Path:
    return make_idle(1)


def test_an_idle_cron_imports_nothing_that_it_does_not_use(idle_site: Path) -> None:
    told = cron(idle_site, "-X", "importtime", "-X", "frozen_modules=on").stderr.splitlines()

    imported = {line.rpartition("|")[2].strip() for line in told if "import time:" in line}
    assert {"taskrunner.idle", "sqlite3"} <= imported
    assert set() == imported & (OF_THE_PROGRAM | OF_THE_PLUGINS)
    assert set() == imported & (LIBRARIES | OF_PYTHON)


def test_an_idle_cron_imports_few_modules_of_its_own(idle_site: Path) -> None:
    told = cron(idle_site, "-X", "importtime").stderr.splitlines()

    own = [line for line in told if line.rpartition("|")[2].strip().startswith("taskrunner")]
    assert len(own) < 35


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


def test_an_idle_cron_opens_the_same_files_whatever_the_number_of_plugins(
    make_idle: Callable[[int], Path],
) -> None:
    def opened(site: Path) -> list[str]:
        told = python(site, "-c", WATCHED, str(site / "taskrunner.toml")).stderr.replace(str(site), "SITE")
        return sorted(line.partition(".last_cron")[0] for line in told.splitlines() if "SITE" in line)

    few, many = opened(make_idle(1)), opened(make_idle(500))

    assert few == many
    assert [] == [line for line in many if "/plugins/" in line]
