"""A site with a clock of its own, whose crons run in this process."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from textwrap import indent
from typing import Any

from taskrunner.config import load_config
from taskrunner.installation import Site, open_site
from taskrunner.locks import DoubleLocks
from taskrunner.plugins import declare as declare  # else each child that reads plugins imports it once more
from taskrunner.plugins.importer import forget
from taskrunner.records import AdhocRow, Run, ScheduledRow
from taskrunner.runner import Runner, Summary
from taskrunner.runner.build import Troubles, assemble
from taskrunner.store.runs import LogFilter
from taskrunner.store.tasks import NewTask
from tests.databases import ask, sqlite_url, store_on

START = datetime(2100, 1, 4, 12, 0, 30, tzinfo=UTC).timestamp()
"""Later than any real clock, so that what a task queues at the real time is due."""

CONFIG = """\
timezone = "UTC"
{database}
{config}

[tasks."core.*"]
disabled = {core_disabled}
"""

PREAMBLE = """\
import logging
import os
import subprocess
import sys
from taskrunner import AdhocTask, Every, ScheduledTask, clear_static_caches, mtrace, queue_adhoc_task
from tests.databases import ask_anew as ask


def witness(*words, end="\\n"):
    with open({witness!r}, "a") as file:
        print(*words, file=file, end=end)


def elsewhere(statement):
    return ask({url!r}, statement)


def pass_time(seconds):
    with open({passed!r}, "a") as file:
        print(seconds, file=file)


"""


@dataclass
class Clock:
    """Tells `now`, epoch seconds; a task lets time pass by writing seconds into a file."""

    now: float
    passed: Path

    def __call__(self) -> float:
        if self.passed.exists():
            self.now += sum(float(line) for line in self.passed.read_text().split())
            self.passed.unlink()
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class RunnerSite:
    """A taskrunner.toml with plugins. Each `cron` is as a process of its own."""

    root: Path
    clock: Clock
    database_line: str = ""
    runners: list[Runner] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The database, as other programs reach it."""
        return self.database_line.partition('"')[2].rpartition('"')[0] or sqlite_url(self.root)

    def elsewhere(self, statement: str) -> list[tuple[Any, ...]]:
        """Run a statement as another program would, and return its rows; tasks have a function for it."""
        return ask(self.url, statement)

    def configure(self, config: str = "", *, core_disabled: bool = True) -> None:
        text = CONFIG.format(
            database=self.database_line.strip(), config=config, core_disabled=str(core_disabled).lower()
        )
        (self.root / "taskrunner.toml").write_text(text, "utf-8")

    def write(self, plugin: str, *tasks: str) -> Path:
        path = self.root / "plugins" / f"{plugin}.py"
        path.parent.mkdir(mode=0o755, exist_ok=True)
        preamble = PREAMBLE.format(
            witness=str(self.root / "witness"), passed=str(self.clock.passed), url=self.url
        )
        path.write_text(preamble + "\n\n".join(tasks), "utf-8")
        path.chmod(0o644)
        return path

    @contextmanager
    def opened(self, environ: Mapping[str, str] | None = None) -> Iterator[Site]:
        """Open the site as a fresh process would: nothing imported before is known."""
        for path in (self.root / "plugins").iterdir():
            forget(path.stem)
        config = load_config(self.root / "taskrunner.toml", environ=environ or {}, cwd=self.root)
        site = open_site(config, now=self.clock(), is_cron=True)
        try:
            yield site
        finally:
            site.store.close()
            if isinstance(site.locks, DoubleLocks):
                site.locks.everywhere.close()
            while self.runners:
                _end(self.runners.pop())

    def runner(self, site: Site, **settings: object) -> Runner:
        # What is shown of a run has a process of its own where stdout is a file, as it is under pytest.
        settings = {"shown": "none", "command": "cron", "troubles": Troubles()} | settings
        self.runners.append(assemble(site, clock=self.clock, wait=self.clock.wait, **settings))  # type: ignore[arg-type]
        return self.runners[-1]

    def cron(self, *, after: float = 0, **settings: object) -> Summary:
        """Let seconds pass, then run one cron."""
        self.clock.now += after
        with self.opened() as site:
            return self.runner(site, **settings).work()

    def queue(self, name: str, custom_data: str = "null", *, attempts: int = 12, times: int = 1) -> int:
        """Queue a task, or as many like it; return the id of the first."""
        task = NewTask(
            name=name,
            plugin=name.partition(".")[0],
            custom_data=custom_data,
            user=None,
            identity=f"{name} {custom_data}",
            next_run_at=self.clock(),
            attempts_left=attempts,
        )
        with store_on(self.url) as store:
            return store.adhoc.add([task] * times, self.clock())[0]

    def row(self, name: str) -> ScheduledRow:
        with self.opened() as site:  # whose rows are then in line with its plugins
            row = site.store.scheduled.find(name)
        assert row is not None
        return row

    def waits(self, name: str) -> float:
        """Return the seconds until a task is due."""
        return self.row(name).next_run_at - self.clock()

    def adhoc(self) -> list[AdhocRow]:
        with store_on(self.url) as store:
            return store.adhoc.list()

    def runs(self, name: str | None = None) -> list[Run]:
        """Return the kept runs, oldest first."""
        with store_on(self.url) as store:
            rows = store.log.list(LogFilter(names=(name,), limit=1000))
            return [store.log.find(row.run_id)[0] for row in reversed(rows)]

    def outcomes(self, name: str | None = None) -> list[str]:
        return [run.outcome for run in self.runs(name)]

    def log_files(self) -> list[Path]:
        return sorted(path for path in (self.root / "log").rglob("*") if path.is_file())

    def log(self) -> str:
        """Return the text of all log files."""
        return "".join(path.read_bytes().decode("utf-8", "replace") for path in self.log_files())

    def witnessed(self) -> list[str]:
        path = self.root / "witness"
        return path.read_text("utf-8").splitlines() if path.exists() else []

    def locks(self) -> list[str]:
        return sorted(path.name for path in (self.root / "state" / "locks").iterdir())


def _end(runner: Runner) -> None:
    """Close what the end of a process closes."""
    runner.executor.caller.vital_functions.free_reserve()
    runner.output._console.close()
    if runner.output._log is not None:
        runner.output._log.close()


def site_at(
    root: Path,
    *,
    plugins: Mapping[str, str | tuple[str, ...]],
    config: str = "",
    now: float = START,
    core_disabled: bool = True,
    database_line: str = "",
) -> RunnerSite:
    """Return a site whose scheduled tasks are declared, so that their first slot is yet to come."""
    site = RunnerSite(root, Clock(now, root / "passed"), database_line)
    site.configure(config, core_disabled=core_disabled)
    for plugin, tasks in plugins.items():
        site.write(plugin, *((tasks,) if isinstance(tasks, str) else tasks))
    with site.opened():
        return site


def scheduled(class_name: str, body: str = "pass", *, schedule: str = "* * * * *", extra: str = "") -> str:
    """Return the source of a scheduled task; `schedule` may be an expression such as Every(hours=2)."""
    shown = schedule if schedule.startswith("Every(") else repr(schedule)
    return _class(class_name, "ScheduledTask", f"{extra}\nschedule = {shown}", body)


def adhoc(class_name: str, body: str = "pass", *, extra: str = "") -> str:
    """Return the source of an adhoc task."""
    return _class(class_name, "AdhocTask", extra, body)


def _class(class_name: str, base: str, attributes: str, body: str) -> str:
    execute = f"def execute(self):\n{indent(body, '    ')}\n"
    return f"class {class_name}({base}):\n" + indent(f"{attributes}\n{execute}", "    ")
