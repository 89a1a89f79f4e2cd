"""Sites whose processes are ended with the test."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.processes import RealSite


@pytest.fixture
def site(tmp_path: Path, database_line: str) -> Iterator[RealSite]:
    site = RealSite(tmp_path)
    (tmp_path / "plugins").mkdir(mode=0o755)
    site.config.write_text(database_line + 'timezone = "UTC"\n[tasks."core.*"]\ndisabled = true\n')
    os.mkfifo(site.gate)
    yield site
    site.end()
