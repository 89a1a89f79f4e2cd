"""From an imported module to the tasks it declares."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from taskrunner.plugins.attributes import problems_of, schedule_text, schedule_zone
from taskrunner.plugins.classes import task_classes
from taskrunner.plugins.declaration import Declaration, Finding
from taskrunner.task import AdhocTask, ScheduledTask

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from taskrunner.task import Task


def declared_in(module: ModuleType, *, plugin: str, path: str) -> Iterator[Declaration | Finding]:
    """Yield a declaration for each task class of a module, or else what is wrong with the class.

    Abstract classes and those whose name starts with _ are no tasks.
    """
    tasks = {name: task for name, task in task_classes(module).items() if not task.__abstractmethods__}
    lines = _class_lines(path) if tasks else {}
    for class_name, task in tasks.items():
        name, line = f"{plugin}.{class_name}", lines.get(task.__qualname__, 0)
        problems = list(problems_of(task, name))
        yield from (Finding(path, line, f"{class_name}: {problem}") for problem in problems)
        if not problems:
            place: dict[str, Any] = {"module": module.__name__, "path": path, "line": line}
            yield Declaration(
                name=name, plugin=plugin, class_name=class_name, **place, **_attributes_of(task)
            )


def _attributes_of(task: type[Task]) -> dict[str, Any]:
    names = ["timeout", "isolation", "run_if_plugin_disabled"]
    attributes: dict[str, Any] = {"title": task.title or _first_doc_line(task) or task.__name__}
    if issubclass(task, ScheduledTask):
        names += ["disabled", "misfire", "misfire_grace"]
        attributes |= {"kind": "scheduled", "schedule": schedule_text(task), "timezone": schedule_zone(task)}
    if issubclass(task, AdhocTask):
        names += ["concurrency_limit", "retry", "attempts"]
        attributes["kind"] = "adhoc"
    return attributes | {name: getattr(task, name) for name in names}


def _first_doc_line(task: type[Task]) -> str:
    doc = vars(task).get("__doc__")
    if not isinstance(doc, str) or not doc.strip():
        return ""
    return doc.strip().splitlines()[0].strip().removesuffix(".")


def _class_lines(path: str) -> dict[str, int]:
    """Return the line of each class statement outside functions, the last one where a name comes twice."""
    with open(path, "rb") as file:
        tree = ast.parse(file.read(), path)
    return {name: line for name, line in _class_statements(tree, "")}


def _class_statements(node: ast.AST, prefix: str) -> Iterator[tuple[str, int]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef):
            yield f"{prefix}{child.name}", child.lineno
            yield from _class_statements(child, f"{prefix}{child.name}.")
        elif not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.expr)):
            yield from _class_statements(child, prefix)
