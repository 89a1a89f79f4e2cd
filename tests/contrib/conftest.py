"""The example site, copied for each test."""

from pathlib import Path

import pytest

from tests.contrib.example_site import ExampleSite


@pytest.fixture
def site(tmp_path: Path) -> ExampleSite:
    return ExampleSite.copied_to(tmp_path / "site")
