"""A pytest plugin for those who write tasks: `run_task`, `queued_tasks`, `frozen_clock`.

Each test gets an empty database of its own. In pyproject.toml, where the plugins do not lie in `plugins`:

    [tool.pytest.ini_options]
    taskrunner_plugin_dirs = ["src/plugins"]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from taskrunner.testing.clock import FrozenClock
from taskrunner.testing.running import Done, Queued, TaskSite, open_task_site

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Done", "FrozenClock", "Queued"]


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
