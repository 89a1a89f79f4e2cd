"""The cache of the idle minute: what one minute had to read and work out is noted for later ones."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

import taskrunner.installation
from taskrunner.config.find import absolute_path, find_file
from taskrunner.config.schema import mask
from taskrunner.files import read_cache_file, write_cache_file
from taskrunner.idle import KIND, NAME, changed_since, signature_of, signature_of_environment
from taskrunner.installation import world_of
from taskrunner.store.runs import LONGEST_UNKEPT
from taskrunner.store.settings import DECLARED, NOTIFIED, PROBLEMS, of_host
from taskrunner.zones import ETC

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from taskrunner.installation import Site


class Watch(NamedTuple):
    """The files that a configuration depends on, with their signatures of before it was read."""

    config_file: str
    began_at: float
    signatures: Mapping[str, str]


def watch(named: str | None, *, environ: Mapping[str, str], cwd: str, now: float) -> Watch:
    """Return the signatures of the files that a configuration is read from next. Raises ConfigError."""
    _, config_file = find_file(named, environ=environ, cwd=cwd)
    files = (
        config_file,
        str(ETC / "localtime"),
        str(ETC / "timezone"),
        str(taskrunner.installation.__file__),
    )
    return Watch(config_file, now, {path: signature_of(path) for path in files})


def remember(site: Site, seen: Watch, *, environ: Mapping[str, str]) -> None:
    """Note what an idle minute has to know, for as long as nothing that was watched changes.

    Not while a file is so young that it could change without a sign, nor where no minute is short.
    """
    url = site.config.database
    database: str | None = url
    if not url.startswith("sqlite:"):  # where a password stands is noted, never the password
        database = site.config.references.get(("database",)) or (url if mask(url) == url else None)
    is_young = any(changed_since(path, seen.began_at) for path in seen.signatures)
    if database is None or is_young or site.config.cron.keep_alive or site.config.notify.ping:
        return
    if site.config.notify.command and any(name.startswith(NOTIFIED) for name in site.store.settings.list()):
        return  # a whole cron has to tell what was counted
    lines = [f"{name} {value}" for name, value in _facts(site, seen, environ)]
    lines.append(f"database {database}")
    if any("\n" in line for line in lines):  # in a path
        return
    file, text = site.config.state_dir / NAME, "\n".join(lines)
    if read_cache_file(file, KIND) != text:
        write_cache_file(file, KIND, text)


def _facts(site: Site, seen: Watch, environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    config = site.config
    references = [reference.partition(":") for reference in config.references.values()]
    variables = [name for where, _, name in references if where == "env"]
    folder = os.path.dirname(seen.config_file)
    files = [
        absolute_path(name, directory=folder, environ=environ)
        for where, _, name in references
        if where == "file"
    ]
    yield "config", seen.config_file
    yield "environment", signature_of_environment(environ, variables)
    yield from (("variable", name) for name in variables)
    yield from (("source", f"{signature} {path}") for path, signature in seen.signatures.items())
    yield from (("source", f"{signature_of(path)} {path}") for path in files)
    yield "state_dir", str(config.state_dir)
    yield from (("plugin_dir", str(folder)) for folder in config.plugin_dirs)
    yield "registry", site.registry.fingerprint
    yield "interpreter", world_of(config).interpreter
    notified_after = config.check.cron_warning if config.notify.command else LONGEST_UNKEPT
    yield "longest_gap", str(min(notified_after, LONGEST_UNKEPT))
    yield from (
        ("setting", f"{of_host(name, site.hostname)} {site.fingerprint}") for name in (DECLARED, PROBLEMS)
    )
