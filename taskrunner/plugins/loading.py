"""Loading one task class."""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING

from taskrunner.errors import PluginError
from taskrunner.plugins.blame import blame
from taskrunner.plugins.classes import task_classes
from taskrunner.plugins.namespace import module_name, register

if TYPE_CHECKING:
    from types import ModuleType

    from taskrunner.plugins.declaration import Declaration
    from taskrunner.task import Task


def load_task(declaration: Declaration) -> type[Task]:
    """Return the declared class, its `name` set. A process keeps the code that it imported first.

    Raises PluginError naming file, line and exception if the import fails or the class is gone.
    """
    root = plugin_path(declaration)
    register({declaration.plugin: root})
    try:
        module = import_module(declaration.module)
    except (Exception, SystemExit) as error:
        raise PluginError(str(blame(error, root, declaration.path))) from error
    task = task_classes(module).get(declaration.class_name)
    if task is None:
        raise PluginError(f"{declaration.path}: the class {declaration.class_name} is no longer there")
    return task


def load_module(plugin: str, path: str, name: str = "") -> ModuleType:
    """Return a module of the plugin at `path`, by default its main one; raises what the import raises."""
    register({plugin: path})
    return import_module(module_name(plugin, name))


def plugin_path(declaration: Declaration) -> str:
    """Return the file or folder that is the declaration's plugin."""
    folder, file = os.path.split(declaration.path)
    in_package = file == "__init__.py" or declaration.module != module_name(declaration.plugin)
    return folder if in_package else declaration.path
