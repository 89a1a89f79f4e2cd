"""What a plugin's files declare: read in forked child processes.

Reading runs the plugin, so that nothing it does at import may harm this process. Which modules it imports
is noted, for what is to be read again when a module has changed.
"""

from __future__ import annotations

import ast
import builtins
import faulthandler
import json
import os
import resource
import signal
import sys
import tomllib
from collections import defaultdict
from contextlib import contextmanager, suppress
from functools import partial
from importlib.util import resolve_name
from itertools import islice, takewhile
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple

from taskrunner.child_process import PIECE, answer_and_exit, cause_of_death, fork, is_ready, write_all
from taskrunner.errors import PluginError
from taskrunner.files import read_trusted
from taskrunner.plugins.attributes import is_shared_base, problems_of, schedule_text, schedule_zone
from taskrunner.plugins.declaration import (
    Declaration,
    Plugin,
    Reading,
    finding_of,
    from_data,
    plugin_finding,
    to_json,
)
from taskrunner.plugins.discover import (
    MANIFEST,
    PluginSource,
    World,
    is_passing,
    main_file_of,
    modules_of,
    signature_of_module,
)
from taskrunner.plugins.importer import NAMESPACE, is_registered, load_module, module_name, task_classes
from taskrunner.records import Finding
from taskrunner.task import AdhocTask, ScheduledTask, Task
from taskrunner.validate import Rules, all_texts, any_text, passes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import ModuleType


class Modules:
    """The modules of this process by their folders. Each is looked at once, in the parent of all children.

    To look at what a child shares with its parent is to copy it, and large programs have thousands.
    """

    def __init__(self) -> None:
        self._by_folder: defaultdict[str, dict[str, str]] = defaultdict(dict)
        self._last: ModuleType | None = None

    def below(self, roots: Sequence[str]) -> Iterator[tuple[str, str]]:
        """Yield the name and the file of each module below some folders."""
        self.note()
        starts = tuple(os.path.join(root, "") for root in roots)
        for folder, files in self._by_folder.items():
            if os.path.join(folder, "").startswith(starts):
                yield from ((name, file) for name, file in files.items() if name in sys.modules)

    def note(self) -> None:
        """Look at the modules that have come."""
        new = self._new()
        for name, module in new:
            file = str(getattr(module, "__file__", None) or "")
            self._by_folder[os.path.dirname(file)][name] = file
        self._last = next((module for name, module in new if not name.startswith(NAMESPACE)), self._last)

    def _new(self) -> list[tuple[str, ModuleType]]:
        """Return what has come, the newest first: all there is where the last one is gone, or made anew."""
        while True:
            try:
                return list(takewhile(lambda item: item[1] is not self._last, reversed(sys.modules.items())))
            except RuntimeError:  # another thread has imported something meanwhile
                continue


MODULES = Modules()


class ImportGraph:
    """Notes each import statement that runs inside `noted`."""

    def __init__(self) -> None:
        self._imported: defaultdict[str, set[str]] = defaultdict(set)

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Note what is imported inside the block."""
        plain = builtins.__import__

        def noting(
            name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0
        ) -> Any:
            module = plain(name, globals, locals, fromlist, level)
            self._note(name, globals or {}, fromlist or (), level)
            return module

        builtins.__import__ = noting
        try:
            yield
        finally:
            builtins.__import__ = plain

    def reached_from(self, name: str) -> set[str]:
        """Return the modules, and packages they lie in, that a module and what lies below it has imported."""
        found: set[str] = set()
        waiting = {one for one in self._imported if f"{one}.".startswith(f"{name}.")}
        while waiting:
            found |= waiting
            waiting = {one for known in waiting for one in self._imported.get(known, ())} - found
        return found | {parent for one in found for parent in _parents(one)}

    def _note(self, name: str, scope: dict[str, Any], names: tuple[str, ...], level: int) -> None:
        full = resolve_name("." * level + name, scope.get("__package__") or "") if level else name
        self._imported[str(scope.get("__name__"))] |= {full, *(f"{full}.{one}" for one in names)}


def _parents(name: str) -> Iterator[str]:
    while name := name.rpartition(".")[0]:
        yield name


TEXT = passes(any_text)
IN_MANIFEST: Rules = {
    "title": (TEXT, "a text"),
    "version": (TEXT, "a text"),
    "requires": (passes(all_texts), "a list of plugin names"),
}


def declared_in(module: ModuleType, *, plugin: str, path: str) -> Iterator[Declaration | Finding]:
    """Yield a declaration for each task class of a module, or else what is wrong with the class.

    A base class that says so, by its name _Name or by being abstract, is not one.
    """
    tasks = {name: task for name, task in task_classes(module).items() if not is_shared_base(task)}
    lines = _class_lines(path) if tasks else {}
    for class_name, task in tasks.items():
        name, line = f"{plugin}.{class_name}", lines.get(task.__qualname__, 0)
        problems = list(problems_of(task, name))
        yield from (plugin_finding(f"{class_name}: {problem}", file=path, line=line) for problem in problems)
        if not problems:
            place: dict[str, Any] = {"module": module.__name__, "path": path, "line": line}
            yield Declaration(
                name=name, plugin=plugin, class_name=class_name, **place, **_attributes_of(task, plugin)
            )


def _attributes_of(task: type[Task], plugin: str) -> dict[str, Any]:
    names = ["timeout", "isolation", "run_if_plugin_disabled"]
    attributes: dict[str, Any] = {"title": task.title or _first_doc_line(task) or task.__name__}
    if issubclass(task, ScheduledTask):
        names += ["disabled", "misfire", "misfire_grace"]
        attributes |= {"kind": "scheduled", "schedule": schedule_text(task), "timezone": schedule_zone(task)}
    if issubclass(task, AdhocTask):
        names += ["concurrency_limit", "retry", "attempts"]
        attributes["kind"] = "adhoc"
    attributes["former_names"] = " ".join(
        former if "." in former else f"{plugin}.{former}" for former in task.former_names
    )
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


class Manifest(NamedTuple):
    """What `plugin.toml` says: title, version and the plugins without which this one is of no use."""

    title: str = ""
    version: str = ""
    requires: tuple[str, ...] = ()


def read_manifest(source: PluginSource) -> tuple[Manifest, list[Finding]]:
    """Return what a plugin's `plugin.toml` says, and what is wrong in it; what is wrong is left out."""
    path = os.path.join(source.path, MANIFEST)
    if path not in (file.path for file in source.files):
        return Manifest(), []
    try:
        table = tomllib.loads(read_trusted(path).decode("utf-8-sig"))
    except (OSError, ValueError, PluginError) as error:
        return Manifest(), [plugin_finding(str(error), file=path, line=_line_in(str(error)))]
    problems = {key: problem for key, value in table.items() if (problem := _problem(key, value))}
    said = {key: value for key, value in table.items() if key not in problems}
    requires = tuple(said.pop("requires", ()))
    return Manifest(**said, requires=requires), [
        plugin_finding(text, file=path) for text in problems.values()
    ]


def _problem(key: str, value: object) -> str | None:
    if key not in IN_MANIFEST:
        return f"unknown key {key!r}; there are {', '.join(IN_MANIFEST)}"
    fits, wanted = IN_MANIFEST[key]
    return None if fits(value) else f"{key} must be {wanted}"


def _line_in(message: str) -> int:
    """Return the line that tomllib names at the end, "(at line 3, column 1)", or 0 if it names none."""
    _, _, position = message.rpartition("(at line ")
    number = position.partition(",")[0]
    return int(number) if number.isdigit() else 0


def read_plugin(
    source: PluginSource, *, roots: Sequence[str] = (), graph: ImportGraph | None = None
) -> Reading:
    """Import a plugin and return what it declares; whatever a module raises, SystemExit too, is a finding.

    A module that fails costs its own tasks; the plugin's main module all of them. Modules below `roots` that
    were imported are noted with their signatures.
    """
    manifest, findings = read_manifest(source)
    tasks: dict[str, Declaration] = {}
    failures: list[BaseException] = []
    for name, path in modules_of(source):
        try:
            found = _declared_by(source, name, path)
        except BaseException as error:
            failures.append(error)
            found = [_with_right_name(finding_of(error, source.path, path), error)]
        findings += _sort(found, tasks)
        if failures and not name:
            break
    plugin = _plugin(source, manifest, tasks, findings)
    imported = _imported(roots, source, graph) if graph else ()
    return Reading(
        plugin,
        broken=bool(failures),
        retry_after=0 if failures else None,
        imported=(*imported, *_watched(source)) if graph else (),
        is_passing=any(map(is_passing, failures)),
    )


def _watched(source: PluginSource) -> Iterator[tuple[str, int, int, int]]:
    """Yield the signatures of what a plugin names as WATCHED: it is read again when they change."""
    for path in getattr(sys.modules.get(module_name(source.name)), "WATCHED", ()):
        if (signature := signature_of_module(path)) is not None:
            yield signature


def _imported(
    roots: Sequence[str], source: PluginSource, graph: ImportGraph
) -> tuple[tuple[str, int, int, int], ...]:
    """Return the signatures of the modules below some folders that a plugin imported, without its own.

    Of other plugins those that it reached; of everything else all that is imported here.
    """
    own, reached = {file.path for file in source.files}, graph.reached_from(module_name(source.name))
    files = {file for name, file in MODULES.below(roots) if name in reached or not name.startswith(NAMESPACE)}
    wanted = sorted(files - own)
    return tuple(signature for file in wanted if (signature := signature_of_module(file)))


def _with_right_name(finding: Finding, error: BaseException) -> Finding:
    """Add how to import what lies in a plugin directory to the finding that there is no such module."""
    name = (error.name or "").partition(".")[0] if isinstance(error, ModuleNotFoundError) else ""
    if not is_registered(name):
        return finding
    message = f"{finding.message}; write from taskrun_plugins.{name} import …"
    return finding._replace(message=message)


def _declared_by(source: PluginSource, name: str, path: str) -> list[Declaration | Finding]:
    module = load_module(source.name, source.path, name)
    return list(declared_in(module, plugin=source.name, path=path))


def _sort(found: Sequence[Declaration | Finding], tasks: dict[str, Declaration]) -> list[Finding]:
    """Add the first declaration of each name to `tasks`, and return what is wrong."""
    findings = []
    for item in found:
        if isinstance(item, Finding):
            findings.append(item)
        elif item.name in tasks:
            findings.append(_taken(item, tasks[item.name]))
        else:
            tasks[item.name] = item
    return findings


def _taken(second: Declaration, first: Declaration) -> Finding:
    message = f"{second.name} is declared in {first.path}:{first.line} already; this one is ignored"
    return plugin_finding(message, file=second.path, line=second.line)


def _plugin(
    source: PluginSource, manifest: Manifest, tasks: dict[str, Declaration], findings: list[Finding]
) -> Plugin:
    return Plugin(
        name=source.name,
        path=source.path,
        title=manifest.title or source.name,
        version=manifest.version,
        requires=manifest.requires,
        tasks=tuple(tasks.values()),
        findings=tuple(findings),
    )


RETRY_BLOCKED_AFTER = 300
"""Seconds after which a plugin is read again whose import did not end: each time costs as long as it may."""


def read_plugins(
    sources: Sequence[PluginSource], paths: Mapping[str, str], *, timeout: float, world: World | None = None
) -> list[Reading]:
    """Return what each plugin declares, in order; one that kills or blocks the child gets a finding instead.

    `paths` are the files and folders of all plugins by name, `timeout` the seconds that each import may
    take. No child is left when this returns or raises.
    """
    readings: list[Reading] = []
    MODULES.note()
    job = partial(_send_readings, paths=paths, timeout=timeout, world=world or World(path=sys.path))
    while len(readings) < len(sources):
        readings += _read_until_death(sources[len(readings) :], job, timeout)
    return readings


def _read_until_death(
    sources: Sequence[PluginSource], send: Callable[[Sequence[PluginSource], int], None], timeout: float
) -> list[Reading]:
    """Return the readings of one child; if it ended early, the last one says how.

    A child that died might have been killed by what an earlier plugin left behind in it, a thread for
    example. So a plugin is blamed for a death only if it was the first in its child; else it gets one.
    """
    readings: list[Reading] = []
    pid, pipe = _fork(sources, send)
    status = None
    try:
        for line in islice(_lines(pipe, timeout), len(sources)):
            readings.append(from_data(json.loads(line)))
        status = _end(pid)
    except TimeoutError:
        message = f"import did not end within {timeout:g} s"
        readings.append(_dead(sources[len(readings)], message, retry_after=RETRY_BLOCKED_AFTER))
    finally:
        os.close(pipe)
        if status is None:
            _end(pid)
    return readings or [_dead(sources[0], f"cannot be imported: {cause_of_death(status, of='the import')}")]


def _dead(source: PluginSource, message: str, *, retry_after: int = 0) -> Reading:
    finding = plugin_finding(message, file=main_file_of(source))
    plugin = Plugin(source.name, source.path, source.name, "", (), (), (finding,))
    return Reading(plugin, broken=True, retry_after=retry_after)


def _lines(pipe: int, timeout: float) -> Iterator[bytes]:
    """Yield the lines that come from a pipe; raise TimeoutError if one takes longer than `timeout`."""
    rest = b""
    deadline = monotonic() + timeout
    while piece := _next_piece(pipe, deadline):
        *lines, rest = (rest + piece).split(b"\n")
        yield from lines
        if lines:
            deadline = monotonic() + timeout


def _next_piece(pipe: int, deadline: float) -> bytes:
    if not is_ready(pipe, seconds=max(0.0, deadline - monotonic())):
        raise TimeoutError
    return os.read(pipe, PIECE)


def _end(pid: int) -> int:
    """Kill a child and all it started, reap it and return its wait status, its own if it has ended before."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    with suppress(ChildProcessError):  # reaped by a SIGCHLD handler
        return os.waitpid(pid, 0)[1]
    return 0


def _fork(
    sources: Sequence[PluginSource], send: Callable[[Sequence[PluginSource], int], None]
) -> tuple[int, int]:
    """Return the child's pid and the pipe on which its readings come, a line each."""

    def answer(pipe: int) -> None:
        _detach()
        send(sources, pipe)

    return fork(lambda pipe: answer_and_exit(pipe, answer))


def _send_readings(
    sources: Sequence[PluginSource], pipe: int, *, paths: Mapping[str, str], timeout: float, world: World
) -> None:
    from taskrunner.config.load import import_around
    from taskrunner.plugins.importer import forget, register

    graph = ImportGraph()
    me = os.getpid()
    with suppress(OSError):  # which those say that run tasks
        os.chdir(world.directory or ".")
    signal.alarm(int(timeout) + 2)
    import_around(world.around)
    for plugin in paths:
        forget(plugin)
    register(paths)
    for source in sources:
        signal.alarm(int(timeout) + 2)  # the child's own end, should the parent be gone
        with graph.noted():
            line = to_json(read_plugin(source, roots=world.roots, graph=graph)).encode()
        if os.getpid() != me:
            return  # the plugin has forked
        write_all(pipe, line + b"\n")


def _detach() -> None:
    """Detach a child from the session, the signal handlers and the streams of its parent."""
    os.setsid()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    faulthandler.disable()
    nothing: Any = open(os.devnull, "r+", encoding="utf-8", errors="replace")  # noqa: SIM115 - until the end
    for descriptor in (0, 1, 2):
        os.dup2(nothing.fileno(), descriptor)
    sys.stdin = sys.stdout = sys.stderr = nothing
