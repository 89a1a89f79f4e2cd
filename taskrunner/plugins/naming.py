"""The name of a task class, also when a program imported its file by itself."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from taskrunner.errors import PluginError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from taskrunner.task import Task


def name_of(task_class: type[Task], plugin_dirs: Sequence[Path]) -> str:
    """Return `<plugin>.<ClassName>`, by where the class's file lies.

    Raises PluginError: it lies in no plugin directory.
    """
    if task_class.name:
        return task_class.name
    file = Path(getattr(sys.modules.get(task_class.__module__), "__file__", None) or "?").resolve()
    for plugin_dir in plugin_dirs:
        if file.is_relative_to(plugin_dir.resolve()):
            below = file.relative_to(plugin_dir.resolve())
            return f"{below.parts[0].removesuffix('.py')}.{task_class.__name__}"
    raise PluginError(
        f"{task_class.__name__} of {file} lies in no plugin directory",
        hint="see plugin_dirs in taskrunner.toml",
    )
