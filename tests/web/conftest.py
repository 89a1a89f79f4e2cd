"""A site for web tests; processes of its ticks end with it."""

from pathlib import Path

import pytest

from tests.runner.conftest import make_site as make_site
from tests.web.web_site import WebSite


@pytest.fixture
def site(tmp_path: Path) -> WebSite:
    return WebSite(tmp_path)
