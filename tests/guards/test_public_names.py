"""What `taskrunner` exports, and what is imported only when it is needed."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import taskrunner
import taskrunner.tasks
from tests.patience import DEADLINE

EXPENSIVE = {"click", "rich", "croniter", "psycopg", "sqlite3"}

PUBLIC = {
    "AdhocTask",
    "Every",
    "GiveUp",
    "MORE",
    "More",
    "RetryLater",
    "Schedule",
    "ScheduledTask",
    "TaskrunnerError",
    "UnknownUserError",
    "__version__",
    "clear_static_caches",
    "mtrace",
    "mtrace_exception",
    "queue_adhoc_task",
    "queue_adhoc_tasks",
    "reschedule_or_queue_adhoc_task",
}
"""The names a task author imports; one that goes breaks plugins."""


def imported_by(code: str, folder: Path) -> set[str]:
    """Return the names of the modules a Python of its own has imported after some code."""
    script = f"{code}\nimport sys, json\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        timeout=DEADLINE,
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


def imported_by_program(folder: Path, *arguments: str) -> set[str]:
    """Return the names of the modules `taskrun` imports; it has to succeed."""
    command = [sys.executable, "-X", "importtime", "-m", "taskrunner", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True, timeout=DEADLINE)
    return {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if "import time:" in line}


def test_the_public_names_are_these() -> None:
    assert PUBLIC == set(taskrunner.__all__)
    assert set(dir(taskrunner)) >= {"__version__"}


def test_public_names_are_there_and_have_docstrings() -> None:
    public = {name: getattr(taskrunner, name) for name in sorted(PUBLIC)}

    assert [] == [name for name, found in public.items() if not (isinstance(found, str) or found.__doc__)]


def test_the_type_checker_sees_the_same_names() -> None:
    tree = ast.parse(Path(taskrunner.__file__).read_text("utf-8"))
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {alias.asname for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}

    assert PUBLIC - {"__version__"} == seen


def test_any_other_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'taskrunner' has no attribute 'AdhocTsak'"):
        taskrunner.AdhocTsak  # noqa: B018


def test_importing_taskrunner_imports_nothing_of_it(tmp_path: Path) -> None:
    imported = imported_by("import taskrunner", tmp_path)

    assert {"taskrunner"} == {name for name in imported if name.startswith("taskrunner")}
    assert set() == imported & EXPENSIVE


def test_importing_what_a_plugin_needs_imports_no_library(tmp_path: Path) -> None:
    imported = imported_by(
        "from taskrunner import AdhocTask, ScheduledTask, mtrace, queue_adhoc_task", tmp_path
    )

    assert set() == imported & EXPENSIVE


def test_importing_a_kind_of_task_imports_no_library(tmp_path: Path) -> None:
    imported = imported_by("from taskrunner.tasks import ShellTask", tmp_path)

    assert set() == imported & (EXPENSIVE | {"subprocess"})


def test_the_kinds_of_tasks_are_these() -> None:
    assert {"ShellTask"} == set(taskrunner.tasks.__all__)


def test_asking_for_the_version_imports_only_what_reads_the_command_line(tmp_path: Path) -> None:
    imported = imported_by_program(tmp_path, "--version")

    assert {"click"} == imported & EXPENSIVE
    assert {"taskrunner", "taskrunner.cli", "taskrunner.errors"} == {
        name for name in imported if name.startswith("taskrunner")
    }


def test_asking_for_help_imports_no_library_but_click(tmp_path: Path) -> None:
    assert {"click"} == imported_by_program(tmp_path, "--help") & EXPENSIVE
