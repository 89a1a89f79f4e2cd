"""A pytest plugin for those who write tasks: `run_task`, `queued_tasks`, `frozen_clock`.

Each test gets an empty database of its own. In pyproject.toml, where the plugins do not lie in `plugins`:

    [tool.pytest.ini_options]
    taskrunner_plugin_dirs = ["src/plugins"]
"""

from __future__ import annotations

import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from taskrunner.config import load_config
from taskrunner.formatting import new_id
from taskrunner.plugins import load_registry
from taskrunner.plugins.importer import name_of
from taskrunner.queueing import decode_data, encode_data
from taskrunner.runner.call import check_result, leave, outcome_of, task_facts
from taskrunner.runner.execute import with_data
from taskrunner.runner.job import Context, Job, Outcome, acting_as, context_of, entered_around
from taskrunner.runner.output import printing_to
from taskrunner.store import open_store
from taskrunner.task import CURRENT, AdhocTask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from taskrunner.config import Config
    from taskrunner.task import Task

START = 1_800_000_000.0
"""Fri, 15 Jan 2027 08:00:00 UTC."""


class FrozenClock:
    """Tells epoch seconds, as time.time does; `moment` is the same as an aware datetime."""

    def __init__(self, now: float = START) -> None:
        self.now = now

    def __call__(self) -> float:
        """Return the time it shows."""
        return self.now

    @property
    def moment(self) -> datetime:
        """The time it shows, in UTC."""
        return datetime.fromtimestamp(self.now, UTC)

    def forward(self, seconds: float) -> float:
        """Let time pass; return the new time."""
        self.now += seconds
        return self.now

    def set(self, moment: datetime) -> None:
        """Show another time. Raises ValueError for a moment without a zone."""
        if moment.utcoffset() is None:
            raise ValueError(f"{moment!r} has no time zone; pass an aware datetime")
        self.now = moment.timestamp()


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a run: `outcome` is ok, failed, delayed or cancelled; `output` is all that was printed.

    `error` is what the task raised. `progress` has what it said of its progress, as (done, total, text).
    `retry_in`: the seconds it asked to wait; `gave_up`: it raised GiveUp.
    """

    outcome: str
    message: str | None
    output: str
    error: BaseException | None
    progress: tuple[tuple[float, float, str], ...]
    reads: int
    writes: int
    retry_in: float
    gave_up: bool

    @property
    def ok(self) -> bool:
        """Whether the task succeeded."""
        return self.outcome == "ok"


@dataclass(frozen=True, slots=True)
class Queued:
    """A queued task; `next_run_at` in epoch seconds."""

    id: int
    name: str
    custom_data: Any
    user: str | None
    next_run_at: float
    attempts_left: int


@contextmanager
def open_task_site(folder: Path, plugin_dirs: Sequence[Path], more: str) -> Iterator[TaskSite]:
    """Give a site in an empty folder, its database made; `more` is added to its taskrunner.toml."""
    dirs = ", ".join(f"'{path}'" for path in plugin_dirs)
    file = folder / "taskrunner.toml"
    file.write_text(f"plugin_dirs = [{dirs}]\n{more}\n", "utf-8")
    file.chmod(0o600)
    config = load_config(file, environ={}, cwd=folder)
    open_store(config.database, lock_database=None).close()  # makes the tables
    yield TaskSite(config)


@dataclass(frozen=True, slots=True)
class TaskSite:
    """A configuration with an empty database."""

    config: Config

    def run(
        self,
        task: type[Task] | str,
        custom_data: Any = None,
        *,
        user: str | None = None,
        attempt: int = 1,
        fail_delay: int = 0,
        last_run_at: float | None = None,
        last_success_at: float | None = None,
        settings: Mapping[str, object] | None = None,
    ) -> Done:
        """Run a task and return what came of it; what it raises is in there."""
        task_class = self._loaded(task) if isinstance(task, str) else task
        name = name_of(task_class, self.config.plugin_dirs, self.config.installed)
        is_adhoc = issubclass(task_class, AdhocTask)
        job = Job(
            type="adhoc" if is_adhoc else "scheduled",
            name=name,
            title=name,
            plugin=name.partition(".")[0],
            run_id=new_id(time.time()),
            due_at=None,
            started_at=time.time(),
            fail_delay=fail_delay,
            attempt=attempt,
            last_run_at=last_run_at,
            last_success_at=last_success_at,
            adhoc_id=1 if is_adhoc else None,
            custom_data=encode_data(custom_data) if is_adhoc else None,
            user=user,
        )
        return _Run(self._with(job.plugin, settings), job, task_class).done()

    def queued(self, name: str | None = None) -> list[Queued]:
        """Return the queued tasks, the oldest due first: all of them, or those of a class."""
        store = open_store(self.config.database, lock_database=None)
        try:
            rows = store.adhoc.list(name=name or "")
        finally:
            store.close()
        return [
            Queued(
                row.id, row.name, decode_data(row.custom_data), row.user, row.next_run_at, row.attempts_left
            )
            for row in rows
        ]

    def _loaded(self, name: str) -> type[Task]:
        cache = self.config.state_dir / "registry.json"
        registry = load_registry(self.config.plugin_dirs, cache, now=time.time())
        return registry.load(registry.find(name).name)

    def _with(self, plugin: str, settings: Mapping[str, object] | None) -> Config:
        if settings is None:
            return self.config
        return self.config._replace(plugin_settings={**self.config.plugin_settings, plugin: settings})


class _Run:
    """One run, and what is gathered of it."""

    def __init__(self, config: Config, job: Job, task_class: type[Task]) -> None:
        self._config = config
        self._job = job
        self._task_class = task_class
        self._progress: list[tuple[float, float, str]] = []
        self._error: BaseException | None = None

    def done(self) -> Done:
        context = context_of(self._job, self._config, runner_id="testing", show_progress=self._note)
        with tempfile.TemporaryFile() as printed:
            with printing_to(printed.fileno()):
                outcome = leave(context, self._outcome(context))
            printed.seek(0)
            output = printed.read().decode("utf-8", "replace")
        reads, writes = context.count_statements()
        return Done(
            outcome=outcome.name,
            message=outcome.message,
            output=output,
            error=self._error,
            progress=tuple(self._progress),
            reads=reads,
            writes=writes,
            retry_in=outcome.retry_in,
            gave_up=outcome.gives_up,
        )

    def _outcome(self, context: Context) -> Outcome:
        before, CURRENT.run = CURRENT.run, context
        try:
            task = with_data(self._task_class, decode_data(self._job.custom_data or "null"))
            task._settings = self._config.plugin_settings.get(self._job.plugin, {})
            task._config_file = self._config.file
            task._context = context
            resolver = self._config.users.resolver
            with (
                entered_around(self._config.run.around, task_facts(self._job)),
                acting_as(resolver, self._job.user if resolver else None),
            ):
                check_result(task.execute())
        except Exception as error:
            self._error = error
            return outcome_of(error, self._job, 0.0)
        finally:
            CURRENT.run = before
        return Outcome("ok")

    def _note(self, done: float, total: float, text: str) -> None:
        self._progress.append((done, total, text))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the setting that says where plugins lie."""
    parser.addini(
        "taskrunner_plugin_dirs", "Folders of taskrunner plugins.", type="paths", default=["plugins"]
    )


@pytest.fixture
def taskrunner_toml() -> str:
    """More of the taskrunner.toml that tasks run under: override it in a test or a conftest.py."""
    return ""


@pytest.fixture
def _taskrunner_site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, taskrunner_toml: str
) -> Iterator[TaskSite]:
    given = request.config.getini("taskrunner_plugin_dirs")
    folders = [request.config.rootpath / folder for folder in given]
    with open_task_site(tmp_path_factory.mktemp("taskrunner"), folders, taskrunner_toml) as site:
        yield site


@pytest.fixture
def run_task(_taskrunner_site: TaskSite) -> Callable[..., Done]:
    """Run a task, a class or a name such as "forum.SendDigest", as taskrunner would; return what came of it.

    `run_task(task, custom_data=None, *, user=None, attempt=1, fail_delay=0, last_run_at=None,
    last_success_at=None, settings=None)`; `settings` is what `[plugin_settings.PLUGIN]` would say.
    """
    return _taskrunner_site.run


@pytest.fixture
def queued_tasks(_taskrunner_site: TaskSite) -> Callable[..., list[Queued]]:
    """Return the tasks that are queued, of all classes or of one: `queued_tasks("forum.SendDigest")`."""
    return _taskrunner_site.queued


@pytest.fixture
def frozen_clock(monkeypatch: pytest.MonkeyPatch) -> FrozenClock:
    """Stop `time.time()` at 2027-01-15 08:00:00 UTC; `.forward(seconds)` and `.set(moment)` move it."""
    clock = FrozenClock()
    monkeypatch.setattr("time.time", clock)
    monkeypatch.setattr("time.time_ns", lambda: int(clock() * 1_000_000_000))
    return clock
