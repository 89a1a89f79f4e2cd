"""Forgets what is old: runs, log files, and adhoc tasks that were given up."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

from taskrunner.store.runs import END_OF_TIME
from taskrunner.task import ScheduledTask, current_run, mtrace

if TYPE_CHECKING:
    from collections.abc import Iterator

BATCH = 1000
"""Rows deleted in one transaction, so that no lock is held for long."""

DAY = 86_400


class AdhocCleanup(ScheduledTask):
    """Delete adhoc tasks that were given up long ago."""

    schedule = "R R * * *"

    def execute(self) -> None:
        """Delete what has no attempts left and last failed before the retention."""
        run = current_run()
        before = time.time() - run.config.adhoc.failed_retention_days * DAY
        tasks, deleted = run.open_store().adhoc, 0
        while batch := tasks.cleanup(before, limit=BATCH):
            deleted += batch
        mtrace(f"{deleted} given up adhoc tasks deleted")


HOST_KEPT = 2 * DAY
"""Seconds without a cron after which a host is forgotten: a container may have another name at each start."""


class LogCleanup(ScheduledTask):
    """Delete kept runs that are too old or too many, and hosts that are gone."""

    schedule = "R R * * *"

    def execute(self) -> None:
        """Keep what is young or among the newest of its task; of the rest, batch by batch, nothing."""
        run = current_run()
        settings, store = run.config.log, run.open_store()
        log = store.log
        too_old = time.time() - settings.retention_days * DAY
        deleted = 0
        for name in log.names():
            for before, keep_runs in ((too_old, settings.retain_runs), (END_OF_TIME, settings.max_runs)):
                batch = BATCH
                while batch:
                    with store.transaction():
                        batch = log.cleanup(name, before=before, keep_runs=keep_runs, limit=BATCH)
                    deleted += batch
        mtrace(f"{deleted} kept runs deleted")
        gone = store.hosts.cleanup(time.time() - HOST_KEPT, gaps_before=too_old)
        if gone:
            store.settings.forget_hosts(frozenset(gone))


class LogFileCleanup(ScheduledTask):
    """Delete log files that are too old."""

    schedule = "R R * * *"

    def execute(self) -> None:
        """Delete old files that are named as log files are, packed or not, and folders they leave empty.

        The file of a process that lives stays however old it looks: the clock may have been wrong.
        """
        config = current_run().config
        before = time.time() - config.log.file_retention_days * DAY
        named = re.compile(name_pattern(config.log.file))
        in_use = {row.log_file for row in current_run().open_store().runners.list()}
        deleted = 0
        for folder in (config.log_dir, config.state_dir / "log"):
            for file in _files(folder):
                is_log = named.fullmatch(str(file.relative_to(folder))) and str(file) not in in_use
                if is_log and file.lstat().st_mtime < before:
                    file.unlink(missing_ok=True)
                    _remove_empty(file.parent, folder)
                    deleted += 1
        mtrace(f"{deleted} log files deleted")


def name_pattern(log_file: str) -> str:
    """Return a regular expression for the names that a pattern of log files makes.

    >>> bool(re.fullmatch(name_pattern("%Y/cron_%H%M_{pid}.log"), "2026/cron_1357_4711.log.gz"))
    True
    >>> bool(re.fullmatch(name_pattern("%Y/cron_{host}_{pid}.log"), "2026/cron_web-1.shop_4711-2.log"))
    True
    >>> bool(re.fullmatch(name_pattern("%Y/cron_%H%M_{pid}.log"), "2026/notes.log"))
    False
    """
    stem, suffix = os.path.splitext(log_file)
    numbered = r"(-[0-9]+)?"
    return _name_pattern(stem) + numbered + _name_pattern(suffix) + r"(\.gz)?"


def _name_pattern(text: str) -> str:
    parts = re.split(r"(%-?[A-Za-z]|\{pid\}|\{host\})", text)
    shapes = {"{pid}": "[0-9]+"}
    return "".join(
        shapes.get(part, "[^/]+?") if number % 2 else re.escape(part) for number, part in enumerate(parts)
    )


def _files(folder: Path) -> Iterator[Path]:
    for parent, _, names in os.walk(folder):
        for name in names:
            file = Path(parent, name)
            if not file.is_symlink():
                yield file


def _remove_empty(folder: Path, top: Path) -> None:
    while folder != top and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent
