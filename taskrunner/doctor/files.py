"""The files and folders of an installation: who may write them, who may read what is secret."""

from __future__ import annotations

import os
import shlex
import shutil
import stat
from typing import TYPE_CHECKING

from taskrunner.doctor.finding import Finding

if TYPE_CHECKING:
    from pathlib import Path

    from taskrunner.config import Config


def file_findings(config: Config) -> list[Finding]:
    """Return what is wrong with the files a config names."""
    return [
        *_config_file(config),
        *_plugin_dirs(config),
        *_own_folder("state_dir", config.state_dir),
        *_own_folder("log_dir", config.log_dir),
        *_notify(config),
    ]


def _config_file(config: Config) -> list[Finding]:
    """One that others can write is refused before it is read."""
    mode, name = os.stat(config.file).st_mode, shlex.quote(str(config.file))
    if not (mode & stat.S_IROTH and _holds_a_password(config)):
        return []
    told = f"{config.file} holds a password and can be read by everybody"
    return [Finding("config", told, f"chmod o-r {name}, or database = 'env:DATABASE_URL'")]


def _holds_a_password(config: Config) -> bool:
    written = {
        ("database",): config.database,
        ("lock_database",): config.lock_database or "",
        ("task_database", "url"): config.task_database.url or "",
    }
    urls = [url for keys, url in written.items() if keys not in config.references]
    return any(":" in url.partition("://")[2].rpartition("@")[0] or "password=" in url for url in urls)


def _plugin_dirs(config: Config) -> list[Finding]:
    return [
        Finding("plugins", f"plugin_dirs: there is no folder {folder}", f"mkdir {shlex.quote(str(folder))}")
        for folder in config.plugin_dirs
        if not folder.is_dir()
    ]


def _own_folder(key: str, folder: Path) -> list[Finding]:
    """A folder that taskrunner writes: it is made when it is needed, below one that has to be writable."""
    name = shlex.quote(str(folder))
    there = folder
    while not there.exists() and there != there.parent:
        there = there.parent
    if not there.is_dir():
        return [Finding("files", f"{key}: {there} is no folder", f"mv {there} {there}.old")]
    if not os.access(there, os.W_OK | os.X_OK):
        told = f"{key}: {folder} cannot be written by uid {os.geteuid()}"
        return [Finding("files", told, f"install -d -o $USER {name}, as root")]
    if there == folder and folder.stat().st_mode & stat.S_IWOTH:
        return [Finding("files", f"{key}: {folder} can be written by everybody", f"chmod o-w {name}")]
    return []


def _notify(config: Config) -> list[Finding]:
    command = config.notify.command
    if not command or shutil.which(command[0]):
        return []
    told = f"[notify] command: {command[0]} is no program that can be run"
    return [Finding("config", told, f"chmod +x {shlex.quote(command[0])}, or change the command")]
