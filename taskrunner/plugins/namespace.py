"""The plugins of the site that is found, made importable in a Python that `taskrun` did not start itself.

Imported late, by the package `taskrun_plugins` alone: in a worker of multiprocessing, or in a web site.
"""

from __future__ import annotations

import os
from pathlib import Path

from taskrunner.config import load_config
from taskrunner.config.load import apply_run_settings, import_around
from taskrunner.errors import TaskrunnerError
from taskrunner.plugins.discover import find_sources
from taskrunner.plugins.importer import register
from taskrunner.plugins.installed import find_installed


def find_plugins_of_site() -> None:
    """Make the plugins of the configuration importable, and what they import. Raises ImportError."""
    try:
        config = load_config(None, environ=os.environ, cwd=Path.cwd())
        apply_run_settings(config)
    except (TaskrunnerError, OSError) as error:
        raise ImportError(f"taskrun_plugins: {error}") from error
    discovery = find_sources(config.plugin_dirs, find_installed(config.installed) if config.installed else "")
    register({source.name: source.path for source in (*discovery.sources, *discovery.shared)})
    import_around(config.run.around)
