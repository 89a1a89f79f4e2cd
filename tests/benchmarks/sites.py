"""Sites to measure: databases of both kinds, a plugin with a trivial task, a program to drain its queue."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from types import MappingProxyType

from tests.databases import connect_to
from tests.server.account import ServerError
from tests.server.postgres import PostgresServer, running_server

NOTHING: Mapping[str, str] = MappingProxyType({})

PLUGIN = """
from taskrunner import AdhocTask


class Trivial(AdhocTask):
    def execute(self) -> None:
        print("done")


class Alone(Trivial):
    concurrency_limit = 8  # with a limit a task is run in no batch
"""

CONFIG = """
database = "{url}"
state_dir = "state"
plugin_dirs = ["plugins"]
log_dir = "log"
timezone = "UTC"

[cron]
adhoc_concurrency_limit = 8
"""


class Databases:
    """Gives new databases, each empty; `kinds` are those that can be had here."""

    def __init__(self, folder: Path, server: PostgresServer | None) -> None:
        self.kinds = ("SQLite", "PostgreSQL") if server else ("SQLite",)
        self.server = server
        self._folder = folder
        self._numbers = count(1)

    def new(self, kind: str) -> str:
        """Return the URL of an empty database."""
        name = f"bench_{next(self._numbers)}"
        if kind == "SQLite" or self.server is None:
            return f"sqlite:{self._folder / name}.db"
        return self.server.create_database(name)


@contextmanager
def databases(folder: Path) -> Iterator[Databases]:
    """Give databases until the block ends; where there is no PostgreSQL that is said, and SQLite measured."""
    try:
        with running_server() as server:
            yield Databases(folder, server)
    except ServerError as error:
        print(f"PostgreSQL is not measured: {error}", file=sys.stderr)
        yield Databases(folder, None)


class Site:
    """A folder with a taskrunner.toml and a plugin: two adhoc classes, `work.Trivial` and `work.Alone`."""

    def __init__(self, folder: Path, url: str, plugin: str = PLUGIN, settings: str = "") -> None:
        (folder / "plugins").mkdir(parents=True, mode=0o755)
        (folder / "plugins" / "work.py").write_text(plugin)
        self.config = folder / "taskrunner.toml"
        self.config.write_text(CONFIG.format(url=url) + settings)
        self.url = url
        self._program = [sys.executable, "-m", "taskrunner", "--config", str(self.config)]
        self._run("cron", "--quiet")

    def queue(self, tasks: int, name: str = "Trivial") -> None:
        """Queue so many tasks."""
        self._run("adhoc", "queue", name, "--data", "-", "-q", told="\n".join(map(str, range(tasks))))

    def drain(self, processes: int, environ: Mapping[str, str] = NOTHING) -> float:
        """Let so many crons run what is queued; return the milliseconds of a processor that they took."""
        return together([self.command("cron", "--quiet")] * processes, environ)

    def drain_barely(self, processes: int, environ: Mapping[str, str] = NOTHING) -> float:
        """Let so many processes do nothing but what a drain cannot do without; return the same."""
        return together([[sys.executable, "-m", "tests.benchmarks.bare", self.url]] * processes, environ)

    def command(self, *arguments: str) -> list[str]:
        """Return a command line of the program in this site."""
        return [*self._program, *arguments]

    def _run(self, *arguments: str, told: str = "") -> None:
        subprocess.run(
            [*self._program, *arguments], input=told, text=True, check=True, stdout=subprocess.DEVNULL
        )


def tidy(url: str) -> None:
    """Do what a server does by itself minutes after a table has grown; that of the tests is told not to."""
    if not url.startswith("sqlite:"):
        with closing(connect_to(url, autocommit=True)) as connection:
            connection.execute("vacuum analyze")


def together(commands: list[list[str]], environ: Mapping[str, str] = NOTHING) -> float:
    """Run commands at once, and wait for all; return the milliseconds of a processor that they took."""
    environ = os.environ | {"PYTHONPATH": os.getcwd()} | dict(environ)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    running = [subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL) for command in commands]
    failed = [process.args for process in running if process.wait()]
    if failed:
        raise RuntimeError(f"{failed[0]} failed")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def milliseconds_per_run(url: str) -> float:
    """Return the time from the first start to the last end of the newest runs, for each: no start-up in it.

    The first run of all is another drain's, from which the cost of the start is known.
    """
    with closing(connect_to(url)) as connection:
        first, last, runs = connection.execute(
            "select min(started_at), max(ended_at), count(*) from task_log"
            " where type = 'adhoc' and id > (select min(id) from task_log where type = 'adhoc')"
        ).fetchone()
    return float(last - first) * 1000 / int(runs)


def runs_of(url: str) -> int:
    """Return how many queued tasks have run."""
    with closing(connect_to(url)) as connection:
        (runs,) = connection.execute("select count(*) from task_log where type = 'adhoc'").fetchone()
    return int(runs)
