"""Sites whose processes are ended with the test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.processes import RealSite


@pytest.fixture
def sqlite_template() -> None:
    """None: the first command makes the database."""


@pytest.fixture
def site(tmp_path: Path, database_line: str) -> Iterator[RealSite]:
    site = RealSite.made_in(tmp_path, database_line)
    yield site
    site.end()
