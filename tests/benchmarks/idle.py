"""The idle minute: nothing is due, 1,440 times a day."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.measuring import Line, alternating

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.benchmarks.sites import Databases

ROUNDS = 15
MANY = 500
"""Plugins of a large site."""

LONG_AGO = (1_500_000_000, 1_500_000_000)

BARE = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("select 1 from task_scheduled where run_id is null and disabled = 0 and blocked is null"
                   " and next_run_at <= unixepoch() limit 1").fetchone()
connection.execute("select min(name) from task_adhoc where run_id is null and attempts_left > 0").fetchone()
"""

BARE_LIBPQ = """
import ctypes, sys
libpq = ctypes.CDLL(sys.argv[2])
libpq.PQconnectdb.restype = libpq.PQexec.restype = ctypes.c_void_p
libpq.PQgetvalue.restype = ctypes.c_char_p
libpq.PQexec.argtypes = (ctypes.c_void_p, ctypes.c_char_p)
libpq.PQgetvalue.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_int)
connection = libpq.PQconnectdb(sys.argv[1].encode())
result = libpq.PQexec(connection, b"select exists (select from task_scheduled where run_id is null"
    b" and disabled = 0 and blocked is null and next_run_at <= extract(epoch from now())),"
    b" (select min(name) from task_adhoc where run_id is null and attempts_left > 0)")
assert libpq.PQgetvalue(result, 0, 0) == b"f", "something is due"
"""

CONFIG = """{database}
timezone = "UTC"

[tasks."core.*"]
disabled = true
"""

PLUGIN = """
from taskrunner import ScheduledTask


class Yearly(ScheduledTask):
    schedule = "0 0 1 1 *"

    def execute(self) -> None:
        pass
"""


PEAK = """
import os, sys
pid = os.posix_spawn(sys.executable, [sys.executable, *sys.argv[1:]], os.environ)
print(os.wait4(pid, 0)[2].ru_maxrss / 1024)
"""
"""A small process between, because a new one counts the memory of the one that starts it as its own."""


def measure(folder: Path, databases: Databases) -> Iterator[Line]:
    """Give an idle `taskrun cron` beside a bare script that asks the same, with 1 plugin and with 500."""
    environ = _environment(folder)
    for kind, plugins in (*((kind, 1) for kind in databases.kinds), ("SQLite", MANY)):
        cron, bare = idle_minute(folder / f"idle_{kind}_{plugins}", databases.new(kind), plugins)
        _run(cron, environ)  # makes tables and caches
        what, beside = f"{kind}: idle `taskrun cron`, plugins: {plugins}", "bare script, same questions"
        mine, floor = alternating(partial(_run, cron, environ), partial(_run, bare, environ), ROUNDS)
        yield Line(what, mine, beside, floor)
        mine, floor = _peak_memory(cron, environ), _peak_memory(bare, environ)
        yield Line(f"{what}: memory", mine, beside, floor, unit="MiB")


def idle_minute(folder: Path, url: str, plugins: int) -> tuple[list[str], list[str]]:
    """Return the words behind `python`: of an idle cron on a new site, of a script that asks the same."""
    site = _site(folder, url, plugins)
    cron = ["-m", "taskrunner", "--config", str(site / "taskrunner.toml"), "cron"]
    if url.startswith("sqlite:"):
        return cron, ["-c", BARE, url.removeprefix("sqlite:")]
    brought = Path(sysconfig.get_path("purelib"), "psycopg_binary.libs").glob("libpq*")
    return cron, ["-c", BARE_LIBPQ, url, str(next(brought, "libpq.so.5"))]


def _site(site: Path, url: str, plugins: int) -> Path:
    (site / "plugins").mkdir(parents=True, mode=0o755)
    files = {site / "plugins" / f"plugin_{number}.py": PLUGIN for number in range(plugins)}
    for file, text in {
        site / "taskrunner.toml": CONFIG.format(database=f'database = "{url}"'),
        **files,
    }.items():
        file.write_text(text)
    for path in (*files, site / "taskrunner.toml", site / "plugins", site):
        os.utime(path, LONG_AGO)  # what is as young as its cache would be read again
    return site


def _environment(folder: Path) -> dict[str, str]:
    """Return an environment with compiled modules, as any installation has them."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"PYTHONPYCACHEPREFIX": str(folder / "compiled")}


def _run(arguments: list[str], environ: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        env=environ,
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    return done.stdout


def _peak_memory(arguments: list[str], environ: dict[str, str]) -> float:
    """Return the largest resident memory of a Python in MiB."""
    return float(_run(["-S", "-c", PEAK, *arguments], environ))
