"""Sites with a clock of their own; a command knows of no database."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.runner.runner_site import RunnerSite, site_at


@pytest.fixture
def make_site(tmp_path: Path) -> Callable[..., RunnerSite]:
    """Make the site of a test, from plugins (name: classes) and what taskrunner.toml is to say."""
    return lambda **settings: site_at(tmp_path, **settings)
