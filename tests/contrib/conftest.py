"""The example site, copied for each test, and a forum on a database of each kind."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contrib.example_site import ExampleSite
from tests.contrib.tidying import DATABASES, Forum, new_urls, serving


@pytest.fixture
def site(tmp_path: Path) -> ExampleSite:
    return ExampleSite.copied_to(tmp_path / "site")


@pytest.fixture(scope="session", params=DATABASES)
def served(request: pytest.FixtureRequest) -> Iterator[tuple[str, Any]]:
    with serving(request.param) as server:
        yield request.param, server


@pytest.fixture
def new_url(served: tuple[str, Any], tmp_path: Path) -> Callable[[], str]:
    kind, server = served
    urls = new_urls(kind, tmp_path, server)
    return lambda: next(urls)


@pytest.fixture
def forum(tmp_path: Path, new_url: Callable[[], str]) -> Forum:
    return Forum(tmp_path / "site", new_url())
