"""Many things to tidy, tidied once without and once with processes killed in the middle; both must end alike.

`python -m tests.contrib.tidying 100000 SEED` prints what came of it, for each plugin and each database.
"""

from __future__ import annotations

import os
import random
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.contrib.plugin_site import PluginSite
from tests.patience import DEADLINE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DATABASES = ["sqlite", "postgres"]
HOUR = 3600
OLD, NEW = time.time() - 365 * 24 * HOUR, time.time() + 24 * HOUR
"""Long expired, and not for a day: the tests take less."""

SCHEMA = """
create table users (id integer primary key, last_visit double precision, warnings integer not null default 0);
create table sessions (id integer primary key, user_id integer, last_seen double precision not null);
create table warnings (id integer primary key, user_id integer, created_at double precision not null);
create table topics (id integer primary key);
create table posts (id integer primary key, topic_id integer)
"""
SETTINGS = """
[plugin_settings.tidy_sessions]
sessions = "sessions"
users = "users"
guests = [1]
batch = {batch}
[plugin_settings.tidy_warnings]
warnings = "warnings"
users = "users"
batch = {batch}
[plugin_settings.tidy_database]
max_percent = 60
batch = {batch}
orphans = [{{ table = "posts", column = "topic_id", parent = "topics" }}]
"""
TIDIED = {"tidy_sessions": "sessions", "tidy_warnings": "warnings", "tidy_database": "posts"}


@dataclass
class SiteTables:
    """The tables of a forum, at a URL of either kind."""

    url: str

    def connect(self) -> Any:
        if self.url.startswith("sqlite:"):
            return sqlite3.connect(self.url.removeprefix("sqlite:"), timeout=30)
        import psycopg

        return psycopg.connect(self.url)

    def execute(self, sql: str) -> list[Any]:
        with closing(self.connect()) as connection:
            cursor = connection.cursor()
            cursor.execute(sql)
            rows = cursor.fetchall() if cursor.description else []
            connection.commit()
        return [tuple(row) for row in rows]

    def fill(self, table: str, columns: str, rows: list[tuple[object, ...]]) -> None:
        mark = "?" if self.url.startswith("sqlite:") else "%s"
        marks = ", ".join([mark] * len(rows[0]))
        with closing(self.connect()) as connection:
            connection.cursor().executemany(f"insert into {table} ({columns}) values ({marks})", rows)
            connection.commit()

    def make_empty(self) -> None:
        """Make the tables."""
        for statement in SCHEMA.split(";"):
            self.execute(statement)

    def make(self, items: int, chance: random.Random) -> None:
        """Make the tables, filled; of the items in each, half are to go."""
        self.make_empty()
        users = max(10, items // 20)
        self.fill("users", "id, last_visit, warnings", [(n, None, 99) for n in range(1, users + 1)])
        self.fill("topics", "id", [(n,) for n in range(1, users + 1)])

        def moment(number: int) -> float:
            return NEW if number % 2 else OLD + chance.randrange(10**6)

        rows = [(n, chance.randint(1, users), moment(n)) for n in range(items)]
        self.fill("sessions", "id, user_id, last_seen", rows)
        self.fill("warnings", "id, user_id, created_at", rows)
        gone = [(n, chance.randint(1, users) + (0 if n % 2 else users)) for n in range(items)]
        self.fill("posts", "id, topic_id", gone)

    def count(self, table: str) -> int:
        return int(self.execute(f"select count(*) from {table}")[0][0])

    def state(self) -> list[list[Any]]:
        """Return all that is in the tables."""
        return [
            self.execute(f"select * from {table} order by id")
            for table in ("users", "sessions", "warnings", "topics", "posts")
        ]


class Forum:
    """A site with the tables of a forum, still empty."""

    def __init__(self, root: Path, url: str) -> None:
        self.site = PluginSite.with_plugins(root, *TIDIED, "tidy_search")
        self.tables = SiteTables(url)
        self.tables.make_empty()
        self.configure()

    @property
    def is_sqlite(self) -> bool:
        return self.tables.url.startswith("sqlite:")

    def configure(self, settings: str = "") -> None:
        settings = settings or SETTINGS.format(batch=2)
        self.site.configure(f'[task_database]\nurl = "{self.tables.url}"\n{settings}')

    def configure_batch(self, batch: int) -> None:
        self.configure(SETTINGS.format(batch=batch))

    def run(self, plugin: str) -> str:
        """Run its task; return what is printed but for how far it is, which depends on the time it takes."""
        printed = self.site.run_task(f"{plugin}.{class_of(plugin)}")
        return "".join(line for line in printed.splitlines(True) if not line.startswith("progress:"))

    def fails(self, plugin: str) -> str:
        return self.site.fails(f"{plugin}.{class_of(plugin)}")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How two runs ended."""

    what: str
    undisturbed: object = field(repr=False)
    disturbed: object = field(repr=False)
    kills: int
    went: int

    def __str__(self) -> str:
        alike = "same end state" if self.undisturbed == self.disturbed else "DIFFERENT end states"
        return f"{self.what}: {self.went} went, killed {self.kills} times in the middle, {alike}"


def tidy_tables(
    folder: Path,
    new_url: Callable[[], str],
    plugin: str,
    *,
    items: int,
    seed: int,
    batch: int = 1000,
    kills: int = 3,
) -> Outcome:
    """Tidy two equal databases, one with kills."""
    states, killed, before = [], 0, 0
    for name in ("undisturbed", "disturbed"):
        site = PluginSite.with_plugins(folder / name, plugin)
        tables = SiteTables(new_url())
        tables.make(items, random.Random(seed))
        site.configure(f'[task_database]\nurl = "{tables.url}"\n{SETTINGS.format(batch=batch)}')
        before = tables.count(TIDIED[plugin])
        if name == "disturbed":
            killed = run_with_kills(site, plugin, partial(tables.count, TIDIED[plugin]), times=kills)
        run_to_the_end(site, plugin)
        states.append(tables.state())
    went = before - SiteTables(tables.url).count(TIDIED[plugin])
    kind = tables.url.partition(":")[0]
    return Outcome(f"{plugin} on {kind}", *states, kills=killed, went=went)


def tidy_files(folder: Path, *, items: int, seed: int, kills: int = 3) -> Outcome:
    """Tidy two equal folders, one with kills."""
    states, killed, before = [], 0, 0
    for name in ("undisturbed", "disturbed"):
        site = PluginSite.with_plugins(folder / name, "tidy_cache")
        cache = make_cache(folder / name, items, random.Random(seed))
        site.configure(
            '[plugin_settings.tidy_cache]\nroot = "cache"\npatterns = ["*.tmp"]\n'
            f"max_age = 7200\nmax_bytes = {items}\n"
        )
        before = count_cached(cache)
        if name == "disturbed":
            killed = run_with_kills(site, "tidy_cache", partial(count_cached, cache), times=kills)
        run_to_the_end(site, "tidy_cache")
        states.append((cached(cache), everything(folder / name / "outside"), foreign(cache)))
    return Outcome("tidy_cache", *states, kills=killed, went=before - len(states[-1][0]))


def make_cache(folder: Path, items: int, chance: random.Random) -> Path:
    """Make a cache of files, half of them old, with foreign files and links among them."""
    cache, outside = folder / "cache", folder / "outside"
    now = 1_700_000_000.0
    outside.mkdir()
    for number in range(20):
        (outside / f"{number}.tmp").write_text("precious")
        os.utime(outside / f"{number}.tmp", (now, now))
    for number in range(items):
        inner = cache / str(number % 97)
        if number < 97:
            inner.mkdir(parents=True)
            (inner / "index.html").write_text("foreign")
            (inner / ".hidden.tmp").write_text("foreign")
            (inner / "link.tmp").symlink_to(outside / "1.tmp")
            (inner / "folder").symlink_to(outside)
            for kept in ("index.html", ".hidden.tmp"):
                os.utime(inner / kept, (now, now))
        path = inner / f"{number}.tmp"
        path.write_bytes(b"x" * chance.randint(1, 3))
        moment = NEW + number if number % 2 else now + number
        os.utime(path, (moment, moment))
    return cache


def cached(cache: Path) -> list[str]:
    return sorted(
        str(path.relative_to(cache)) for path in cache.glob("*/[0-9]*.tmp") if not path.is_symlink()
    )


def count_cached(cache: Path) -> int:
    return len(cached(cache))


def foreign(cache: Path) -> list[str]:
    return sorted(
        str(path.relative_to(cache))
        for path in cache.glob("*/*")
        if path.is_symlink() or path.suffix != ".tmp"
    )


def everything(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def run_to_the_end(site: PluginSite, plugin: str) -> None:
    """Run a task until it has no more to do."""
    while "... has more to do" in site.run_task(f"{plugin}.{class_of(plugin)}"):
        pass


def run_with_kills(site: PluginSite, plugin: str, remaining: Callable[[], int], *, times: int) -> int:
    """Run a task that is killed as soon as it has done something; return how often that came about."""
    kills = 0
    for _ in range(times):
        before = remaining()
        process = site.start("run-task", f"{plugin}.{class_of(plugin)}")
        while process.poll() is None:
            if remaining() < before:
                process.kill()
                break
        printed, _ = process.communicate(timeout=DEADLINE)
        if process.returncode == 0:
            break
        assert process.returncode == -9, printed
        kills += 1
        site.taskrun("cron", "--quiet")  # notes that it died
    return kills


def class_of(plugin: str) -> str:
    return "".join(word.capitalize() for word in plugin.split("_"))


def new_urls(kind: str, folder: Path, server: Any = None) -> Iterator[str]:
    """Give URLs of empty databases."""
    for number in range(1000):
        if kind == "sqlite":
            yield f"sqlite:{folder / f'site{number}.db'}"
        else:
            yield server.create_database(f"{folder.name.replace('-', '_')}_{number}")


def main(items: int, seed: int) -> None:
    with tempfile.TemporaryDirectory() as place:
        print(tidy_files(Path(place) / "cache", items=items, seed=seed), flush=True)
        for kind in DATABASES:
            with serving(kind) as server:
                urls = new_urls(kind, Path(place), server)
                for plugin in TIDIED:
                    folder = Path(place) / f"{plugin}-{kind}"
                    outcome = tidy_tables(folder, lambda: next(urls), plugin, items=items, seed=seed)  # noqa: B023
                    print(outcome, flush=True)


def serving(kind: str) -> Any:
    """Return what runs a server while it is entered, where one is needed."""
    if kind == "sqlite":
        from contextlib import nullcontext

        return nullcontext()
    from tests.server.postgres import running_server

    return running_server()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
