"""What a page of the administration costs beside one of a small site, and what memory many of them hold."""

from __future__ import annotations

import gc
import json
import os
import statistics
import time
from typing import TYPE_CHECKING
from wsgiref.util import setup_testing_defaults

from taskrunner.config import load_config
from taskrunner.db import open_database
from taskrunner.formatting import new_id
from taskrunner.installation import open_site
from taskrunner.web import admin_app
from tests.benchmarks.measuring import Line
from tests.benchmarks.sites import tidy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from wsgiref.types import WSGIApplication

    from tests.benchmarks.sites import Databases

ROUNDS = 25
SIZES = ((20, 1_000), (500, 1_000_000))
"""Tasks and kept runs of the two sites."""

A_PLUGIN = 25
"""Tasks of each plugin."""

REQUESTS = 2_000
"""Requests after which memory is compared with what it was after a tenth of them."""

PAGE = 50_000
FOUR_WEEKS = 28 * 86_400
QUEUED = 200
COLUMNS = (
    "run_id", "type", "name", "plugin", "started_at", "ended_at", "outcome", "message", "output", "hostname",
    "pid",
)  # fmt: skip


def measure(folder: Path, databases: Databases) -> Iterator[Line]:
    """Give the processor time of each page of a large site beside that of a small one."""
    for kind in databases.kinds:
        few, many = (
            _site(folder / f"admin{kind}{tasks}", databases.new(kind), tasks, runs) for tasks, runs in SIZES
        )
        for what, address in _pages(many).items():
            mine, floor = (_processor_time(app, address) for app in (many, few))
            tasks, runs = SIZES[1]
            yield Line(f"{kind}: {what}, {tasks} tasks, {runs:,} runs", mine, "a small site", floor)
        yield _memory(kind, many)


def _pages(app: WSGIApplication) -> dict[str, str]:
    kept = json.loads(_get(app, "/log.json?task=part00.Task00&from=3h"))
    run = kept[0]["run_id"] if kept else ""
    return {
        "page Tasks": "/",
        "page Tasks, found": "/?q=task07&sort=name",
        "page of a task": "/task/part00.Task00",
        "page of a task, a schedule previewed": "/task/part00.Task00?schedule=17+3+*+*+*",
        "page Log": "/log",
        "page Log, failures of a task": "/log?task=part00.Task00&outcome=failures",
        "page of a run": f"/run/{run}",
        "page Running": "/running",
        "page Queue": "/queue",
        "page Queue of a class": "/queue/mail.Digest",
        "page Plan, kept": "/plan",
        "page Health": "/health",
        "page Changes": "/changes",
    }


def _site(folder: Path, url: str, tasks: int, runs: int) -> WSGIApplication:
    (folder / "plugins").mkdir(parents=True, mode=0o755)
    for part in range(-(-tasks // A_PLUGIN)):
        (folder / "plugins" / f"part{part:02}.py").write_text(_plugin(part))
    (folder / "plugins" / "mail.py").write_text(
        "from taskrunner import AdhocTask\n\nclass Digest(AdhocTask):\n    def execute(self):\n        pass\n"
    )
    (folder / "taskrunner.toml").write_text(f'database = "{url}"\ntimezone = "Europe/Paris"\n')
    config = load_config(folder / "taskrunner.toml", environ={}, cwd=folder)
    site = open_site(config, now=time.time(), is_cron=True)
    _fill(url, [name for name in site.registry.tasks if name.startswith("part")], runs)
    site.close()
    return admin_app(config.file, may_view=lambda _: True, may_change=lambda _: True, who=lambda _: "ann")


def _plugin(part: int) -> str:
    classes = "".join(
        f"\n\nclass Task{number:02}(ScheduledTask):\n    '''Do part {number} of {part}.'''\n"
        f"    schedule = '{number * 2} {part % 24} * * *'\n\n    def execute(self):\n        pass\n"
        for number in range(A_PLUGIN)
    )
    return f"from taskrunner import ScheduledTask\n{classes}"


def _fill(url: str, names: list[str], runs: int) -> None:
    database = open_database(url)
    now = time.time()
    first, step = now - FOUR_WEEKS + 60, (FOUR_WEEKS - 120) / runs
    for at in range(0, runs, PAGE):
        rows = [_run(number, first + number * step, names) for number in range(at, min(runs, at + PAGE))]
        with database.transaction():
            database.insert("task_log", COLUMNS, rows)
    columns = ("name", "plugin", "custom_data", "identity", "created_at", "next_run_at", "attempts_left")
    queued = [("mail.Digest", "mail", str(n), str(n), now, now, 12) for n in range(QUEUED)]
    with database.transaction():
        database.insert("task_adhoc", columns, queued)
    database.close()
    tidy(url)


def _run(number: int, started_at: float, names: list[str]) -> tuple[object, ...]:
    outcome, message = ("ok", None) if number % 97 else ("failed", "disk is full")
    name = names[number % len(names)]
    return (
        new_id(started_at), "scheduled", name, name.partition(".")[0], started_at, started_at + number % 17,
        outcome, message, f"{number:200}", "cron1", 4711,
    )  # fmt: skip


def _processor_time(app: WSGIApplication, address: str) -> float:
    """Return the median milliseconds of the processor that a page takes in this process."""
    _get(app, address)
    times = []
    for _ in range(ROUNDS):
        started_at = time.process_time()
        _get(app, address)
        times.append(time.process_time() - started_at)
    return statistics.median(times) * 1000


def _get(app: WSGIApplication, address: str) -> bytes:
    path, _, query = address.partition("?")
    environ = {"PATH_INFO": path, "QUERY_STRING": query, "REQUEST_METHOD": "GET"}
    setup_testing_defaults(environ)
    body = app(environ, lambda *_: lambda _: None)
    try:
        return b"".join(body)
    finally:
        if close := getattr(body, "close", None):
            close()


def _memory(kind: str, app: WSGIApplication) -> Line:
    """Give what this process holds after many requests beside what it held after a tenth of them."""
    addresses = list(_pages(app).values())
    held = []
    for number in range(REQUESTS):
        _get(app, addresses[number % len(addresses)])
        if number + 1 in (max(1, REQUESTS // 10), REQUESTS):
            gc.collect()
            held.append(_resident())
    early, late = held[0], held[-1]
    return Line(f"{kind}: memory after {REQUESTS:,} pages", late, f"after {REQUESTS // 10:,}", early, "MB")


def _resident() -> float:
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1024 / 1024
