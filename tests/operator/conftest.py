"""Sites for the real program, and sites whose processes are ended with the test."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.processes import RealSite
from tests.cli.conftest import site as site


@pytest.fixture
def live(tmp_path: Path, database_line: str) -> Iterator[RealSite]:
    """A site whose tasks a test can hold at a gate."""
    live = RealSite(tmp_path)
    (tmp_path / "plugins").mkdir(mode=0o755)
    live.config.write_text(database_line + 'timezone = "UTC"\n[tasks."core.*"]\ndisabled = true\n')
    os.mkfifo(live.gate)
    yield live
    live.end()
