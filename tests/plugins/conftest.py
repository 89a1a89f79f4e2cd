"""A plugin directory for each test."""

from pathlib import Path

import pytest

from tests.plugins.plugin_site import Site


@pytest.fixture
def site(tmp_path: Path) -> Site:
    plugins = tmp_path / "plugins"
    plugins.mkdir(mode=0o755)
    return Site(plugins, tmp_path / "registry")
