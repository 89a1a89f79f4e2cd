"""From a plugin's files to what it declares; this runs the plugin, so it belongs in a child process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskrunner.plugins.blame import blame
from taskrunner.plugins.declaration import Declaration, Finding, Plugin
from taskrunner.plugins.declaring import declared_in
from taskrunner.plugins.discovery import modules_of
from taskrunner.plugins.loading import load_module
from taskrunner.plugins.manifest import Manifest, read_manifest
from taskrunner.plugins.reading import Reading

if TYPE_CHECKING:
    from collections.abc import Sequence

    from taskrunner.plugins.discovery import PluginSource

RETRY_AFTER = 300


def read_plugin(source: PluginSource) -> Reading:
    """Import a plugin and return what it declares; whatever a module raises, SystemExit too, is a finding.

    A module that fails costs its own tasks; the plugin's main module all of them.
    """
    manifest, findings = read_manifest(source)
    tasks: dict[str, Declaration] = {}
    failures: list[BaseException] = []
    for name, path in modules_of(source):
        try:
            found = _declared_by(source, name, path)
        except BaseException as error:
            failures.append(error)
            found = [blame(error, source.path, path)]
        findings += _sort(found, tasks)
        if failures and not name:
            break
    plugin = _plugin(source, manifest, tasks, findings)
    return Reading(plugin, broken=bool(failures), retry_after=_retry_after(failures))


def _declared_by(source: PluginSource, name: str, path: str) -> list[Declaration | Finding]:
    module = load_module(source.name, source.path, name)
    return list(declared_in(module, plugin=source.name, path=path))


def _sort(found: Sequence[Declaration | Finding], tasks: dict[str, Declaration]) -> list[Finding]:
    """Add the declarations to `tasks`, the first of each name; return what is wrong."""
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
    return Finding(second.path, second.line, message)


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


def _retry_after(failures: list[BaseException]) -> int | None:
    """A wrong text stays wrong until the file changes; anything else may lie outside the plugin."""
    may_heal = any(not isinstance(error, SyntaxError) for error in failures)
    return RETRY_AFTER if may_heal else None
