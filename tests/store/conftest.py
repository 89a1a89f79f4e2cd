"""A second runner's view of the tables."""

from collections.abc import Callable

import pytest

from taskrunner.db import Database
from taskrunner.store import Store


@pytest.fixture
def other_store(store: Store, open_another: Callable[[], Database]) -> Store:
    """The store of another process, on the same tables as `store`."""
    return Store(open_another())
