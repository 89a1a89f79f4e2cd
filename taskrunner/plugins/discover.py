"""Finding plugins on disk: their names, files and signatures; no file is opened."""

from __future__ import annotations

import errno
import os
import sys
from itertools import chain

from taskrunner.files import (
    fault_of,
    fault_of_file,
    fault_of_folder,
    fault_of_link,
    read_cache_file,
    write_cache_file,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Literal

    from taskrunner.plugins.installed import FoundFile
    from taskrunner.records import Finding

CORE = "core"
CORE_FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "core_tasks")
MANIFEST = "plugin.toml"


# Plain classes: an idle minute comes this way, and dataclasses and typing cost more than all the rest of it.
class SourceFile:
    """A file of a plugin; its signature (path, mtime_ns, size, inode) tells whether it has changed."""

    __slots__ = ("path", "signature")

    def __init__(self, path: str, status: os.stat_result) -> None:
        self.path = path
        self.signature = (path, status.st_mtime_ns, status.st_size, status.st_ino)


class PluginSource:
    """A plugin as it lies on disk; of a package the files directly in it, `plugin.toml` included."""

    __slots__ = ("files", "kind", "name", "path")

    def __init__(
        self, name: str, path: str, kind: Literal["file", "package"], files: tuple[SourceFile, ...]
    ) -> None:
        self.name = name
        self.path = path
        self.kind = kind
        self.files = files


class Discovery:
    """The plugins of all plugin directories, taskrunner's own first, and what could not be one.

    `shared`: modules and packages whose name begins with _, which plugins import and which are none.
    `is_whole`: no folder or file could not be read for a reason that may be gone a moment later.
    """

    __slots__ = ("findings", "is_whole", "shared", "sources")

    def __init__(
        self,
        sources: tuple[PluginSource, ...],
        findings: tuple[Finding, ...],
        shared: tuple[PluginSource, ...] = (),
        *,
        is_whole: bool = True,
    ) -> None:
        self.sources = sources
        self.findings = findings
        self.shared = shared
        self.is_whole = is_whole


def find_sources(plugin_dirs: Sequence[str | os.PathLike[str]], installed: str = "") -> Discovery:
    """Return every plugin: `core`, those of each directory by name, those that are `installed`.

    Of equal names the first counts. Never raises: what looks like a plugin but is not one, or may not be
    trusted, becomes a finding. `installed` is what `find_installed` has returned.
    """
    sources: dict[str, PluginSource] = {}
    findings: list[Finding] = []
    folders = dict.fromkeys(os.path.abspath(folder) for folder in plugin_dirs)
    core = _package(CORE, CORE_FOLDER, _entries(CORE_FOLDER))
    for found in chain(core, *map(_plugins_in, folders), _installed(installed) if installed else ()):
        if not isinstance(found, PluginSource):
            findings.append(found)
        elif found.name in sources:
            findings.append(_taken(found, sources[found.name]))
        else:
            sources[found.name] = found
    plugins = tuple(source for name, source in sources.items() if not name.startswith("_"))
    shared = tuple(source for name, source in sources.items() if name.startswith("_"))
    is_whole = not any(finding.message.endswith(PASSING) for finding in findings)
    return Discovery(plugins, tuple(findings), shared, is_whole=is_whole)


PASSING = tuple(
    os.strerror(number)
    for number in (
        *(errno.EIO, errno.ESTALE, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN, errno.ETIMEDOUT),
        *(errno.ENOTCONN, errno.EHOSTDOWN, errno.EREMOTEIO),
    )
)
"""How the system calls what a moment later may be gone: an input/output error, too many open files."""


def is_passing(error: BaseException | None) -> bool:
    """Return whether an error may be gone a moment later."""
    return isinstance(error, OSError) and (error.strerror or "") in PASSING


def modules_of(source: PluginSource) -> list[tuple[str, str]]:
    """Return name and path of each module that may declare tasks: the main one first, its name is ""."""
    modules = [("", main_file_of(source))]
    for file in source.files:
        name, suffix = os.path.splitext(os.path.basename(file.path))
        if source.kind == "package" and suffix == ".py" and name not in ("__init__", "__main__"):
            modules.append((name, file.path))
    return modules


def main_file_of(source: PluginSource) -> str:
    """Return the path of the file that is imported first."""
    return source.path if source.kind == "file" else os.path.join(source.path, "__init__.py")


def _plugins_in(folder: str) -> Iterator[PluginSource | Finding]:
    try:
        fault = fault_of_folder(folder)
        entries = _entries(folder)
    except OSError as error:
        yield _finding(folder, f"cannot be used as a plugin directory: {error.strerror}")
        return
    if fault:
        yield _finding(folder, fault)
        return
    for entry in entries:
        yield from _plugins_at(entry)


def _installed(installed: str) -> Iterator[PluginSource | Finding]:
    from taskrunner.plugins.installed import FoundFile, places_in  # late: few sites name any

    for name, path, fault in places_in(installed):
        try:
            fault = fault or fault_of_folder(os.path.dirname(path)) or _fault_of_name(name) or ""
            entries = [] if fault or path.endswith(".py") else _entries(path)
        except OSError as error:
            fault = f"cannot be read: {error.strerror}"
        if fault:
            yield _finding(path, fault)
        elif path.endswith(".py"):
            file = _file(FoundFile(path))
            yield PluginSource(name, path, "file", (file,)) if isinstance(file, SourceFile) else file
        else:
            yield from _package(name, path, entries)


def _plugins_at(entry: os.DirEntry[str]) -> Iterator[PluginSource | Finding]:
    if entry.name.startswith("__"):
        return
    if entry.name.endswith(".py"):
        name = entry.name.removesuffix(".py")
        fault = _fault_of_name(name)
        file = _finding(entry.path, fault) if fault else _file(entry)
        yield PluginSource(name, entry.path, "file", (file,)) if isinstance(file, SourceFile) else file
    elif os.path.isdir(entry.path):
        yield from _folder(entry)


def _folder(entry: os.DirEntry[str]) -> Iterator[PluginSource | Finding]:
    try:
        entries = _entries(entry.path)
        fault = fault_of(entry.stat())
        if entry.is_symlink():
            fault = fault or fault_of_link(entry.path)
    except OSError as error:
        yield _finding(entry.path, f"cannot be read: {error.strerror}")
        return
    if not any(inner.name.endswith(".py") for inner in entries):
        return
    if fault := fault or _fault_of_name(entry.name):
        yield _finding(entry.path, fault)
    else:
        yield from _package(entry.name, entry.path, entries)


def _package(name: str, path: str, entries: Iterable[os.DirEntry[str]]) -> Iterator[PluginSource | Finding]:
    files = []
    for entry in entries:
        if not entry.name.endswith(".py") and entry.name != MANIFEST:
            continue
        found = _file(entry)
        if isinstance(found, SourceFile):
            files.append(found)
        else:
            yield found
    if any(os.path.basename(file.path) == "__init__.py" for file in files):
        yield PluginSource(name, path, "package", tuple(files))
    else:
        yield _finding(path, "has Python files but no __init__.py that could be used, so it is not a plugin")


def _entries(folder: str) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        visible = (entry for entry in entries if not entry.name.startswith("."))
        return sorted(visible, key=lambda entry: entry.name)


def _file(entry: os.DirEntry[str] | FoundFile) -> SourceFile | Finding:
    try:
        status = entry.stat()
        fault = _fault_of_name(entry.name, of_plugin=False) or fault_of_file(status)
        if os.path.dirname(entry.path) != CORE_FOLDER:  # whose files are what asks
            fault = fault or fault_of(status)
        if entry.is_symlink():
            fault = fault or fault_of_link(entry.path)
    except OSError as error:
        return _finding(entry.path, f"cannot be read: {error.strerror}")
    if fault:
        return _finding(entry.path, fault)
    return SourceFile(entry.path, status)


def _fault_of_name(file_name: str, *, of_plugin: bool = True) -> str | None:
    name = file_name.removesuffix(".py")
    if of_plugin and name == CORE:
        return f"the name {CORE!r} is reserved for taskrunner's own tasks"
    if file_name == MANIFEST or name.isidentifier():
        return None
    return f"{name!r} is not a Python identifier, so it cannot be a plugin or a module of one"


def _taken(second: PluginSource, first: PluginSource) -> Finding:
    return _finding(second.path, f"the plugin {first.name} is at {first.path} already; this one is ignored")


def _finding(path: str, message: str) -> Finding:
    from taskrunner.plugins.declaration import plugin_finding

    return plugin_finding(message, file=os.fsencode(path).decode(errors="backslashreplace"))


CACHE_FILE = "registry.json"
"""Its name in the state directory."""

CACHE_VERSION = 7
KIND = f"registry {CACHE_VERSION}"
NEVER = float("inf")


PACKAGES = ("site-packages", "dist-packages")


def signature_of_interpreter(path: Sequence[str]) -> str:
    """Return what differs with the Python and its import path, without the folder of its own programs."""
    programs = os.path.join(sys.prefix, "bin")
    return ascii((sys.hexversion, sys.prefix, [entry for entry in path if entry not in ("", programs)]))


def signature_of_packages() -> str:
    """Return what differs once something was installed or removed."""
    folders = [entry for entry in sys.path if entry.endswith(PACKAGES) and os.path.isdir(entry)]
    return ascii([os.stat(folder).st_mtime_ns for folder in folders])


def changed_modules(imported: str) -> set[str]:
    """Return the paths of the modules whose signature is not as it was noted."""
    if imported == "[]":
        return set()
    from ast import literal_eval

    return {known[0] for known in literal_eval(imported) if signature_of_module(known[0]) != known}


def signature_of_module(path: str) -> tuple[str, int, int, int] | None:
    """Return the signature of a file, as a SourceFile has it, or None if it is gone."""
    try:
        return SourceFile(path, os.stat(path)).signature
    except OSError:
        return None


class World:
    """What decides, besides the plugins' files, on what reading them gives.

    `path` is the import path before `[run]` was applied; `settings` what `[run]` says; `roots` are the
    folders whose modules are watched; `installed` names distributions whose plugins are used. They are
    read in `directory`, after the modules of `around`.
    """

    __slots__ = ("around", "directory", "installed", "interpreter", "roots", "settings")

    def __init__(
        self,
        *,
        path: Sequence[str],
        settings: str = "",
        directory: str | None = None,
        around: Sequence[str] = (),
        roots: Sequence[str] = (),
        installed: Sequence[str] = (),
    ) -> None:
        self.installed = tuple(installed)
        self.interpreter = signature_of_interpreter(path)
        self.settings = settings
        self.directory = directory
        self.around = tuple(around)
        self.roots = tuple(roots)


class Snapshot:
    """What was known at one moment; most of it stays text until somebody asks.

    `sources` are the plugins on disk with their signatures, as `text_of` a discovery; `readings` is JSON of
    what they declare; `retries` is JSON of the moments (epoch seconds) from which on broken plugins are read
    again, `next_retry` the first of these; `fingerprint` changes with sources and readings. `interpreter`,
    `packages` and `settings` are of the World they were read in, `imported` the signatures of the modules
    that they imported besides their own, as a Python literal; `installed` where the plugins of distributions
    lie.
    """

    __slots__ = (
        *(
            "fingerprint",
            "imported",
            "installed",
            "interpreter",
            "next_retry",
            "packages",
            "readings",
            "retries",
        ),
        *("settings", "sources"),
    )

    def __init__(
        self,
        *,
        fingerprint: str,
        next_retry: float,
        retries: str,
        sources: str,
        readings: str,
        interpreter: str,
        packages: str,
        settings: str,
        installed: str,
        imported: str,
    ) -> None:
        self.installed = installed
        self.interpreter = interpreter
        self.packages = packages
        self.settings = settings
        self.imported = imported
        self.fingerprint = fingerprint
        self.next_retry = next_retry
        self.retries = retries
        self.sources = sources
        self.readings = readings

    def holds(self, discovery: Discovery, *, now: float) -> bool:
        """Return whether reading all plugins anew, by the same Python, would bring nothing new."""
        return (
            self.next_retry > now
            and self.sources == text_of(discovery)
            and self.packages == signature_of_packages()
            and not changed_modules(self.imported)
        )


def text_of(discovery: Discovery) -> str:
    """Return plugins, findings and shared modules as a Python literal on one line: quick to compare."""
    sources, shared = (
        [(one.name, one.path, one.kind, [file.signature for file in one.files]) for one in found]
        for found in (discovery.sources, discovery.shared)
    )
    return ascii((sources, [(finding.file, finding.message) for finding in discovery.findings], shared))


def read_snapshot(file: str | os.PathLike[str]) -> Snapshot | None:
    """Return what `write_snapshot` wrote, or None if it is missing, damaged or not our own."""
    text = read_cache_file(file, KIND)
    if text is None:
        return None
    fingerprint, next_retry, retries, sources, readings, *world, imported = text.split("\n")
    interpreter, packages, settings, installed = world
    return Snapshot(
        fingerprint=fingerprint,
        next_retry=float(next_retry),
        retries=retries,
        sources=sources,
        readings=readings,
        interpreter=interpreter,
        packages=packages,
        settings=settings,
        installed=installed,
        imported=imported,
    )


def write_snapshot(file: str | os.PathLike[str], snapshot: Snapshot) -> None:
    """Replace the file as a whole, readable by its owner only; where that fails, there is no cache.

    One that says the same already is left alone.
    """
    lines = (
        snapshot.fingerprint,
        repr(snapshot.next_retry),
        snapshot.retries,
        snapshot.sources,
        snapshot.readings,
        snapshot.interpreter,
        snapshot.packages,
        snapshot.settings,
        snapshot.installed,
        snapshot.imported,
    )
    text = "\n".join(lines)
    if read_cache_file(file, KIND) != text:
        write_cache_file(file, KIND, text)
