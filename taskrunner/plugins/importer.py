"""The namespace `taskrun_plugins`, in which each plugin has its modules to itself; sys.path is not used."""

from __future__ import annotations

import os
import sys
from functools import lru_cache
from importlib import import_module
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from taskrunner.errors import PluginError
from taskrunner.files import read_trusted
from taskrunner.plugins.declaration import finding_of
from taskrunner.plugins.discover import CORE
from taskrunner.task import AdhocTask, ScheduledTask

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import CodeType, ModuleType

    from taskrunner.plugins.declaration import Declaration
    from taskrunner.task import Task


def task_classes(module: ModuleType) -> dict[str, type[Task]]:
    """Return the public task classes defined in a module, by the name they have there."""
    found: dict[type[Task], str] = {}
    for name, value in vars(module).items():
        if not isinstance(value, type) or not issubclass(value, (ScheduledTask, AdhocTask)):
            continue
        is_its_own = value.__module__ == module.__name__
        if is_its_own and not name.startswith("_") and not value.__name__.startswith("_"):
            found.setdefault(value, name)
    return {name: task for task, name in found.items()}


NAMESPACE = "taskrun_plugins"


def module_name(plugin: str, name: str = "") -> str:
    """Return the full name of a plugin's module.

    >>> [module_name("forum"), module_name("forum", "digest")]
    ['taskrun_plugins.forum', 'taskrun_plugins.forum.digest']
    """
    return ".".join(part for part in (NAMESPACE, plugin, name) if part)


def register(paths: Mapping[str, str]) -> None:
    """Make plugins importable: by name, the file or folder. One imported from elsewhere is forgotten."""
    finder = _installed_finder()
    for plugin, path in paths.items():
        if finder.paths.get(plugin) != path:
            forget(plugin)
            finder.paths[plugin] = path


def forget(plugin: str) -> None:
    """Make the next import of a plugin read its files anew."""
    name = module_name(plugin)
    if name in sys.modules:
        below = f"{name}."
        for loaded in [known for known in sys.modules if known == name or known.startswith(below)]:
            del sys.modules[loaded]


def is_registered(name: str) -> bool:
    """Return whether a name is that of a plugin, or of a shared module of the plugin directories."""
    return name in _installed_finder().paths


def _installed_finder() -> PluginFinder:
    for finder in sys.meta_path:
        if isinstance(finder, PluginFinder):
            return finder
    finder = PluginFinder()
    sys.meta_path.insert(0, finder)
    return finder


class PluginFinder:
    """Finds `taskrun_plugins` and what is below it, and no other module."""

    def __init__(self) -> None:
        self.paths: dict[str, str] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return where a plugin or one of its modules is, or None for any other module."""
        namespace, *names = fullname.split(".")
        if namespace != NAMESPACE:
            return None
        if not names:
            return ModuleSpec(NAMESPACE, None, is_package=True)
        plugin, *below = names
        if plugin not in self.paths:
            return None
        loader = TaskLoader if plugin == CORE else PluginLoader
        file = _module_file(self.paths[plugin], below, fullname)
        return spec_from_file_location(fullname, file, loader=loader(fullname, file))


def _module_file(path: str, below: Sequence[str], fullname: str) -> str:
    """Return the source file of a module, or None: other kinds of modules would run without a check."""
    if not below:
        return path if path.endswith(".py") else os.path.join(path, "__init__.py")
    stem = os.path.join(path, *below)
    for file in (os.path.join(stem, "__init__.py"), f"{stem}.py"):
        if os.path.isfile(file):
            return file
    raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)


class TaskLoader(SourceFileLoader):
    """Imports a module and gives the task classes in it their names."""

    def exec_module(self, module: ModuleType) -> None:
        """Run the module's code; `<plugin>.<ClassName>` becomes the name of each task class."""
        super().exec_module(module)
        plugin = module.__name__.split(".")[1]
        for class_name, task in task_classes(module).items():
            if "name" in vars(task):
                task._name_given = task.name  # which is said where the class is declared
            task.name = f"{plugin}.{class_name}"


class PluginLoader(TaskLoader):
    """Compiles the very bytes that were checked, never a .pyc file, which may be older or another's."""

    def get_code(self, fullname: str) -> CodeType:
        """Return the compiled source; raises PluginError for a file that may not be trusted."""
        return compile_source(read_trusted(self.path), self.path)


def compile_source(source: bytes, path: str) -> CodeType:
    """Return the code of a Python source; whatever is wrong with the text is a SyntaxError with a line."""
    if b"\0" in source:
        line = source[: source.index(b"\0")].count(b"\n") + 1
        raise SyntaxError("source code contains a NUL byte", (path, line, None, None))
    code: CodeType = compile(source, path, "exec", dont_inherit=True)
    return code


def load_task(declaration: Declaration) -> type[Task]:
    """Return the declared class, its `name` set. A process keeps the code that it imported first.

    Raises PluginError naming file, line and exception if the import fails or the class is gone.
    """
    root = plugin_path(declaration)
    register({declaration.plugin: root})
    try:
        module = import_module(declaration.module)
    except (Exception, SystemExit) as error:
        raise PluginError(str(finding_of(error, root, declaration.path))) from error
    task: Any = vars(module).get(declaration.class_name)
    is_task = isinstance(task, type) and issubclass(task, (ScheduledTask, AdhocTask))
    if is_task and task.name == declaration.name:
        return cast("type[Task]", task)
    raise PluginError(f"{declaration.path}: the class {declaration.class_name} is no longer there")


def load_module(plugin: str, path: str, name: str = "") -> ModuleType:
    """Return a module of the plugin at `path`, by default its main one; raises what the import raises."""
    register({plugin: path})
    return import_module(module_name(plugin, name))


def plugin_path(declaration: Declaration) -> str:
    """Return the file or folder that is the declaration's plugin."""
    folder, file = os.path.split(declaration.path)
    in_package = file == "__init__.py" or declaration.module != module_name(declaration.plugin)
    return folder if in_package else declaration.path


def name_of(task_class: type[Task], plugin_dirs: Sequence[Path], installed: Sequence[str] = ()) -> str:
    """Return `<plugin>.<ClassName>`, by where the class's file lies; `installed` as the configuration says.

    Raises PluginError: it lies in no plugin directory, and in no plugin of those distributions.
    """
    return task_class.name or _name_by_place(task_class, tuple(plugin_dirs), tuple(installed))


@lru_cache  # finding out where a file lies takes ten times as long as queueing a task
def _name_by_place(task_class: type[Task], plugin_dirs: tuple[Path, ...], installed: tuple[str, ...]) -> str:
    file = Path(getattr(sys.modules.get(task_class.__module__), "__file__", None) or "/?").resolve()
    for plugin_dir in plugin_dirs:
        if below := _below(plugin_dir, file):
            return f"{below.parts[0].removesuffix('.py')}.{task_class.__name__}"
    for plugin, path in paths_of_installed(installed).items() if installed else ():
        if str(file) == path or os.path.dirname(file) == path:
            return f"{plugin}.{task_class.__name__}"
    raise PluginError(
        f"{task_class.__name__} of {file} lies in no plugin directory",
        hint="see plugin_dirs in taskrunner.toml",
    )


@lru_cache(maxsize=1)
def paths_of_installed(named: tuple[str, ...]) -> dict[str, str]:
    """Return the file or folder of each plugin of some distributions, links followed."""
    from taskrunner.plugins.installed import find_installed, places_in  # late: few sites name any

    places = places_in(find_installed(named))
    return {name: os.path.realpath(path) for name, path, fault in places if not fault}


def _below(plugin_dir: Path, file: Path) -> Path | None:
    """Return where in a plugin directory a file lies, or None if it does not.

    A directory that is reached by a link, such as `current`, may have been another one when the file was
    imported: then the file counts whose plugin lies in a folder of the same name, and is in the new one too.
    """
    real = plugin_dir.resolve()
    if file.is_relative_to(real):
        return file.relative_to(real)
    if real == plugin_dir:
        return None
    former = (folder for folder in file.parents[:2] if folder.name == real.name)
    return next((file.relative_to(one) for one in former if (real / file.relative_to(one)).is_file()), None)
